package disk

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// Packed reports whether a file begins as gzip does.
func Packed(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var head [2]byte
	n, _ := io.ReadFull(f, head[:])
	return n == 2 && head == gzipBegins, nil
}

// UnpacksTo is how many bytes a gzip'd file unpacks to, counted up to a limit; of one that is damaged, those before.
func UnpacksTo(path string, limit int64) (n int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	in, err := Gunzip(f)
	if err != nil {
		return 0, nil
	}
	n, _ = io.Copy(io.Discard, io.LimitReader(in, limit))
	return n, nil
}

// Unpacked is a temporary file in which the contents of gzip'd files lie one after the other, to be read at any place.
// It has no name, where the system lets a file that is in use go without one, so that nothing is left of it when the
// process ends. It lies where TMPDIR says.
type Unpacked struct {
	file *os.File
	size int64
}

// NewUnpacked makes an empty one.
func NewUnpacked() (*Unpacked, error) {
	f, err := os.CreateTemp("", "unpacked-")
	if err != nil {
		return nil, err
	}
	os.Remove(f.Name()) // Windows keeps it in the folder of temporary files
	return &Unpacked{file: f}, nil
}

// Add unpacks a file, and gives the place of its contents without a byte order mark.
func (u *Unpacked) Add(path string) (from, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	in, err := Gunzip(f)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", path, NoEOF(err))
	}
	from = u.size
	n, err := io.Copy(u, in)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: after %d bytes: %w", path, n, NoEOF(err))
	}
	head := make([]byte, len(mark))
	if k, _ := u.ReadAt(head[:min(n, int64(len(mark)))], from); bytes.Equal(head[:k], mark) {
		from, n = from+int64(k), n-int64(k)
	}
	if n == 0 {
		return 0, 0, fmt.Errorf("%s: the file is empty", path)
	}
	return from, n, nil
}

// Write adds to the end.
func (u *Unpacked) Write(p []byte) (int, error) {
	n, err := u.file.Write(p)
	if u.size += int64(n); err != nil {
		err = fmt.Errorf("unpacking into %s: %w; another TMPDIR may have room", os.TempDir(), Bare(err))
	}
	return n, err
}

// ReadAt implements io.ReaderAt, for any number of goroutines.
func (u *Unpacked) ReadAt(p []byte, at int64) (int, error) { return u.file.ReadAt(p, at) }
