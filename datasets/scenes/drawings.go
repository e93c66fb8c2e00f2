package scenes

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"fmt"
	"image/color"
	"image/png"
	"path"
	"slices"
	"strings"
	"sync"
)

// The licences travel with the archive in the repository's folder.
//
//go:embed embedded/drawings.zip
var archive []byte

// material is what scenes are made of.
type material struct {
	classes  []string  // sorted
	drawings []drawing // by class, then by name
	perClass int       // drawings of a class
	grounds  []ground
}

// drawing is an object's picture.
type drawing struct {
	class  int
	name   string
	levels []raster // 64, 32, 16 and 8 pixels, and a transparent border of one pixel
}

// ground is a photograph, its shorter side 192 pixels, 96 and 48.
type ground struct {
	name   string
	levels []raster
}

// raster is pixels [h,w,channels]: of drawings red, green, blue, all multiplied by alpha, and alpha.
type raster struct {
	h, w, channels int
	pix            []byte
}

// groundNames are the words of captions for the photographs.
var groundNames = map[string]string{"brick": "bricks", "camera": "a photographer", "chelsea": "fur",
	"coffee": "a table", "grass": "grass", "gravel": "gravel", "retina": "a retina", "rocket": "a launch pad"}

// loaded reads the archive once.
var loaded = sync.OnceValues(read)

func read() (*material, error) {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, fmt.Errorf("datasets: scenes: %w", err)
	}
	m := &material{}
	for _, f := range z.File {
		part := strings.Split(strings.TrimSuffix(f.Name, path.Ext(f.Name)), "/")
		channels := 3
		if part[0] == "drawings" {
			channels = 4
		}
		r, err := decode(f, channels)
		if err != nil {
			return nil, fmt.Errorf("datasets: scenes: %s: %w", f.Name, err)
		}
		if channels == 3 {
			m.grounds = append(m.grounds, ground{groundNames[part[1]], r.halved(3)})
			continue
		}
		if !slices.Contains(m.classes, part[1]) {
			m.classes = append(m.classes, part[1])
		}
		levels := r.halved(4)
		for i := range levels {
			levels[i] = levels[i].bordered()
		}
		m.drawings = append(m.drawings, drawing{len(m.classes) - 1, part[2], levels})
	}
	m.perClass = len(m.drawings) / len(m.classes)
	return m, nil
}

// decode reads a PNG as pixels of 3 channels, or of 4 multiplied by alpha.
func decode(f *zip.File, channels int) (r raster, err error) {
	in, err := f.Open()
	if err != nil {
		return r, err
	}
	defer in.Close()
	img, err := png.Decode(in)
	if err != nil {
		return r, err
	}
	b := img.Bounds()
	r = raster{b.Dy(), b.Dx(), channels, make([]byte, b.Dy()*b.Dx()*channels)}
	for y := range r.h {
		for x := range r.w {
			c := color.RGBAModel.Convert(img.At(b.Min.X+x, b.Min.Y+y)).(color.RGBA)
			copy(r.pix[(y*r.w+x)*channels:], []byte{c.R, c.G, c.B, c.A}[:channels])
		}
	}
	return r, nil
}

// halved is a raster and smaller ones of half the height and width each, by the mean of four pixels.
func (r raster) halved(levels int) []raster {
	all := []raster{r}
	for range levels - 1 {
		c := r.channels
		s := raster{r.h / 2, r.w / 2, c, make([]byte, r.h/2*(r.w/2)*c)}
		for y := range s.h {
			for x := range s.w {
				for k := range c {
					at := (2*y*r.w+2*x)*c + k
					sum := int(r.pix[at]) + int(r.pix[at+c]) + int(r.pix[at+r.w*c]) + int(r.pix[at+r.w*c+c])
					s.pix[(y*s.w+x)*c+k] = byte((sum + 2) / 4)
				}
			}
		}
		all, r = append(all, s), s
	}
	return all
}

// bordered has a border of one transparent pixel, so that reading between pixels needs no bounds.
func (r raster) bordered() raster {
	s := raster{r.h + 2, r.w + 2, r.channels, make([]byte, (r.h+2)*(r.w+2)*r.channels)}
	for y := range r.h {
		copy(s.pix[((y+1)*s.w+1)*s.channels:], r.pix[y*r.w*r.channels:(y+1)*r.w*r.channels])
	}
	return s
}

// level is the smallest of rasters that has at least three quarters of so many pixels along its shorter side, else the
// largest.
func level(all []raster, pixels float64) *raster {
	for i := len(all) - 1; i > 0; i-- {
		if float64(min(all[i].h, all[i].w)) >= 0.75*pixels {
			return &all[i]
		}
	}
	return &all[0]
}
