package codec

import (
	"bytes"
	"iter"
)

// fileReader reads a file from memory, with one short value changed where a decoder of the library is to take it for
// another.
type fileReader struct {
	bytes.Reader
	file  []byte
	at    int64 // of the change; 0: none
	value [4]byte
	n     int // bytes of value
}

func (r *fileReader) reset(b []byte) {
	r.Reader.Reset(b)
	r.file, r.at = b, 0
}

func (r *fileReader) rewind() { r.Reader.Reset(r.file) }

// change shows other bytes, up to four, at an offset above 0.
func (r *fileReader) change(at int, value ...byte) { r.at, r.n = int64(at), copy(r.value[:], value) }

// Read is how the JPEG library reads everything.
func (r *fileReader) Read(p []byte) (int, error) {
	off := r.Size() - int64(r.Len())
	n, err := r.Reader.Read(p)
	r.show(p[:n], off)
	return n, err
}

// ReadAt is how the TIFF library reads everything.
func (r *fileReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.Reader.ReadAt(p, off)
	r.show(p[:n], off)
	return n, err
}

// show changes what was read from off on.
func (r *fileReader) show(p []byte, off int64) {
	if r.at == 0 {
		return
	}
	for k, v := range r.value[:r.n] {
		if i := r.at + int64(k) - off; i >= 0 && i < int64(len(p)) {
			p[i] = v
		}
	}
}

// segment is one of those that a JPEG begins with.
type segment struct {
	marker byte
	at     int // offset of body
	body   []byte
}

// segments goes through a JPEG up to the header of its first scan, which is the last it gives, or to the first one that
// is damaged.
func segments(b []byte) iter.Seq[segment] {
	return func(yield func(segment) bool) {
		for i := 2; i+4 <= len(b) && b[i] == 0xff; {
			marker := b[i+1]
			if marker == 0xff { // fill byte
				i++
				continue
			}
			end := i + 2 + int(b[i+2])<<8 + int(b[i+3])
			if end > len(b) || end < i+4 || !yield(segment{marker, i + 4, b[i+4 : end]}) || marker == startOfScan {
				return
			}
			i = end
		}
	}
}

const startOfScan = 0xda
