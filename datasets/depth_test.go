package datasets

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"slices"
	"strings"
	"testing"
)

// deep is a picture whose samples of 16 bits count up from first, as a type of the library.
func deep(h, w, first, step int, as string) image.Image {
	at := func(x, y int) uint16 { return uint16(first + step*(y*w+x)) }
	r := image.Rect(0, 0, w, h)
	grey, colour, premultiplied := image.NewGray16(r), image.NewNRGBA64(r), image.NewRGBA64(r)
	for y := range h {
		for x := range w {
			v := at(x, y)
			grey.SetGray16(x, y, color.Gray16{Y: v})
			colour.SetNRGBA64(x, y, color.NRGBA64{R: v, G: v / 2, B: 0, A: 0xffff})
			premultiplied.SetRGBA64(x, y, color.RGBA64{R: v / 4, G: v / 4, B: v / 4, A: 0x4000})
		}
	}
	switch as {
	case "grey":
		return grey
	case "colour":
		return colour
	}
	return premultiplied
}

// whiteIsZero is a grey TIFF with 0 for white.
func whiteIsZero(t testing.TB, b []byte) []byte {
	t.Helper()
	b = bytes.Clone(b)
	dir, err := readIFD(b)
	if err != nil || dir.entry(262) == 0 {
		t.Fatalf("no PhotometricInterpretation: %v", err)
	}
	dir.order.PutUint16(b[dir.entry(262)+8:], 0)
	return b
}

// Samples of 16 bits become bytes by the range that the recipe states, in every format that has such samples, and by
// their high byte where it states none.
func TestRange16(t *testing.T) {
	grey := deep(1, 5, 0, 1024, "grey") // 0, 1024, 2048, 3072, 4096
	for _, c := range []struct {
		name        string
		in          []byte
		first, last uint16
		want        []byte
	}{
		{"png, high byte", encoded(t, ".png", grey), 0, 0, []byte{0, 4, 8, 12, 16}},
		{"png", encoded(t, ".png", grey), 0, 4096, []byte{0, 64, 128, 191, 255}},
		{"png, black point", encoded(t, ".png", grey), 1024, 3072, []byte{0, 0, 128, 255, 255}},
		{"png, whole range", encoded(t, ".png", grey), 0, 65535, []byte{0, 4, 8, 12, 16}},
		{"tiff", encoded(t, ".tiff", grey), 0, 4096, []byte{0, 64, 128, 191, 255}},
		{"tiff, 0 is white", whiteIsZero(t, encoded(t, ".tiff", grey)), 0, 4096, []byte{255, 191, 128, 64, 0}},
		{"tiff, 0 is white, black point", whiteIsZero(t, encoded(t, ".tiff", grey)), 1024, 3072,
			[]byte{255, 255, 128, 0, 0}},
		{"tiff, 0 is white, high byte", whiteIsZero(t, encoded(t, ".tiff", grey)), 0, 0,
			[]byte{255, 251, 247, 243, 239}},
		{"png, colour", encoded(t, ".png", deep(1, 2, 2048, 2048, "colour")), 0, 4096, []byte{128, 64, 0, 255, 128, 0}},
		{"tiff, colour with alpha taken in", encoded(t, ".tiff", deep(1, 2, 2048, 2048, "premultiplied")), 0, 4096,
			[]byte{127, 127, 127, 255, 255, 255}},
		{"8 bits stay", encoded(t, ".png", stripes(1, 3, 1, 9)), 0, 4096, []byte{0, 9, 9}},
	} {
		d := Decoder{Black16: c.first, White16: c.last}
		var m Image
		if err := d.Decode(c.in, &m); err != nil || !bytes.Equal(m.Pix, c.want) {
			t.Errorf("%s: got %v (%v), want %v", c.name, m.Pix, err, c.want)
		}
	}
	for _, r := range [][]int{{5}, {0, 0}, {9, 3}, {-1, 3}, {0, 65536}, {1, 2, 3}} {
		s := NewFolder()
		s.Train, s.Range16 = "x", r
		if _, err := s.Open(Env{}); err == nil || !strings.Contains(err.Error(), "want two values of 16-bit samples") {
			t.Errorf("range16 = %v: got %v", r, err)
		}
	}
}

