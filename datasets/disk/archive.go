package disk

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
)

// Archive reads the entries of a tar, gzip'd or not, to the end of the file: where another tar follows the blocks that
// close one, as in cat a.tar b.tar, its entries follow too. Bytes that are no tar are an error, and so is a tar that
// nothing closes.
type Archive struct {
	Tar  *tar.Reader
	File TarSource // nil: compressed
	in   counter   // what is compressed
	end  int64     // of the last entry
	from int64     // where the tar that is read begins
}

// TarSource is a file that is read where entries lie.
type TarSource interface {
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

// NewArchive begins at the beginning of f.
func NewArchive(f TarSource) (*Archive, error) {
	in, err := Gunzip(f)
	if err != nil {
		return nil, err
	}
	a := &Archive{in: counter{Reader: in}}
	if in == io.Reader(f) {
		a.File, a.Tar = f, tar.NewReader(f) // which passes over entries without reading them
	} else {
		a.Tar = tar.NewReader(&a.in)
	}
	return a, nil
}

// At is how far the archive was read, of what is unpacked.
func (a *Archive) At() (int64, error) {
	if a.File == nil {
		return a.in.n, nil
	}
	at, err := a.File.Seek(0, io.SeekCurrent)
	return at, Bare(err)
}

// Next is the next entry, or io.EOF at the end of the file.
func (a *Archive) Next() (*tar.Header, error) {
	for {
		h, err := a.Tar.Next()
		at, atErr := a.At()
		switch {
		case atErr != nil:
			return nil, atErr
		case err == nil:
			a.end = at
			if h.Typeflag == tar.TypeReg && !Sparse(h) {
				a.end += (h.Size + tarBlock - 1) / tarBlock * tarBlock
			}
			return h, nil
		case err != io.EOF && a.from > 0 && a.end <= a.from:
			return nil, fmt.Errorf("the archive ends before byte %d, and what follows is no archive: %w", a.from,
				NoEOF(err))
		case err != io.EOF:
			return nil, fmt.Errorf("byte %d: %w; want a tar file", at, NoEOF(err))
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
func (a *Archive) another(at int64) error {
	in := io.Reader(&a.in)
	if a.File != nil {
		in = a.File
	}
	var b, empty [tarBlock]byte
	for {
		n, err := io.ReadFull(in, b[:])
		switch {
		case err != nil && err != io.EOF && err != io.ErrUnexpectedEOF:
			return Bare(err)
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
	if a.File == nil {
		a.Tar = tar.NewReader(io.MultiReader(bytes.NewReader(b[:]), &a.in))
		return nil
	}
	if _, err := a.File.Seek(at, io.SeekStart); err != nil {
		return Bare(err)
	}
	a.Tar = tar.NewReader(a.File)
	return nil
}

// Sparse reports a file whose holes are not stored, so that it takes less than its size.
func Sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// gzipBegins are the first bytes of what gzip packed.
var gzipBegins = [2]byte{0x1f, 0x8b}

// Gunzip unpacks what begins as gzip does, and passes on the rest.
func Gunzip(f io.ReadSeeker) (io.Reader, error) {
	var head [2]byte
	_, err := io.ReadFull(f, head[:])
	if _, serr := f.Seek(0, io.SeekStart); serr != nil {
		return nil, serr
	}
	if err != nil {
		return nil, NoEOF(err)
	}
	if head != gzipBegins {
		return f, nil
	}
	return gzip.NewReader(f)
}
