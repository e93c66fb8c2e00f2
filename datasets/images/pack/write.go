package pack

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"selfsup/datasets"
	"selfsup/datasets/images/codec"
	"selfsup/datasets/resample"
)

// Options says how images are packed. With none set, the file of an image is kept where it decodes to just what the set
// delivers, and its pixels elsewhere.
type Options struct {
	Size    int    // pixels: larger images are reduced to this shorter side, antialiased; 0 keeps every size
	Quality int    // 1 to 100: every image becomes a JPEG of this quality; 0: none does
	Raw     bool   // pixels, never files: the largest pack, and the fastest to read
	Source  string // what is packed, for Meta
	Base    string // folder that the images' names are shortened by
}

// Validate checks the options.
func (o *Options) Validate() error {
	switch {
	case o.Size < 0 || o.Size > 1<<14:
		return fmt.Errorf("size = %d, want at most %d pixels, or 0 to keep the sizes", o.Size, 1<<14)
	case o.Quality < 0 || o.Quality > 100:
		return fmt.Errorf("quality = %d, want 1 to 100, or 0 to encode nothing", o.Quality)
	case o.Raw && o.Quality > 0:
		return fmt.Errorf("quality = %d with raw: pixels have no quality, want one of the two", o.Quality)
	}
	return nil
}

// Report counts what Write wrote.
type Report struct {
	Train, Test int   // images
	Files       int   // of them held as image files
	Bytes       int64 // of the pack
}

// Write packs both sets of d to w. Images are decoded on every core, a few at a time; the bytes written depend on the
// images and the options alone (and, with Quality, on the Go release, whose encoder it is). The caller makes the file
// appear under its name at once.
func Write(w io.Writer, d *datasets.Data, o Options) (*Report, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("datasets: pack: %w", err)
	}
	p := &writer{Options: o, out: bufio.NewWriterSize(w, 1<<20), channels: d.Channels}
	if err := p.write(header()); err != nil {
		return nil, err
	}
	train, test := d.Images()
	if train == nil {
		return nil, errors.New("datasets: pack: the data are no images")
	}
	for _, s := range []datasets.Set{train, test} {
		if s == nil {
			continue
		}
		if err := p.set(s); err != nil {
			return nil, fmt.Errorf("datasets: pack: %w", err)
		}
		if p.report.Train == 0 {
			p.report.Train = s.Len()
			p.mean, p.std = p.levels.MeanStd()
		} else {
			p.report.Test = s.Len()
		}
	}
	meta, err := json.Marshal(Meta{
		Source: o.Source, Size: o.Size, Quality: o.Quality, Channels: d.Channels, Classes: d.Train.Classes(),
		LeftOut: len(d.Skipped), Mean: p.mean, Std: p.std,
	})
	if err != nil {
		return nil, err
	}
	f := footer{meta: uint64(p.report.Bytes), train: uint32(p.report.Train), test: uint32(p.report.Test)}
	f.index = f.meta + uint64(len(meta))
	f.digest = f.sum(meta, p.index)
	for _, b := range [][]byte{meta, p.index, f.bytes()} {
		if err := p.write(b); err != nil {
			return nil, err
		}
	}
	return &p.report, p.out.Flush()
}

type writer struct {
	Options
	out       *bufio.Writer
	channels  int
	index     []byte
	levels    datasets.Levels // of the set that is being written
	mean, std []float64       // of the training set
	report    Report
	slots     []slot
}

func (p *writer) write(b []byte) error {
	n, err := p.out.Write(b)
	p.report.Bytes += int64(n)
	return err
}

// set appends the records of a set: as many at a time as there are slots, written in order.
func (p *writer) set(s datasets.Set) error {
	if p.slots == nil {
		p.slots = make([]slot, 4*runtime.GOMAXPROCS(0))
	}
	p.levels = datasets.Levels{}
	for from := 0; from < s.Len(); from += len(p.slots) {
		some := p.slots[:min(len(p.slots), s.Len()-from)]
		var wg sync.WaitGroup
		for k := range some {
			wg.Add(1)
			go func() {
				defer wg.Done()
				some[k].err = some[k].encode(s, from+k, &p.Options, p.channels)
			}()
		}
		wg.Wait()
		for k := range some {
			if err := p.append(&some[k]); err != nil {
				return fmt.Errorf("image %d, %s: %w", from+k, s.Name(from+k), err)
			}
		}
	}
	return nil
}