// Every source of image files takes range16: in memory and on demand, and a folder, shards, captions, masks' images and
// frames alike.
func TestRange16Sources(t *testing.T) {
	pic, mask := encoded(t, ".png", deep(2, 2, 1000, 1000, "grey")), encoded(t, ".png", stripes(2, 2, 1, 255))
	dir := tree(t, map[string][]byte{
		"images/0.png": pic, "images/1.png": pic, "masks/0.png": mask, "masks/1.png": mask,
		"l.csv": []byte("image,caption\nimages/0.png,a\nimages/1.png,b\n"),
		"s.tar": entries(t, "0.png", pic, "1.png", pic), "c/a/0.png": pic, "c/a/1.png": pic, "c/b/0.png": pic,
		"c/b/1.png": pic,
	})
	env := Env{BaseDir: dir}
	for _, memory := range []int{0, 1 << 20} {
		files := DefaultFiles()
		files.Memory, files.Range16 = 0, []int{0, 4000}
		if memory > 0 {
			files.Memory = 1 << 20
		}
		folder, shards, masks, captions, clips := NewFolder(), NewShards(), NewMasks(), NewCaptions(), NewClips()
		folder.Train, folder.Unlabelled, folder.Files = "images", true, files
		shards.Train, shards.Label, shards.Files = []string{"s.tar"}, "", files
		masks.Train, masks.Files = dir, files
		captions.Train, captions.Files = "l.csv", files
		clips.Train, clips.Length, clips.Files = "c", 2, files
		got := map[string]Image{}
		first := func(name string, set func() (Set, error)) {
			s, err := set()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			var m Image
			if err := s.Image(0, &m); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got[name] = m
		}
		of := func(d *Data, err error) (Set, error) {
			if err != nil {
				return nil, err
			}
			return d.Train.(Set), nil
		}
		first("folder", func() (Set, error) { return of(folder.Open(env)) })
		first("shards", func() (Set, error) { return of(shards.Open(env)) })
		first("masks", func() (Set, error) { p, err := masks.Open(env); return p.Train.(Set), err })
		first("captions", func() (Set, error) { p, err := captions.Open(env); return p.Train.(Set), err })
		p, err := clips.Open(env)
		if err != nil {
			t.Fatal(err)
		}
		frames := make([]Image, 2)
		if err := p.Train.(ClipSet).Clip(0, frames); err != nil {
			t.Fatal(err)
		}
		got["clips"] = frames[1]
		for name, m := range got {
			if want := []byte{64, 128, 191, 255}; !bytes.Equal(m.Pix, want) {
				t.Errorf("memory %v: %s: got %v, want %v", files.Memory, name, m.Pix, want)
			}
		}
	}
}

// A set is constant where every pixel is the same, of every channel; one that differs in a single pixel of the last
// image is not.
func TestVaried(t *testing.T) {
	grey := func(pix ...byte) Image { return Image{H: 1, W: len(pix), C: 1, Pix: pix} }
	colour := func(pix ...byte) Image { return Image{H: 1, W: len(pix) / 3, C: 3, Pix: pix} }
	for _, c := range []struct {
		name   string
		images []Image
		pixel  []byte // nil: not constant
	}{
		{"black", []Image{grey(0, 0), grey(0)}, []byte{0}},
		{"one colour", []Image{colour(7, 8, 9, 7, 8, 9), colour(7, 8, 9)}, []byte{7, 8, 9}},
		{"images of a grey each", []Image{grey(1, 1), grey(2, 2)}, nil},
		{"the last pixel", []Image{grey(3, 3), grey(3, 4)}, nil},
		{"channels alone differ", []Image{colour(1, 2, 3, 1, 2, 4)}, nil},
	} {
		err := Varied(&Memory{Images: c.images})
		var got *ConstantError
		if errors.As(err, &got) != (c.pixel != nil) || got != nil && (!slices.Equal(got.Pixel, c.pixel) ||
			got.Images != len(c.images)) {
			t.Errorf("%s: got %v, want constant %v", c.name, err, c.pixel)
		}
	}
}
