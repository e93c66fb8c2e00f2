package datasets

import (
	"fmt"
	"hash/crc32"
)

// Memory is a set held in memory.
type Memory struct {
	Images []Image
	Labels []int    // class of each image, or -1; nil for an unlabelled set
	Names  []string // nil: "Origin[i]"
	Class  []string
	Origin string // where the images come from, for names
}

func (m *Memory) Len() int          { return len(m.Images) }
func (m *Memory) Classes() []string { return m.Class }

func (m *Memory) Label(i int) int {
	if m.Labels == nil {
		return -1
	}
	return m.Labels[i]
}

func (m *Memory) Name(i int) string {
	if m.Names == nil {
		return fmt.Sprintf("%s[%d]", m.Origin, i)
	}
	return m.Names[i]
}

// Shape implements Shaped.
func (m *Memory) Shape(i int) (h, w, c int) {
	img := &m.Images[i]
	return img.H, img.W, img.C
}

// Image copies image i into dst.
func (m *Memory) Image(i int, dst *Image) error {
	if i < 0 || i >= len(m.Images) {
		return fmt.Errorf("datasets: %s: no image %d, the set has %d", m.Origin, i, len(m.Images))
	}
	src := &m.Images[i]
	dst.Reshape(src.H, src.W, src.C)
	copy(dst.Pix, src.Pix)
	return nil
}

// Sum implements Summed.
func (m *Memory) Sum(i int) (uint32, error) { return crc32.Checksum(m.Images[i].Pix, Castagnoli), nil }
