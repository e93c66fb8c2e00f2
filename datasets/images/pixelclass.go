package images

import (
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/images/codec"
)

// classOf is the class of each value of a mask.
type classOf struct {
	class  []int16 // by value: a class, Ignored, or -1
	values []int
	ignore []int
}

func newClassOf(values, ignore []int) (c classOf) {
	c.values, c.ignore = values, ignore
	top := 0
	for _, list := range [][]int{values, ignore} {
		for _, v := range list {
			top = max(top, v)
		}
	}
	c.class = make([]int16, top+1)
	for i := range c.class {
		c.class[i] = -1
	}
	for i, v := range values {
		c.class[v] = int16(i)
	}
	for _, v := range ignore {
		c.class[v] = datasets.Ignored
	}
	return c
}

// write writes the classes of the values to dst.
func (c *classOf) write(dst *datasets.Image, m *codec.Values) error {
	dst.Reshape(m.H, m.W, 1)
	for i, v := range m.V {
		if int(v) >= len(c.class) || c.class[v] < 0 {
			return c.unknown(m, i)
		}
		dst.Pix[i] = byte(c.class[v])
	}
	return nil
}

func (c *classOf) unknown(m *codec.Values, i int) error {
	what := fmt.Sprintf("pixel (%d,%d) is %d", i%m.W, i/m.W, m.V[i])
	if m.Palette {
		what += " (its index in the palette)"
	}
	if len(c.ignore) > 0 {
		return fmt.Errorf("%s, want one of values = %v or ignore = %v", what, c.values, c.ignore)
	}
	return fmt.Errorf("%s, want one of values = %v, or ignore = [%d]", what, c.values, m.V[i])
}

// Validate checks the settings.
func (c *classOf) Validate() error {
	most := 256
	if len(c.ignore) > 0 {
		most = datasets.Ignored
	}
	if len(c.values) < 2 || len(c.values) > most {
		return fmt.Errorf("values has %d values, want 2 to %d", len(c.values), most)
	}
	seen := map[int]bool{}
	for _, list := range [][]int{c.values, c.ignore} {
		for _, v := range list {
			if v < 0 || v > 0xffff || seen[v] {
				return fmt.Errorf("values = %v and ignore = %v, want different numbers from 0 to 65535", c.values,
					c.ignore)
			}
			seen[v] = true
		}
	}
	return nil
}
