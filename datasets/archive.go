package datasets

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
)

// archive reads the entries of a tar, gzip'd or not, to the end of the file: where another tar follows the blocks that
// close one, as in cat a.tar b.tar, its entries follow too. Bytes that are no tar are an error, and so is a tar that
// nothing closes.
type archive struct {
	tar  *tar.Reader
	file tarSource // nil: compressed
	in   counter   // what is compressed
	end  int64     // of the last entry
	from int64     // where the tar that is read begins
}

// tarSource is a file that is read where entries lie.
type tarSource interface {
	io.ReadSeeker
	io.ReaderAt
}

// counter counts what is read.
type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	return n, err
}

const tarBlock = 512

// newArchive begins at the beginning of f.
func newArchive(f tarSource) (*archive, error) {
	in, err := gunzip(f)
	if err != nil {
		return nil, err
	}
	a := &archive{in: counter{Reader: in}}
	if in == io.Reader(f) {
		a.file, a.tar = f, tar.NewReader(f) // which passes over entries without reading them
	} else {
		a.tar = tar.NewReader(&a.in)
	}
	return a, nil
}

// at is how far the archive was read, of what is unpacked.
func (a *archive) at() (int64, error) {
	if a.file == nil {
		return a.in.n, nil
	}
	at, err := a.file.Seek(0, io.SeekCurrent)
	return at, bare(err)
}

// next is the next entry, or io.EOF at the end of the file.
func (a *archive) next() (*tar.Header, error) {
	for {
		h, err := a.tar.Next()
		at, atErr := a.at()
		switch {
		case atErr != nil:
			return nil, atErr
		case err == nil:
			a.end = at
			if h.Typeflag == tar.TypeReg && !sparse(h) {
				a.end += (h.Size + tarBlock - 1) / tarBlock * tarBlock
			}
			return h, nil
		case err != io.EOF && a.from > 0 && a.end <= a.from:
			return nil, fmt.Errorf("the archive ends before byte %d, and what follows is no archive: %w", a.from,
				noEOF(err))
		case err != io.EOF:
			return nil, fmt.Errorf("byte %d: %w; want a tar file", at, noEOF(err))
		case at < a.end+tarBlock:
			return nil,
				fmt.Errorf("the file ends at byte %d without the empty block that closes a tar: it is truncated", at)
		}
		if err := a.another(at); err != nil {
			return nil, err
		}
	}
}

// another passes over empty blocks, and begins with the tar that follows them; without one it returns io.EOF.
func (a *archive) another(at int64) error {
	in := io.Reader(&a.in)
	if a.file != nil {
		in = a.file
	}
	var b, empty [tarBlock]byte
	for {
		n, err := io.ReadFull(in, b[:])
		switch {
		case err != nil && err != io.EOF && err != io.ErrUnexpectedEOF:
			return bare(err)
		case b != empty && n == tarBlock:
		case b != empty:
			return fmt.Errorf("the archive ends before byte %d, and %d bytes follow that are no archive: % .10x", at, n,
				b[:n])
		case n < tarBlock:
			return io.EOF
		default:
			at += tarBlock
			continue
		}
		break
	}
	a.from, a.end = at, at
	if a.file == nil {
		a.tar = tar.NewReader(io.MultiReader(bytes.NewReader(b[:]), &a.in))
		return nil
	}
	if _, err := a.file.Seek(at, io.SeekStart); err != nil {
		return bare(err)
	}
	a.tar = tar.NewReader(a.file)
	return nil
}

// sparse reports a file whose holes are not stored, so that it takes less than its size.
func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// gunzip unpacks what begins as gzip does, and passes on the rest.
func gunzip(f io.ReadSeeker) (io.Reader, error) {
	var head [2]byte
	_, err := io.ReadFull(f, head[:])
	if _, serr := f.Seek(0, io.SeekStart); serr != nil {
		return nil, serr
	}
	if err != nil {
		return nil, noEOF(err)
	}
	if head != [2]byte{0x1f, 0x8b} {
		return f, nil
	}
	return gzip.NewReader(f)
}
