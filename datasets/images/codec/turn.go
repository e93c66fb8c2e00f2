package codec

import (
	"selfsup/datasets"
	"selfsup/datasets/resample"
)

// turn brings an image upright that is stored with an EXIF orientation: pixel (y,x) of the result is pixel start +
// y*down + x*right as stored.
type turn struct {
	orientation        int // 1 to 8
	width              int // as stored
	start, down, right int
}

func (h *Header) turn() turn {
	t := turn{orientation: h.orientation, width: h.config.Width}
	n, w := h.config.Height*h.config.Width, h.config.Width
	switch h.orientation {
	case 2:
		t.start, t.down, t.right = w-1, w, -1
	case 3:
		t.start, t.down, t.right = n-1, -w, -1
	case 4:
		t.start, t.down, t.right = n-w, -w, 1
	case 5:
		t.start, t.down, t.right = 0, 1, w
	case 6:
		t.start, t.down, t.right = n-w, 1, -w
	case 7:
		t.start, t.down, t.right = n-1, -1, -w
	case 8:
		t.start, t.down, t.right = w-1, -1, w
	default:
		t.start, t.down, t.right = 0, w, 1
	}
	return t
}

func (t *turn) needed() bool { return t.orientation > 1 }

// before is where the pixels of a box are stored.
func (t *turn) before(b resample.Box) resample.Box {
	at := t.start + b.Top*t.down + b.Left*t.right
	to := at + (b.Height-1)*t.down + (b.Width-1)*t.right
	top, bottom := min(at/t.width, to/t.width), max(at/t.width, to/t.width)
	left, right := min(at%t.width, to%t.width), max(at%t.width, to%t.width)
	return resample.Box{Top: top, Left: left, Height: bottom - top + 1, Width: right - left + 1}
}

// apply writes the pixels of a box of dst. It goes in tiles, so that what it reads and what it writes both stay near.
func (t *turn) apply(dst, stored *datasets.Image, b resample.Box) {
	const tile = 16
	for top := b.Top; top < b.Top+b.Height; top += tile {
		for left := b.Left; left < b.Left+b.Width; left += tile {
			t.rows(dst, stored, top, min(top+tile, b.Top+b.Height), left, min(left+tile, b.Left+b.Width))
		}
	}
}

// rows writes rows from .. end of dst between two columns.
func (t *turn) rows(dst, stored *datasets.Image, from, end, left, right int) {
	c, step := dst.C, t.right*dst.C
	for y := from; y < end; y++ {
		to := dst.Pix[(y*dst.W+left)*c : (y*dst.W+right)*c]
		at := (t.start + y*t.down + left*t.right) * c
		if c == 1 {
			for x := range to {
				to[x] = stored.Pix[at]
				at += step
			}
			continue
		}
		for len(to) >= 3 {
			p := stored.Pix[at : at+3 : at+3]
			to[0], to[1], to[2] = p[0], p[1], p[2]
			to = to[3:]
			at += step
		}
	}
}
