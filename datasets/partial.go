package datasets

import "selfsup/datasets/resample"

// Partial is a set that may decode less than a whole image.
type Partial interface {
	// Part does what Image does for the pixels of the box that choose returns, which is told the height and the width
	// of the image. dst has the whole image's size; its other pixels hold anything. Damage beyond the box may go
	// unnoticed.
	Part(i int, dst *Image, choose func(h, w int) resample.Box) error
}

// Part writes the pixels of a box of image i to dst, and of a set that is not Partial all.
func Part(s Set, i int, dst *Image, choose func(h, w int) resample.Box) error {
	if p, ok := s.(Partial); ok {
		return p.Part(i, dst, choose)
	}
	return s.Image(i, dst)
}

// Decoding is a set that knows whether Image decodes a compressed file each time, and not copies pixels.
type Decoding interface {
	Decodes() bool
}
