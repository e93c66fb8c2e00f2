package datasets

import (
	"bytes"
	"fmt"
)

// ConstantError is a set whose every pixel is the same: nothing can be learned from it.
type ConstantError struct {
	Images int
	Pixel  []byte // a value a channel
}

func (e *ConstantError) Error() string {
	return fmt.Sprintf("every pixel of all %d training images is %v of 255: there is nothing to learn from", e.Images,
		e.Pixel)
}

// Varied returns a ConstantError where every pixel of a set is the same. It reads images until two pixels differ, which
// is one image of most sets.
func Varied(s Set) error {
	var m Image
	e := &ConstantError{Images: s.Len()}
	for i := range s.Len() {
		if err := s.Image(i, &m); err != nil {
			return fmt.Errorf("image %d, %s: %w", i, s.Name(i), err)
		}
		if i == 0 {
			e.Pixel = bytes.Clone(m.Pix[:m.C])
		}
		for p := m.Pix; len(p) > 0; p = p[m.C:] {
			if !bytes.Equal(p[:m.C], e.Pixel) {
				return nil
			}
		}
	}
	return e
}

// Scaled is a source that may scale samples of 16 bits.
type Scaled interface{ Scale16() []int }
