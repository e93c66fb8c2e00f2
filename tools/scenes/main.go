// Command scenes makes the archive that package datasets/scenes draws with: drawings of ten classes as they are, and
// photographs scaled down.
//
//	go run ./scenes EMOJI PHOTOS ../datasets/scenes/embedded/drawings.zip
//
// EMOJI holds images/*.png and captions.jsonl with the image, caption and category of each (npm package
// emoji-datasource-google 16.0.0, img/google/64 and the names in its emoji.json); PHOTOS the photographs (skimage/data
// of scikit-image 0.19.3).
package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// classes has the names of ten drawings for each class.
var classes = map[string][]string{
	"mammal": {"monkey", "dog", "cat", "tiger", "horse", "cow", "pig", "elephant", "rabbit", "hippopotamus"},
	"bird":   {"chicken", "penguin", "eagle", "duck", "swan", "owl", "flamingo", "peacock", "parrot", "turkey"},
	"insect": {"butterfly", "bug", "ant", "honeybee", "beetle", "lady beetle", "cricket", "cockroach", "mosquito",
		"fly"},
	"flower": {"cherry blossom", "white flower", "lotus", "rose", "hibiscus", "sunflower", "blossom", "tulip",
		"hyacinth", "bouquet"},
	"fruit": {"grapes", "watermelon", "tangerine", "lemon", "banana", "pineapple", "red apple", "pear", "cherries",
		"strawberry"},
	"vehicle": {"bus", "ambulance", "fire engine", "taxi", "automobile", "pickup truck", "tractor", "motorcycle",
		"bicycle", "trolleybus"},
	"instrument": {"saxophone", "accordion", "guitar", "trumpet", "violin", "banjo", "long drum", "maracas", "flute",
		"harp"},
	"tool": {"hammer", "axe", "pick", "boomerang", "carpentry saw", "wrench", "screwdriver", "shovel", "ladder",
		"magnet"},
	"shoe": {"thong sandal", "mans shoe", "athletic shoe", "hiking boot", "flat shoe", "high-heeled shoe",
		"womans sandal", "ballet shoes", "womans boots", "ice skate"},
	"drink": {"baby bottle", "glass of milk", "hot beverage", "teapot", "wine glass", "cocktail glass",
		"tropical drink", "beer mug", "cup with straw", "bubble tea"},
}

// side is the shorter side of a photograph in the archive, in pixels.
const side = 192

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: scenes EMOJI PHOTOS OUT.zip")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "scenes:", err)
		os.Exit(1)
	}
}

func write(emoji, photos, to string) error {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if err := drawings(z, emoji); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(photos, "*.[pj][np]g"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("%s: no photographs (%v)", photos, err)
	}
	slices.Sort(files)
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		m, _, err := image.Decode(f)
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		w, err := stored(z, "photos/"+name+".png")
		if err != nil {
			return err
		}
		best := png.Encoder{CompressionLevel: png.BestCompression}
		if err := best.Encode(w, smaller(m)); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, b.Bytes(), 0o644)
}

// stored is a file of the archive that is not compressed again.
func stored(z *zip.Writer, name string) (io.Writer, error) {
	return z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
}

// drawings writes drawings/CLASS/NAME.png in the order of the classes.
func drawings(z *zip.Writer, dir string) error {
	f, err := os.Open(filepath.Join(dir, "captions.jsonl"))
	if err != nil {
		return err
	}
	defer f.Close()
	files := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		var line struct{ Image, Caption string }
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			return err
		}
		files[line.Caption] = line.Image
	}
	var names []string
	for class, list := range classes {
		for _, name := range list {
			names = append(names, class+"/"+name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		_, caption, _ := strings.Cut(name, "/")
		b, err := os.ReadFile(filepath.Join(dir, files[caption]))
		if err != nil {
			return fmt.Errorf("%s: %w", caption, err)
		}
		w, err := stored(z, "drawings/"+name+".png")
		if err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// smaller averages the areas that pixels of the smaller image cover.
func smaller(m image.Image) image.Image {
	r := m.Bounds()
	scale := float64(min(r.Dx(), r.Dy())) / side
	w, h := int(float64(r.Dx())/scale+0.5), int(float64(r.Dy())/scale+0.5)
	_, grey := m.(*image.Gray)
	var out interface {
		image.Image
		Set(x, y int, c color.Color)
	} = image.NewRGBA(image.Rect(0, 0, w, h))
	if grey {
		out = image.NewGray(image.Rect(0, 0, w, h))
	}
	for y := range h {
		for x := range w {
			var sum [3]float64
			var area float64
			for sy := int(float64(y) * scale); float64(sy) < float64(y+1)*scale && sy < r.Dy(); sy++ {
				high := min(float64(sy+1), float64(y+1)*scale) - max(float64(sy), float64(y)*scale)
				for sx := int(float64(x) * scale); float64(sx) < float64(x+1)*scale && sx < r.Dx(); sx++ {
					a := high * (min(float64(sx+1), float64(x+1)*scale) - max(float64(sx), float64(x)*scale))
					c := color.RGBAModel.Convert(m.At(r.Min.X+sx, r.Min.Y+sy)).(color.RGBA)
					sum[0], sum[1], sum[2] = sum[0]+a*float64(c.R), sum[1]+a*float64(c.G), sum[2]+a*float64(c.B)
					area += a
				}
			}
			for k := range sum {
				sum[k] = sum[k]/area + 0.5
			}
			out.Set(x, y, color.RGBA{byte(sum[0]), byte(sum[1]), byte(sum[2]), 255})
		}
	}
	return out
}
