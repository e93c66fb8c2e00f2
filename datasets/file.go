package datasets

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// file is an image not yet decoded.
type file struct {
	name  string
	class string // empty: unlabelled
	label int    // index of class, once the classes are known
	from  store
	at    int64 // place and length in a store that holds many
	size  int64
}

// store is what holds files. Its method serves any number of goroutines.
type store interface {
	// read returns a file in buf where it fits, and refuses one longer than limit before it takes memory.
	read(f *file, buf []byte, limit int64) ([]byte, error)
}

// disk holds each file under its name.
type disk struct{}

func (disk) read(f *file, buf []byte, limit int64) ([]byte, error) {
	info, err := os.Stat(f.name)
	switch {
	case err != nil:
		return nil, bare(err)
	case !info.Mode().IsRegular(): // opening a pipe would wait
		return nil, fmt.Errorf("not a regular file (%v)", info.Mode().Type())
	}
	in, err := os.Open(f.name)
	if err != nil {
		return nil, bare(err)
	}
	defer in.Close()
	whole := *f
	whole.size = info.Size()
	return readAt(in, &whole, buf, limit)
}

// readAt is a file of known place and length, in buf where it fits.
func readAt(in io.ReaderAt, f *file, buf []byte, limit int64) ([]byte, error) {
	if f.size > limit {
		return nil, fmt.Errorf("%d bytes, want at most %d (8 for each of max_pixels, and 16 MiB)", f.size, limit)
	}
	if int64(cap(buf)) < f.size {
		buf = make([]byte, f.size)
	}
	buf = buf[:f.size]
	if n, err := in.ReadAt(buf, f.at); n < len(buf) {
		if err == io.EOF {
			err = fmt.Errorf("the file ends after %d of %d bytes", n, len(buf))
		}
		return nil, bare(err)
	}
	return buf, nil
}

// inMemory holds files one after another.
type inMemory []byte

func (b inMemory) read(f *file, buf []byte, limit int64) ([]byte, error) {
	return readAt(bytes.NewReader(b), f, buf, limit)
}
