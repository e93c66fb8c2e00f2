// Package images reads images: from folders, shards, lists and the files that sets are published as, alone, with masks
// or with captions, and those that are part of the program.
package images

import (
	"fmt"
	"math"

	"selfsup/datasets"
	"selfsup/datasets/disk"
	"selfsup/datasets/images/codec"
	"selfsup/datasets/resample"
	"selfsup/setting"
)

// Files is the settings that every source of image files has in common.
type Files struct {
	Resize   int `toml:"resize"`   // pixels: shorter side resized, then centre crop; 0 keeps the sizes
	Channels int `toml:"channels"` // 1 grey, 3 colour, 0 as found
	// values of 16-bit samples that become black and white, such as [0, 4095]; empty: the high byte is kept
	Range16 []int `toml:"range16"`
	// images that may be refused and left out; each is named, more stop the run
	MaxSkipped int          `toml:"max_skipped"`
	MaxPixels  int          `toml:"max_pixels"` // a header that claims more is refused
	Memory     setting.Size `toml:"memory"`     // decoded images that are kept; a larger set is decoded on demand
	// a larger set is decoded once at the start, else a damaged file stops the run when it comes up
	Verify bool `toml:"verify"`

	progress func(done, total int) // see Env
}

// told is files that tell who opens them how far the reading is.
func (s Files) told(progress func(done, total int)) Files {
	s.progress = progress
	return s
}

// DefaultFiles tolerates no bad image and keeps up to 1 GiB of decoded images.
func DefaultFiles() Files {
	return Files{MaxPixels: codec.DefaultMaxPixels, Memory: 1 << 30, Verify: true}
}

// Validate checks the settings.
func (s *Files) Validate() error {
	switch {
	case s.Channels != 0 && s.Channels != 1 && s.Channels != 3:
		return fmt.Errorf("channels = %d, want 1 (grey), 3 (colour) or 0 (as found)", s.Channels)
	case s.Resize < 0 || s.Resize > maxResize:
		return fmt.Errorf("resize = %d, want at most %d pixels, or 0 to keep the sizes", s.Resize, maxResize)
	case s.MaxSkipped < 0:
		return fmt.Errorf("max_skipped = %d, want a count of images, at least 0", s.MaxSkipped)
	case s.MaxPixels < 1 || s.MaxPixels > math.MaxInt32:
		return fmt.Errorf("max_pixels = %d, want 1 to %d", s.MaxPixels, math.MaxInt32)
	case s.Memory < 0:
		return fmt.Errorf("memory = %v, want at least 0B", s.Memory)
	}
	return validateRange16(s.Range16)
}

func validateRange16(r []int) error {
	if len(r) == 0 || len(r) == 2 && r[0] >= 0 && r[0] < r[1] && r[1] <= 0xffff {
		return nil
	}
	return fmt.Errorf("range16 = %v, want two values of 16-bit samples, 0 <= black < white <= 65535, or [] to "+
		"keep the high byte", r)
}

const maxResize = 1 << 14

// worker decodes one file after another; one goroutine uses it at a time.
type worker struct {
	codec.Decoder
	file      disk.File // of a set
	bytes     []byte
	whole     datasets.Image // before it is resized
	out       datasets.Image // while it is not kept
	values    codec.Values
	scaled    []float32
	resampler resample.Resampler
}

func (s *Files) worker() *worker {
	w := &worker{Decoder: codec.Decoder{Channels: s.Channels, MaxPixels: s.MaxPixels}}
	if len(s.Range16) == 2 {
		w.Black16, w.White16 = uint16(s.Range16[0]), uint16(s.Range16[1])
	}
	return w
}

// limit is the length of file that an image of max_pixels may have: 8 bytes a pixel (16 bits, four samples), and
// something for metadata.
func (s *Files) limit() int64 { return 8*int64(s.MaxPixels) + 16<<20 }

func (s *Files) read(f *disk.File, w *worker) (err error) {
	w.bytes, err = f.From.Read(f, w.bytes, s.limit())
	return err
}

// image decodes f to dst, resized.
func (s *Files) image(f *disk.File, w *worker, dst *datasets.Image) error {
	return s.part(f, w, dst, resample.Whole)
}

// part decodes at least the chosen box of f to dst; a resized image whole.
func (s *Files) part(f *disk.File, w *worker, dst *datasets.Image, choose func(h, w int) resample.Box) error {
	if err := s.read(f, w); err != nil {
		return err
	}
	if s.Resize == 0 {
		return w.DecodePart(w.bytes, dst, choose)
	}
	if err := w.Decode(w.bytes, &w.whole); err != nil {
		return err
	}
	w.square(dst, s.Resize)
	return nil
}

// Decode decodes the bytes of one file to dst as those of a set, resized.
func (s Files) Decode(b []byte, dst *datasets.Image) error {
	w := s.worker()
	if s.Resize == 0 {
		return w.Decoder.Decode(b, dst)
	}
	if err := w.Decoder.Decode(b, &w.whole); err != nil {
		return err
	}
	w.square(dst, s.Resize)
	return nil
}

// square resizes the shorter side of whole to size and keeps the centre [size,size,C].
func (w *worker) square(dst *datasets.Image, size int) {
	m := &w.whole
	dst.Reshape(size, size, m.C)
	if m.H == size && m.W == size {
		copy(dst.Pix, m.Pix)
		return
	}
	job := resample.Center(m.H, m.W, size)
	job.Src, job.Width, job.Channels = m.Pix, m.W, m.C
	if n := len(dst.Pix); cap(w.scaled) < n {
		w.scaled = make([]float32, n)
	}
	f := w.scaled[:len(dst.Pix)]
	w.resampler.Run(f, job)
	for i, v := range f {
		dst.Pix[i] = byte(math.Round(float64(min(max(v, 0), 1) * 255)))
	}
}

// header is the size that image would deliver.
func (s *Files) header(f *disk.File, w *worker) (shape, error) {
	if err := s.read(f, w); err != nil {
		return shape{}, err
	}
	h, err := w.Header(w.bytes)
	if s.Resize > 0 {
		h.H, h.W = s.Resize, s.Resize
	}
	return shape{int32(h.H), int32(h.W), int32(h.C)}, err
}

// Scale16 is the recipe's range16.
func (s *Files) Scale16() []int { return s.Range16 }
