package codec

import (
	"errors"
	"image"

	"selfsup/datasets"
)

// gifPixels lays the first frame on the logical screen of w x h pixels, as PIL does: what the frame leaves uncovered
// shows the transparent colour, or colour 0. The library forgets the transparent colour's values, so the palette is
// read here.
//
// GIF89a specification (CompuServe 1990), sections 18 to 23.
func gifPixels(dst *datasets.Image, src image.Image, b []byte, w, h int) error {
	m, ok := src.(*image.Paletted)
	if !ok {
		return errors.New("the decoder returned no palette image")
	}
	colours, transparent, err := gifPalette(b)
	if err != nil {
		return err
	}
	var table [256][3]byte
	for i := range len(colours) / 3 {
		table[i] = [3]byte(colours[3*i:])
	}
	dst.Reshape(h, w, 3)
	if m.Rect != image.Rect(0, 0, w, h) {
		ground := table[transparent]
		for i := range w * h {
			copy(dst.Pix[3*i:3*i+3], ground[:])
		}
	}
	return indexed(dst, m, table)
}

// gifPalette is the colours of the first frame and the index of the transparent one, 0 if none is.
func gifPalette(b []byte) (colours []byte, transparent byte, err error) {
	cut := errors.New("gif: the file ends before its first frame")
	table := func(at int, flags byte) ([]byte, int) {
		if flags&0x80 == 0 {
			return nil, at
		}
		end := at + 3<<(flags&7+1)
		return b[at:min(end, len(b))], end
	}
	if len(b) < 13 {
		return nil, 0, cut
	}
	global, i := table(13, b[10])
	for i < len(b) {
		switch b[i] {
		case 0x2c: // image descriptor
			if i+10 > len(b) {
				return nil, 0, cut
			}
			if local, _ := table(i+10, b[i+9]); local != nil {
				return local, transparent, nil
			}
			return global, transparent, nil
		case 0x21: // extension, then blocks until an empty one
			if i+8 <= len(b) && b[i+1] == 0xf9 && b[i+3]&1 != 0 {
				transparent = b[i+6]
			}
			for i += 2; i < len(b) && b[i] != 0; i += 1 + int(b[i]) {
			}
			i++
		default:
			return nil, 0, errors.New("gif: an unknown block before the first frame")
		}
	}
	return nil, 0, cut
}
