package pack

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"selfsup/datasets"
	"selfsup/datasets/images/codec"
	"selfsup/datasets/resample"
)

// Source is a pack as a recipe's data set.
type Source struct {
	Path      string `toml:"path"`       // of the file
	MaxPixels int    `toml:"max_pixels"` // an image that claims more is refused
}

// New has no path set.
func New() *Source { return &Source{MaxPixels: codec.DefaultMaxPixels} }

// Open implements datasets.Source. The file stays open as long as the sets are used.
func (s *Source) Open(env datasets.Env) (*datasets.Data, error) {
	if s.Path == "" {
		return nil, fmt.Errorf("datasets: pack: path is empty; want a file made by: experiment data pack " +
			"RECIPE_OR_DIR -o set.pack")
	}
	if s.MaxPixels < 1 {
		return nil, fmt.Errorf("datasets: pack: max_pixels = %d, want at least 1", s.MaxPixels)
	}
	r, err := Open(env.Path(s.Path), s.MaxPixels)
	if err != nil {
		return nil, err
	}
	return r.Data()
}

// PathKeys implements datasets.Located.
func (s *Source) PathKeys() []string { return []string{"path"} }

// Reader reads a pack. It serves any number of goroutines.
type Reader struct {
	Path string
	Meta Meta

	in      io.ReaderAt
	close   func() error
	index   []byte // entries as in the file
	train   int    // images
	records int64  // where they end
	scratch sync.Pool
}

// Open checks the header, the meta data and the index of the file at path; the records are checked as they are read. An
// image of more than maxPixels is refused.
func Open(path string, maxPixels int) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("datasets: pack: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("datasets: pack: %w", err)
	}
	if !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("datasets: pack: %s is no regular file (%v)", path, info.Mode().Type())
	}
	r, err := newReader(path, f, info.Size(), maxPixels)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("datasets: pack: %s: %w", path, err)
	}
	r.close = f.Close
	return r, nil
}

// Is reports whether the file at path begins as a pack does.
func Is(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var b [len(magic)]byte
	_, err = io.ReadFull(f, b[:])
	return err == nil && string(b[:]) == magic
}

func newReader(path string, in io.ReaderAt, size int64, maxPixels int) (*Reader, error) {
	var head [headerSize]byte
	if size < headerSize+footerSize {
		return nil, fmt.Errorf("%d bytes, a pack has at least %d: the file is truncated or no pack", size,
			headerSize+footerSize)
	}
	if err := readAt(in, head[:], 0); err != nil {
		return nil, err
	}
	if string(head[:8]) != magic {
		return nil, fmt.Errorf("begins with % x, want a pack (% x)", head[:8], magic)
	}
	if v := binary.LittleEndian.Uint32(head[8:]); v != version {
		return nil, fmt.Errorf("version %d, this program reads version %d", v, version)
	}
	var foot [footerSize]byte
	if err := readAt(in, foot[:], size-footerSize); err != nil {
		return nil, err
	}
	f, err := readFooter(foot[:], size)
	if err != nil {
		return nil, err
	}
	both := make([]byte, size-footerSize-int64(f.meta))
	if err := readAt(in, both, int64(f.meta)); err != nil {
		return nil, err
	}
	meta, index := both[:f.index-f.meta], both[f.index-f.meta:]
	if got := f.sum(meta, index); got != f.digest || !bytes.Equal(head[:], header()) {
		return nil,
			fmt.Errorf("header, meta data and index have the digest %x, the footer says %x: the file is damaged",
				got[:8], f.digest[:8])
	}
	r := &Reader{Path: path, in: in, index: index, train: int(f.train), records: int64(f.meta)}
	r.scratch.New = func() any { return &scratch{decoder: codec.Decoder{Channels: r.Meta.Channels}} }
	if err := json.Unmarshal(meta, &r.Meta); err != nil {
		return nil, fmt.Errorf("meta data: %w", err)
	}
	if err := r.Meta.check(); err != nil {
		return nil, err
	}
	for i := range r.Len() {
		e := r.entry(i)
		if err := e.check(r.records, len(r.Meta.Classes), r.Meta.Channels, maxPixels); err != nil {
			return nil, fmt.Errorf("%s: %w", r.which(i), err)
		}
	}
	return r, nil
}

