package datasets

import (
	"bytes"
	"errors"
	"fmt"
)

// tiffReader reads a file from memory. Of a TIFF it shows one value changed: the rows of a strip, which many writers set to 2^32-1, and
// from which the library takes the limit of what a strip may unpack to.
type tiffReader struct {
	bytes.Reader
	file  []byte
	patch int64   // offset; 0: none
	value [4]byte // shown there
}

func (r *tiffReader) reset(b []byte) {
	r.Reader.Reset(b)
	r.file, r.patch = b, 0
}

func (r *tiffReader) rewind() { r.Reader.Reset(r.file) }

// ReadAt is how the TIFF library reads everything.
func (r *tiffReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.Reader.ReadAt(p, off)
	if r.patch > 0 && off < r.patch+4 && r.patch < off+int64(n) {
		for k, v := range r.value {
			if at := r.patch + int64(k) - off; at >= 0 && at < int64(n) {
				p[at] = v
			}
		}
	}
	return n, err
}

// check refuses tiles larger than the limit and bounds the strips by the height.
func (r *tiffReader) check(w, h, limit int) error {
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
		r.patch = int64(at)
		if dir.short(278) {
			dir.order.PutUint16(r.value[:2], uint16(h)) // h < rows fits
			copy(r.value[2:], r.file[at+2:at+4])
		} else {
			dir.order.PutUint32(r.value[:], uint32(h))
		}
	}
	return nil
}

// inverted reports a fax-compressed image whose zeros are black: the library takes white runs for white, libtiff (and PIL) for zeros.
func (r *tiffReader) inverted() bool {
	dir, err := readIFD(r.file)
	if err != nil {
		return false
	}
	compression, _ := dir.value(259)
	photometric, _ := dir.value(262)
	return (compression == 3 || compression == 4) && photometric == 1
}
