package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/png"
	"path/filepath"
	"strings"
	"testing"
)

// recoded is a picture in another file format, with the same pixels.
func recoded(t *testing.T, b []byte) []byte {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	p := image.NewPaletted(m.Bounds(), nil)
	for i := range 256 {
		p.Palette = append(p.Palette, color.Gray{Y: uint8(i)})
	}
	draw.Draw(p, p.Bounds(), m, image.Point{}, draw.Src)
	var out bytes.Buffer
	if err := gif.Encode(&out, p, &gif.Options{NumColors: 256}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Images that are in the training set and in the test set are named by data info and data verify, of every source, by
// their pixels: another format or name does not hide them.
func TestImagesInBothSets(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 10, "train/a", "train/b")
	fill(t, dir, 3, "val/a") // the first of train/a once more
	write(t, dir, map[string][]byte{
		"val/a/00.png": picture(t, 200), "val/a/01.png": picture(t, 201), "val/b/new.png": picture(t, 202),
		"val/b/copy.gif": recoded(t, picture(t, 15)),
	})
	path := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	first, second := path("val/a/02.png")+" is the training image "+path("train/a/02.png"),
		path("val/b/copy.gif")+" is the training image "+path("train/b/04.png")
	says(t, 0, []string{"data", "info", dir}, "in both 2 test images are training images too", first, second)
	says(t, 0, []string{"data", "verify", dir}, "in both sets: "+first, "in both sets: "+second)
	for _, verb := range []string{"info", "verify"} {
		_, out, _ := call("data", verb, dir, "--json")
		var v struct {
			Both []struct{ Train, Test string }
		}
		if err := json.Unmarshal([]byte(out), &v); err != nil || len(v.Both) != 2 ||
			v.Both[0].Train != path("train/a/02.png") || v.Both[0].Test != path("val/a/02.png") {
			t.Errorf("%s --json: %v, want both: %s", verb, err, out)
		}
	}
	for _, how := range []string{"--raw", "--size=28"} {
		file := filepath.Join(t.TempDir(), "set.pack")
		says(t, 0, []string{"data", "pack", dir, how, "-o", file})
		says(t, 0, []string{"data", "verify", file}, `"val/a/02.png" is the training image set.pack`)
		says(t, 0, []string{"data", "info", file}, "data verify tells whether images occur in both sets")
	}
	pixels := func(seeds ...int) []byte {
		b := []byte{0, 0, 8, 3, 0, 0, 0, byte(len(seeds)), 0, 0, 0, 28, 0, 0, 0, 28}
		for _, s := range seeds {
			for i := range 28 * 28 {
				b = append(b, byte(s*i))
			}
		}
		return b
	}
	write(t, dir, map[string][]byte{"x": pixels(1, 2, 3, 4), "t": pixels(5, 3)})
	says(t, 0, []string{"data", "info", "quickstart.toml", "--set", fmt.Sprintf("dataset.idx.train_images=%q",
		path("x")), "--set", fmt.Sprintf("dataset.idx.test_images=%q", path("t"))},
		path("t")+"[1] is the training image "+path("x")+"[2]")

	masks := t.TempDir()
	mask := func() []byte {
		var b bytes.Buffer
		m := image.NewGray(image.Rect(0, 0, 28, 28))
		m.Pix[0] = 255
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}()
	write(t, masks, map[string][]byte{
		"train/images/1.png": picture(t, 1), "train/images/2.png": picture(t, 2), "train/masks/1.png": mask,
		"train/masks/2.png": mask,
		"val/images/9.png":  picture(t, 2), "val/masks/9.png": mask,
		"set.toml": []byte("[data.masks]\nroot = \".\"\nvalues = [0, 255]\n"),
	})
	same := filepath.Join(masks, "val", "images", "9.png") + " is the training image " + filepath.Join(masks, "train",
		"images", "2.png")
	says(t, 0, []string{"data", "verify", filepath.Join(masks, "set.toml")}, "in both sets: "+same)
	says(t, 0, []string{"data", "info", filepath.Join(masks, "set.toml")}, same)
	clean := pictures(t, 10, 0, "a", "b")
	if out := says(t, 0, []string{"data", "info", clean}); strings.Contains(out, "in both") {
		t.Errorf("nothing is in both sets: %s", out)
	}
}