// readAt fills b.
func readAt(in io.ReaderAt, b []byte, at int64) error {
	if n, err := in.ReadAt(b, at); n < len(b) {
		if err == io.EOF {
			return fmt.Errorf("bytes %d to %d, the file ends before byte %d: it was cut", at, at+int64(len(b)),
				at+int64(n)+1)
		}
		return err
	}
	return nil
}

// Close ends the use of the file.
func (r *Reader) Close() error {
	if r.close == nil {
		return nil
	}
	return r.close()
}

// Len is the number of records.
func (r *Reader) Len() int { return len(r.index) / entrySize }

func (r *Reader) entry(i int) entry { return readEntry(r.index[i*entrySize : (i+1)*entrySize]) }

// which names a record without reading it.
func (r *Reader) which(i int) string {
	if i < r.train {
		return fmt.Sprintf("record %d (training image %d)", i, i)
	}
	return fmt.Sprintf("record %d (test image %d)", i, i-r.train)
}

// Data is the pack as data sets.
func (r *Reader) Data() (*datasets.Data, error) {
	d := &datasets.Data{Train: training{&Set{r, 0, r.train}}, Roots: []string{filepath.Base(r.Path) + ", "}}
	if r.Len() > r.train {
		d.Test = &Set{r, r.train, r.Len() - r.train}
	}
	return d, d.Check("pack " + filepath.Base(r.Path))
}

// scratch is what one image takes to decode.
type scratch struct {
	record  []byte
	decoder codec.Decoder
}

// record reads payload and name of record i in the memory of buf and verifies them.
func (r *Reader) record(i int, e *entry, buf []byte) (payload, name []byte, err error) {
	n := int(e.size())
	buf = slices.Grow(buf[:0], n)[:n]
	if err := readAt(r.in, buf, int64(e.offset)); err != nil {
		return nil, nil, fmt.Errorf("datasets: pack: %s: %s: %w", r.Path, r.which(i), err)
	}
	if got := checksum(buf); got != e.checksum {
		return nil, nil, fmt.Errorf("datasets: pack: %s: %s, bytes %d to %d: it has the checksum %08x, the "+
			"index says %08x: the record is damaged",
			r.Path, r.which(i), e.offset, int64(e.offset)+e.size(), got, e.checksum)
	}
	return buf[:e.length], buf[e.length:], nil
}

// image decodes record i to dst.
func (r *Reader) image(i int, dst *datasets.Image) error { return r.part(i, dst, resample.Whole) }

// part decodes the chosen box of record i to dst; of pixels, all.
func (r *Reader) part(i int, dst *datasets.Image, choose func(h, w int) resample.Box) error {
	e := r.entry(i)
	h, w, c := int(e.height), int(e.width), int(e.channels)
	if e.codec == Pixels {
		payload, _, err := r.record(i, &e, dst.Pix)
		if err != nil {
			return err
		}
		*dst = datasets.Image{H: h, W: w, C: c, Pix: payload}
		return nil
	}
	s := r.scratch.Get().(*scratch)
	defer r.scratch.Put(s)
	payload, _, err := r.record(i, &e, s.record)
	if err != nil {
		return err
	}
	s.record = payload
	s.decoder.MaxPixels = h * w
	if err := s.decoder.DecodePart(payload, dst, choose); err != nil {
		return fmt.Errorf("datasets: pack: %s: %s: %w", r.Path, r.which(i), err)
	}
	if dst.H != h || dst.W != w || dst.C != c {
		return fmt.Errorf("datasets: pack: %s: %s decodes to %dx%dx%d, the index says %dx%dx%d", r.Path, r.which(i),
			dst.H, dst.W, dst.C, h, w, c)
	}
	return nil
}

// Files counts the records that are held as image files.
func (r *Reader) Files() (n int) {
	for i := range r.Len() {
		if r.entry(i).codec == File {
			n++
		}
	}
	return n
}