// append writes what a slot holds.
func (p *writer) append(t *slot) error {
	if t.err != nil {
		return t.err
	}
	if len(p.index)/entrySize == math.MaxInt32 {
		return fmt.Errorf("a pack holds at most %d images", math.MaxInt32)
	}
	t.entry.offset = uint64(p.report.Bytes)
	p.index = t.entry.append(p.index)
	if t.entry.codec == File {
		p.report.Files++
	}
	if err := p.levels.Add(&t.image); err != nil {
		return err
	}
	return p.write(t.record)
}

// slot makes one record after another.
type slot struct {
	image     datasets.Image // as the pack will deliver it
	record    []byte
	entry     entry
	err       error
	other     datasets.Image
	file      []byte
	scaled    []float32
	resampler resample.Resampler
	decoder   codec.Decoder
	jpeg      bytes.Buffer
	rgba      *image.RGBA
}

func (t *slot) encode(s datasets.Set, i int, o *Options, channels int) error {
	m := &t.image
	if err := s.Image(i, m); err != nil {
		return err
	}
	if m.C != channels {
		return fmt.Errorf("%d channels, want %d", m.C, channels)
	}
	reduced := t.reduce(o.Size)
	payload, how := m.Pix, Pixels
	t.decoder = codec.Decoder{Channels: channels, MaxPixels: m.H * m.W}
	switch {
	case o.Quality > 0:
		if err := t.compress(o.Quality); err != nil {
			return err
		}
		payload, how = t.jpeg.Bytes(), File
		if err := t.decoder.Decode(payload, m); err != nil {
			return err
		}
	case !o.Raw && !reduced && t.kept(s, i):
		payload, how = t.file, File
	}
	name := s.Name(i)
	if o.Base != "" {
		name = strings.TrimPrefix(name, o.Base+string(filepath.Separator))
	}
	name = name[:min(len(name), math.MaxUint16)]
	if int64(len(payload)) > math.MaxUint32 || m.W >= 1<<24 {
		return fmt.Errorf("%dx%d pixels in %d bytes, a record holds at most %d bytes and is less than %d wide", m.W,
			m.H, len(payload), uint32(math.MaxUint32), 1<<24)
	}
	t.record = append(append(t.record[:0], payload...), name...)
	t.entry = entry{
		length: uint32(len(payload)), checksum: checksum(t.record), label: int32(s.Label(i)), height: uint32(m.H),
		width: uint32(m.W),
		name:  uint16(len(name)), codec: how, channels: uint8(m.C),
	}
	return nil
}

// reduce makes the shorter side of the image size, if it is longer, and the other in proportion, rounded down as in
// torchvision.
func (t *slot) reduce(size int) bool {
	m := &t.image
	if size == 0 || min(m.H, m.W) <= size {
		return false
	}
	h, w := size, size
	if m.H < m.W {
		w = size * m.W / m.H
	} else {
		h = size * m.H / m.W
	}
	n := h * w * m.C
	if cap(t.scaled) < n {
		t.scaled = make([]float32, n)
	}
	t.scaled = t.scaled[:n]
	t.resampler.Run(t.scaled, resample.Job{
		Src: m.Pix, Width: m.W, Channels: m.C, Box: resample.Box{Height: m.H, Width: m.W}, Size: [2]int{h, w},
	})
	m.Reshape(h, w, m.C)
	for i, v := range t.scaled {
		m.Pix[i] = byte(math.Round(float64(255 * v)))
	}
	return true
}

// kept takes the file of image i, if it decodes to just the image.
func (t *slot) kept(s datasets.Set, i int) bool {
	e, ok := s.(datasets.Encoded)
	if !ok {
		return false
	}
	b, err := e.Bytes(i, t.file)
	if err != nil { // such as an image of another pack that is held as pixels
		return false
	}
	t.file = b
	m := &t.image
	return t.decoder.Decode(b, &t.other) == nil && t.other.H == m.H && t.other.W == m.W &&
		bytes.Equal(t.other.Pix, m.Pix)
}

// compress encodes the image as JPEG.
func (t *slot) compress(quality int) error {
	m := &t.image
	var src image.Image = &image.Gray{Pix: m.Pix, Stride: m.W, Rect: image.Rect(0, 0, m.W, m.H)}
	if m.C == 3 {
		if t.rgba == nil || t.rgba.Rect.Dx() != m.W || t.rgba.Rect.Dy() != m.H {
			t.rgba = image.NewRGBA(image.Rect(0, 0, m.W, m.H))
		}
		for i := range m.H * m.W {
			copy(t.rgba.Pix[4*i:4*i+3], m.Pix[3*i:])
			t.rgba.Pix[4*i+3] = 255
		}
		src = t.rgba
	}
	t.jpeg.Reset()
	return jpeg.Encode(&t.jpeg, src, &jpeg.Options{Quality: quality})
}
