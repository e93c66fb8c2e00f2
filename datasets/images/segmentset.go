package images

import (
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/disk"
	"selfsup/datasets/resample"
)

// mask decodes a mask of an image of a size to dst, resized.
func (d *maskDecoding) mask(f *disk.File, dst *datasets.Image, size shape) error {
	w := d.workers.Get().(*worker)
	defer d.workers.Put(w)
	m := &w.values
	if err := d.opt.read(f, w); err != nil {
		return err
	}
	if err := w.Values(w.bytes, m); err != nil {
		return err
	}
	if m.H != int(size.h) || m.W != int(size.w) {
		return fmt.Errorf("the mask is %dx%d, its image %dx%d", m.W, m.H, size.w, size.h)
	}
	if d.opt.Resize == 0 {
		return d.write(dst, m)
	}
	if err := d.write(&w.whole, m); err != nil {
		return err
	}
	nearest(dst, &w.whole, d.opt.Resize)
	return nil
}

// nearest resizes as Files.image does, without mixing pixels: the one whose area holds the centre of the new pixel.
func nearest(dst, m *datasets.Image, size int) {
	job := resample.Center(m.H, m.W, size)
	dst.Reshape(size, size, 1)
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
	masks    []disk.File
	kept     []datasets.Image // nil: on demand
	names    []string
	decoding *maskDecoding
}

func (s *maskSet) PixelClasses() []string { return s.names }

// Mask implements MaskSet.
func (s *maskSet) Mask(i int, dst *datasets.Image) error {
	if i < 0 || i >= len(s.masks) {
		return fmt.Errorf("datasets: no mask %d, the set has %d", i, len(s.masks))
	}
	if s.kept != nil {
		m := &s.kept[i]
		dst.Reshape(m.H, m.W, 1)
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
		return fmt.Errorf("datasets: %s: %w", s.masks[i].Name, err)
	}
	return nil
}

// Check reads pair i.
func (s *maskSet) Check(i int) error {
	var m datasets.Image
	if err := s.Image(i, &m); err != nil {
		return err
	}
	return s.Mask(i, &m)
}

// Facts describes the pairs; the masks are read.
func (s *maskSet) Facts() []datasets.Fact {
	var fs []datasets.Fact
	count, ignored := make([]int, len(s.names)), 0
	total := 0
	var m datasets.Image
	for i := range s.masks {
		if s.Mask(i, &m) != nil {
			continue // data verify names it
		}
		for _, c := range m.Pix {
			if c == datasets.Ignored && len(s.decoding.ignore) > 0 {
				ignored++
			} else {
				count[c]++
			}
		}
		total += len(m.Pix)
	}
	share := func(key string, n int) {
		fs = append(fs, datasets.Fact{Key: key, Value: fmt.Sprintf("%.2f %%", 100*float64(n)/float64(max(total, 1)))})
	}
	for c, n := range count {
		share("pixels of "+s.names[c], n)
	}
	if len(s.decoding.ignore) > 0 {
		share("pixels ignored", ignored)
	}
	return fs
}
