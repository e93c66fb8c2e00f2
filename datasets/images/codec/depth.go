package codec

import (
	"encoding/binary"
	"fmt"

	"selfsup/datasets"
)

// depth says how samples of 16 bits become bytes: the first value 0 and the last 255, those between in proportion,
// rounded, and those beyond as the nearer of the two. The zero value keeps the high byte, as PIL does.
type depth struct{ first, last uint16 }

func (d depth) narrow(v uint16) byte {
	if d.last == 0 {
		return byte(v >> 8)
	}
	span := uint32(d.last - d.first)
	return byte((255*uint32(min(max(v, d.first), d.last)-d.first) + span/2) / span)
}

// inverted is the depth of samples that were turned into 65535 less their value.
func (d depth) inverted() depth {
	if d.last == 0 {
		return d
	}
	return depth{^d.last, ^d.first}
}

// spread takes the first C samples of pixels of so many bytes, two to a sample, the high one first.
func (d depth) spread(dst *datasets.Image, pix []byte, stride, pixel int) error {
	w, c := dst.W, dst.C
	if 2*c > pixel {
		return fmt.Errorf("%d bytes a pixel, want %d samples", pixel, c)
	}
	for y := range dst.H {
		to, from := dst.Pix[y*w*c:(y+1)*w*c], pix[y*stride:y*stride+w*pixel]
		for len(to) >= c {
			for k := range to[:c] {
				to[k] = d.narrow(binary.BigEndian.Uint16(from[2*k:]))
			}
			to, from = to[c:], from[pixel:]
		}
	}
	return nil
}
