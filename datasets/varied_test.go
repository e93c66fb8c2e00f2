package datasets

import (
	"errors"
	"slices"
	"testing"
)

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
