package disk

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// File is a sample that is not yet read.
type File struct {
	Name  string
	Class string // empty: unlabelled
	Label int    // index of class, once the classes are known
	From  Store
	At    int64 // place and length in a store that holds many
	Size  int64
}

// Store holds files. Its method serves any number of goroutines.
type Store interface {
	// Read returns a file in buf where it fits, and refuses one longer than limit before it takes memory.
	Read(f *File, buf []byte, limit int64) ([]byte, error)
}

// ByName holds each file under its name.
type ByName struct{}

// Read implements Store.
func (ByName) Read(f *File, buf []byte, limit int64) ([]byte, error) {
	info, err := os.Stat(f.Name)
	switch {
	case err != nil:
		return nil, Bare(err)
	case !info.Mode().IsRegular(): // opening a pipe would wait
		return nil, fmt.Errorf("not a regular file (%v)", info.Mode().Type())
	}
	in, err := os.Open(f.Name)
	if err != nil {
		return nil, Bare(err)
	}
	defer in.Close()
	whole := *f
	whole.Size = info.Size()
	return ReadAt(in, &whole, buf, limit)
}

// ReadAt is a file of known place and length, in buf where it fits.
func ReadAt(in io.ReaderAt, f *File, buf []byte, limit int64) ([]byte, error) {
	if f.Size > limit {
		return nil, fmt.Errorf("%d bytes, want at most %d (8 for each of max_pixels, and 16 MiB)", f.Size, limit)
	}
	if int64(cap(buf)) < f.Size {
		buf = make([]byte, f.Size)
	}
	buf = buf[:f.Size]
	if n, err := in.ReadAt(buf, f.At); n < len(buf) {
		if err == io.EOF {
			err = fmt.Errorf("the file ends after %d of %d bytes", n, len(buf))
		}
		return nil, Bare(err)
	}
	return buf, nil
}

// InMemory holds files one after another.
type InMemory []byte

// Read implements Store.
func (b InMemory) Read(f *File, buf []byte, limit int64) ([]byte, error) {
	return ReadAt(bytes.NewReader(b), f, buf, limit)
}
