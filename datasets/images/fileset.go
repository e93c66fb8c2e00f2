package images

import (
	"fmt"
	"sync"

	"selfsup/datasets"
	"selfsup/datasets/resample"
)

// fileSet is a set of image files: decoded in memory, or decoded on demand.
type fileSet struct {
	files   fileIndex
	classes []string
	shapes  []shape
	sums    []uint32         // checksums of the files
	images  []datasets.Image // nil: on demand
	opt     Files            // with the channels of the set
	workers *sync.Pool
}

func (s *fileSet) Len() int          { return s.files.len() }
func (s *fileSet) Label(i int) int   { return int(s.files.label[i]) }
func (s *fileSet) Classes() []string { return s.classes }
func (s *fileSet) Name(i int) string { return s.files.name(i) }

// Shape implements Shaped.
func (s *fileSet) Shape(i int) (h, w, c int) {
	return int(s.shapes[i].h), int(s.shapes[i].w), int(s.shapes[i].c)
}

// Image implements Set.
func (s *fileSet) Image(i int, dst *datasets.Image) error { return s.Part(i, dst, resample.Whole) }

// Part implements Partial.
func (s *fileSet) Part(i int, dst *datasets.Image, choose func(h, w int) resample.Box) error {
	if i < 0 || i >= s.files.len() {
		return fmt.Errorf("datasets: no image %d, the set has %d", i, s.files.len())
	}
	if s.images != nil {
		src := &s.images[i]
		dst.Reshape(src.H, src.W, src.C)
		copy(dst.Pix, src.Pix)
		return nil
	}
	w := s.workers.Get().(*worker)
	defer s.workers.Put(w)
	w.file = s.files.file(i)
	return s.opt.part(&w.file, w, dst, choose)
}

// Bytes implements Encoded.
func (s *fileSet) Bytes(i int, buf []byte) ([]byte, error) {
	if i < 0 || i >= s.files.len() {
		return nil, fmt.Errorf("datasets: no image %d, the set has %d", i, s.files.len())
	}
	f := s.files.file(i)
	return f.From.Read(&f, buf, s.opt.limit())
}

// Sum implements Summed.
func (s *fileSet) Sum(i int) (uint32, error) { return s.sums[i], nil }

// Decodes implements Decoding.
func (s *fileSet) Decodes() bool { return s.images == nil }

// shape is a Shape in 12 bytes.
type shape struct{ h, w, c int32 }
