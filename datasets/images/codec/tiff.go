package codec

import (
	"errors"
	"fmt"
	"slices"
)

// readTags are those of a TIFF whose values the library reads, wherever they are.
var readTags = []uint16{256, 257, 258, 259, 262, 266, 273, 278, 279, 292, 293, 317, 320, 322, 323, 324, 325, 338, 339}

// tiffFits refuses a directory, or pixels stored as they are, that reach past the end of the file: the library takes
// memory first, up to 10 MiB.
func tiffFits(b []byte) error {
	d, err := readIFD(b)
	if err != nil {
		return err
	}
	size := int64(len(b))
	if n := int(d.order.Uint16(b[d.from-2:])); n > d.n {
		return fmt.Errorf("the directory at byte %d has %d entries of 12 bytes, the file %d bytes", d.from-2, n, size)
	}
	for i := range d.n {
		e := d.file[d.from+12*i:]
		tag, count := d.order.Uint16(e), int64(d.order.Uint32(e[4:]))
		n, at := count*valueSize(d.order.Uint16(e[2:])), int64(d.order.Uint32(e[8:]))
		if slices.Contains(readTags, tag) && n > 4 && at+n > size {
			return fmt.Errorf("tag %d has %d bytes at byte %d of %d", tag, n, at, size)
		}
	}
	if compression, _ := d.value(259); compression > 1 {
		return nil
	}
	for _, tags := range [][2]uint16{{273, 279}, {324, 325}} { // offsets and lengths of strips and of tiles
		offsets, lengths := d.list(tags[0]), d.list(tags[1])
		for i := range min(len(offsets), len(lengths)) {
			if at, n := int64(offsets[i]), int64(lengths[i]); at+n > size {
				return fmt.Errorf("the pixels of part %d are %d bytes at byte %d of %d", i, n, at, size)
			}
		}
	}
	return nil
}

// valueSize is the length of a value of a type that the library knows.
func valueSize(t uint16) int64 {
	switch t {
	case typeShort:
		return 2
	case typeLong:
		return 4
	case 5: // rational
		return 8
	}
	return 1
}

// list is the SHORT or LONG values of a tag that lie in the file.
func (d ifd) list(tag uint16) (values []uint32) {
	e := d.entry(tag)
	if e == 0 {
		return nil
	}
	kind, count := d.order.Uint16(d.file[e+2:]), int64(d.order.Uint32(d.file[e+4:]))
	if kind != typeShort && kind != typeLong {
		return nil
	}
	n, at := count*valueSize(kind), int64(e+8)
	if n > 4 {
		at = int64(d.order.Uint32(d.file[e+8:]))
	}
	if at+n > int64(len(d.file)) {
		return nil
	}
	for b := d.file[at : at+n]; len(b) > 0; b = b[valueSize(kind):] {
		if kind == typeShort {
			values = append(values, uint32(d.order.Uint16(b)))
		} else {
			values = append(values, d.order.Uint32(b))
		}
	}
	return values
}

// largeTile is how many pixels a tile may have, whatever the size of its image: 32 MiB of the deepest, which a small
// image would take too.
const largeTile = 1 << 22

// checkTIFF refuses tiles much larger than the image, or than the limit, and shows the library no more rows to a strip
// than the image has: many writers set them to 2^32-1, and the library takes from them the limit of what a strip may
// unpack to.
func (r *fileReader) checkTIFF(w, h, limit int) error {
	dir, err := readIFD(r.file)
	if err != nil {
		return err
	}
	if planes, _ := dir.value(284); planes == 2 {
		return errors.New("the channels are stored apart (PlanarConfiguration 2), want pixels")
	}
	tw, _ := dir.value(322)
	th, _ := dir.value(323)
	most := min(limit, max(4*w*h, largeTile)) // w*h is at most limit
	if tw > 0 && th > 0 && int64(tw) > int64(most)/int64(th) {
		return fmt.Errorf("tiles of %dx%d pixels, want at most %d for this size (max_pixels = %d)", tw, th, most, limit)
	}
	if rows, at := dir.value(278); at > 0 && rows > uint32(h) {
		var v [4]byte
		if dir.short(278) {
			dir.order.PutUint16(v[:], uint16(h)) // h < rows fits
			r.change(at, v[:2]...)
		} else {
			dir.order.PutUint32(v[:], uint32(h))
			r.change(at, v[:]...)
		}
	}
	return nil
}

// inverted reports a fax-compressed image whose zeros are black: the library takes white runs for white, libtiff (and
// PIL) for zeros.
func (r *fileReader) inverted() bool {
	dir, err := readIFD(r.file)
	if err != nil {
		return false
	}
	compression, _ := dir.value(259)
	photometric, _ := dir.value(262)
	return (compression == 3 || compression == 4) && photometric == 1
}

// whiteIsZero reports grey samples that the library turns round: 0 is white (PhotometricInterpretation 0).
func (r *fileReader) whiteIsZero() bool {
	dir, err := readIFD(r.file)
	if err != nil {
		return false
	}
	v, at := dir.value(262)
	return at > 0 && v == 0
}
