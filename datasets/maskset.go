package datasets

import (
	"fmt"

	"selfsup/datasets/resample"
)

// mask decodes a mask of an image of a size to dst, resized.
func (d *maskDecoding) mask(f *file, dst *Image, size shape) error {
	w := d.workers.Get().(*worker)
	defer d.workers.Put(w)
	m := &w.whole
	if err := d.opt.image(f, w, m); err != nil {
		return err
	}
	if m.H != int(size.h) || m.W != int(size.w) {
		return fmt.Errorf("the mask is %dx%d, its image %dx%d", m.W, m.H, size.w, size.h)
	}
	for i, v := range m.Pix {
		c := d.class[v]
		if c < 0 {
			return fmt.Errorf("pixel (%d,%d) is %d, expected one of values = %v", i%m.W, i/m.W, v, d.values)
		}
		m.Pix[i] = byte(c)
	}
	if d.resize == 0 {
		dst.resize(m.H, m.W, 1)
		copy(dst.Pix, m.Pix)
		return nil
	}
	nearest(dst, m, d.resize)
	return nil
}

// nearest resizes as Files.image does, without mixing pixels: the one whose area holds the centre of the new pixel.
func nearest(dst, m *Image, size int) {
	job := resample.Center(m.H, m.W, size)
	dst.resize(size, size, 1)
	at := func(k, offset, full, n int) int { return (2*(k+offset) + 1) * n / (2 * full) }
	for y := range size {
		row := m.Pix[at(y, job.Window.Top, job.Size[0], m.H)*m.W:]
		for x := range size {
			dst.Pix[y*size+x] = row[at(x, job.Window.Left, job.Size[1], m.W)]
		}
	}
}

// maskSet is images with masks.
type maskSet struct {
	*fileSet
	masks    []file
	kept     []Image // nil: on demand
	names    []string
	decoding *maskDecoding
}

func (s *maskSet) PixelClasses() []string { return s.names }

// Mask implements MaskSet.
func (s *maskSet) Mask(i int, dst *Image) error {
	if i < 0 || i >= len(s.masks) {
		return fmt.Errorf("datasets: no mask %d, the set has %d", i, len(s.masks))
	}
	if s.kept != nil {
		m := &s.kept[i]
		dst.resize(m.H, m.W, 1)
		copy(dst.Pix, m.Pix)
		return nil
	}
	w := s.workers.Get().(*worker)
	defer s.workers.Put(w)
	w.file = s.files.file(i)
	size, err := s.opt.size(&w.file, w)
	if err == nil {
		err = s.decoding.mask(&s.masks[i], dst, size)
	}
	if err != nil {
		return fmt.Errorf("datasets: %s: %w", s.masks[i].name, err)
	}
	return nil
}

// check reads pair i.
func (s *maskSet) check(i int) error {
	var m Image
	if err := s.Image(i, &m); err != nil {
		return err
	}
	return s.Mask(i, &m)
}

// facts describes the pairs; the masks are read.
func (s *maskSet) facts() []Fact {
	var fs []Fact
	count := make([]int, len(s.names))
	total := 0
	var m Image
	for i := range s.masks {
		if s.Mask(i, &m) != nil {
			continue // data verify names it
		}
		for _, c := range m.Pix {
			count[c]++
		}
		total += len(m.Pix)
	}
	for c, n := range count {
		fs = append(fs, Fact{"pixels of " + s.names[c], fmt.Sprintf("%.2f %%", 100*float64(n)/float64(max(total, 1)))})
	}
	return fs
}
