package datasets

import (
	"errors"
	"fmt"
)

// checkTIFF refuses tiles larger than the limit, and shows the library no more rows to a strip than the image has: many writers set them to
// 2^32-1, and the library takes from them the limit of what a strip may unpack to.
func (r *fileReader) checkTIFF(w, h, limit int) error {
	dir, err := readIFD(r.file)
	if err != nil {
		return err
	}
	if planes, _ := dir.value(284); planes == 2 {
		return errors.New("the channels are stored apart (PlanarConfiguration 2), expected pixels")
	}
	tw, _ := dir.value(322)
	th, _ := dir.value(323)
	if tw > 0 && th > 0 && int64(tw) > int64(limit)/int64(th) {
		return fmt.Errorf("tiles of %dx%d pixels, expected at most max_pixels = %d", tw, th, limit)
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

// inverted reports a fax-compressed image whose zeros are black: the library takes white runs for white, libtiff (and PIL) for zeros.
func (r *fileReader) inverted() bool {
	dir, err := readIFD(r.file)
	if err != nil {
		return false
	}
	compression, _ := dir.value(259)
	photometric, _ := dir.value(262)
	return (compression == 3 || compression == 4) && photometric == 1
}
