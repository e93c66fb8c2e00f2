package pack

import (
	"fmt"
	"path/filepath"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/resample"
)

// Set is the training or the test images of a pack. It holds nothing but a place in the index.
type Set struct {
	r        *Reader
	first, n int
}

func (s *Set) Len() int          { return s.n }
func (s *Set) Classes() []string { return s.r.Meta.Classes }
func (s *Set) Label(i int) int   { return int(s.entry(i).label) }

func (s *Set) entry(i int) entry { return s.r.entry(s.first + i) }

// Name is the name that the image had where it came from; reading it takes a look into the file.
func (s *Set) Name(i int) string {
	e := s.entry(i)
	at := fmt.Sprintf("%s, %s", filepath.Base(s.r.Path), s.r.which(s.first+i))
	name := make([]byte, e.name)
	if err := readAt(s.r.in, name, int64(e.offset)+int64(e.length)); err != nil || len(name) == 0 {
		return at
	}
	return fmt.Sprintf("%s, %q", at, name)
}

// Image implements datasets.Set: it reads the record, verifies its checksum, and decodes it.
func (s *Set) Image(i int, dst *datasets.Image) error { return s.Part(i, dst, resample.Whole) }

// Part implements datasets.Partial.
func (s *Set) Part(i int, dst *datasets.Image, choose func(h, w int) resample.Box) error {
	if err := s.has(i); err != nil {
		return err
	}
	return s.r.part(s.first+i, dst, choose)
}

func (s *Set) has(i int) error {
	if i < 0 || i >= s.n {
		return fmt.Errorf("datasets: pack: %s: no image %d, the set has %d", s.r.Path, i, s.n)
	}
	return nil
}

// Shape implements datasets.Shaped.
func (s *Set) Shape(i int) (h, w, c int) {
	e := s.entry(i)
	return int(e.height), int(e.width), int(e.channels)
}

// Sum implements datasets.Summed: the checksum that the index has of image and name.
func (s *Set) Sum(i int) (uint32, error) { return s.entry(i).checksum, nil }

// Codec says how image i is held.
func (s *Set) Codec(i int) Codec { return s.entry(i).codec }

// Decodes implements datasets.Decoding.
func (s *Set) Decodes() bool { return s.Codec(0) == File }

// Bytes implements datasets.Encoded; an image that is held as pixels has no file.
func (s *Set) Bytes(i int, buf []byte) ([]byte, error) {
	if err := s.has(i); err != nil {
		return nil, err
	}
	e := s.entry(i)
	if e.codec != File {
		return nil, fmt.Errorf("datasets: pack: %s: %s is held as %v, not as an image file", s.r.Path,
			s.r.which(s.first+i), e.codec)
	}
	payload, _, err := s.r.record(s.first+i, &e, buf)
	return payload, err
}

// training is a Set of which the meta data holds the statistics.
type training struct{ *Set }

// Measured implements datasets.Measured.
func (s training) Measured() (mean, std []float64) {
	return slices.Clone(s.r.Meta.Mean), slices.Clone(s.r.Meta.Std)
}
