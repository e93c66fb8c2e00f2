package codec

import "selfsup/datasets/resample"

// within is the box as far as it lies in an image, and all of it where nothing of the box does.
func within(b resample.Box, h, w int) resample.Box {
	top, left := max(b.Top, 0), max(b.Left, 0)
	b = resample.Box{Top: top, Left: left, Height: min(b.Top+b.Height, h) - top, Width: min(b.Left+b.Width, w) - left}
	if b.Height <= 0 || b.Width <= 0 {
		return resample.Whole(h, w)
	}
	return b
}

// lowerRows is where a JPEG says its height, and the least height under which its rows above end decode to what they
// are in the whole image: blocks follow each other row by row, so that the decoder may stop early. at is 0 where all
// rows are needed, or might be: a progressive file goes through the image more than once.
//
// ITU-T T.81, B.2.2 and B.2.3.
func lowerRows(b []byte, end int) (at, rows int) {
	var frame segment
	for s := range segments(b) {
		switch {
		case s.marker == 0xc0 || s.marker == 0xc1: // sequential
			if frame.at != 0 || len(s.body) != 6+3 && len(s.body) != 6+3*3 {
				return 0, 0
			}
			frame = s
		case s.marker == 0xc2:
			return 0, 0
		case s.marker == startOfScan && (frame.at == 0 || len(s.body) == 0 || 6+3*int(s.body[0]) != len(frame.body)):
			return 0, 0 // each channel has a scan of its own
		}
	}
	if frame.at == 0 {
		return 0, 0
	}
	height, unit := int(frame.body[1])<<8+int(frame.body[2]), 8
	if len(frame.body) > 6+3 {
		unit *= int(frame.body[7] & 15)
	}
	switch {
	case unit == 0:
		return 0, 0
	case unit > 8:
		end += 2 // chroma is interpolated with the row below
	}
	rows = (end + unit - 1) / unit * unit
	if rows >= height {
		return 0, 0
	}
	return frame.at + 1, rows
}
