package codec

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/resample"
)

// A part of an image of any format has the pixels of the whole, whatever the decoder and the image held before.
func TestDecodePart(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var d Decoder
	var whole, part datasets.Image
	for _, name := range samples(t) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, channels := range []int{0, 1, 3} {
			d.Channels = channels
			if err := d.Decode(b, &whole); err != nil {
				t.Fatal(err)
			}
			for range 60 {
				var box resample.Box
				if err := d.DecodePart(b, &part, func(h, w int) resample.Box {
					box = resample.Box{Top: r.IntN(h), Left: r.IntN(w)}
					box.Height, box.Width = 1+r.IntN(h-box.Top), 1+r.IntN(w-box.Left)
					return box
				}); err != nil {
					t.Fatalf("%s, %+v: %v", filepath.Base(name), box, err)
				}
				if part.H != whole.H || part.W != whole.W || part.C != whole.C || len(part.Pix) != len(whole.Pix) {
					t.Fatalf("%s: a part is of %dx%dx%d, the whole of %dx%dx%d", filepath.Base(name), part.H, part.W,
						part.C, whole.H, whole.W, whole.C)
				}
				for y := box.Top; y < box.Top+box.Height; y++ {
					from, to := (y*whole.W+box.Left)*whole.C, (y*whole.W+box.Left+box.Width)*whole.C
					if got, want := part.Pix[from:to], whole.Pix[from:to]; !bytes.Equal(got, want) {
						t.Fatalf("%s, %+v, %d channels, row %d: got %v, want %v", filepath.Base(name), box, part.C, y,
							got, want)
					}
				}
				for i := range part.Pix {
					part.Pix[i] ^= 0x5a
				}
			}
		}
	}
}

// The last rows of a sequential JPEG are not decoded where nothing reads them, which damage there shows; what is read
// has its pixels, and of the whole image the damage is reported.
func TestLowerRowsAreLeftOut(t *testing.T) {
	for name, ends := range map[string][2]int{"tallgrey.jpg": {23, 24}, "tall444.jpg": {40, 40},
		"tall422.jpg": {38, 40}, "tall420.jpg": {30, 32}, "tall420.jpg ": {31, 48}, "tall_restarts.jpg": {9, 16}} {
		b, err := os.ReadFile("testdata/decode/" + strings.TrimSpace(name))
		if err != nil {
			t.Fatal(err)
		}
		at, rows := lowerRows(b, ends[0])
		if at == 0 || rows != ends[1] || b[at] != 0 || b[at+1] != 75 {
			t.Errorf("%s: for %d rows the height at byte %d is to be %d, want %d", name, ends[0], at, rows, ends[1])
		}
		if at, rows := lowerRows(b, 73); at != 0 {
			t.Errorf("%s: for 73 of 75 rows it says %d, want all", name, rows)
		}
	}
	for _, name := range []string{"progressive.jpg", "cmyk.jpg", "ycck.jpg", "rgb.png"} {
		b, err := os.ReadFile("testdata/decode/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for n := range len(b) {
			if at, rows := lowerRows(b[:n], 8); at != 0 {
				t.Fatalf("%d bytes of %s: %d rows", n, name, rows)
			}
		}
	}
	b, err := os.ReadFile("testdata/decode/tall420.jpg")
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(b)
	copy(bad[len(bad)-60:], bytes.Repeat([]byte{0xff, 0x00}, 20)) // no code word is all ones
	var d Decoder
	var m, want datasets.Image
	if err := d.Decode(b, &want); err != nil {
		t.Fatal(err)
	}
	top := func(h, w int) resample.Box { return resample.Box{Height: 14, Width: w} }
	if err := d.DecodePart(bad, &m, top); err != nil || !bytes.Equal(m.Pix[:14*37*3], want.Pix[:14*37*3]) {
		t.Errorf("the upper rows of a file that is damaged below: %v", err)
	}
	if err := d.Decode(bad, &m); err == nil {
		t.Error("the damage is not noticed in the whole image")
	}
	if err := d.DecodePart(b[:len(b)/3], &m, top); err == nil ||
		fmt.Sprint(err) != "jpeg 37x75: the file is truncated" {
		t.Errorf("the upper rows of a truncated file: %v", err)
	}
}
