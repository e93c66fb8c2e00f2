package datasets

import (
	"fmt"
)

// clipSet is windows of frames; frame k of clip i is image start[i]+k*stride.
type clipSet struct {
	images    *fileSet
	start     []int
	length    int
	stride    int
	sequences int
	cuts      int // gaps in sequences
}

// clips places windows on the frames that are left.
func (s *Clips) clips(images Set, sequences []sequence) (*clipSet, error) {
	c := &clipSet{images: images.(*fileSet), length: s.Length, stride: s.Stride}
	span, step := (s.Length-1)*s.Stride+1, s.Step
	if step == 0 {
		step = s.Length * s.Stride
	}
	at := 0 // in the images
	for _, q := range sequences {
		run, last, used := 0, 0, 0 // first image of the part without a gap
		begin := at
		for _, f := range q.frames {
			if at == c.images.Len() || c.images.Name(at) != f.name {
				continue // refused
			}
			switch {
			case at == begin:
				run = at
				c.sequences++
			case f.number != last+q.interval:
				c.cuts++
				run = at
			}
			if c.images.shapes[at] != c.images.shapes[begin] {
				return nil, fmt.Errorf("%s is %dx%d, the frames before it are %dx%d; frames of a sequence are "+
					"of one size",
					f.name, c.images.shapes[at].w, c.images.shapes[at].h, c.images.shapes[begin].w,
					c.images.shapes[begin].h)
			}
			last = f.number
			at++
			if start := at - span; start >= run && (start-run)%step == 0 {
				c.start = append(c.start, start)
				used++
			}
		}
	}
	if len(c.start) == 0 {
		return nil, fmt.Errorf("%d frames of %d sequences with %d gaps hold no clip; one takes %d successive "+
			"frames (length = %d, stride = %d)",
			at, c.sequences, c.cuts, span, s.Length, s.Stride)
	}
	return c, nil
}

func (c *clipSet) Len() int          { return len(c.start) }
func (c *clipSet) Classes() []string { return c.images.classes }
func (c *clipSet) Label(i int) int   { return c.images.Label(c.start[i]) }
func (c *clipSet) Frames() int       { return c.length }

// Name is the first frame's, and how many follow.
func (c *clipSet) Name(i int) string {
	return fmt.Sprintf("%s and %d more", c.images.Name(c.start[i]), c.length-1)
}

// Shape is that of every frame of clip i.
func (c *clipSet) Shape(i int) (h, w, channels int) { return c.images.Shape(c.start[i]) }

// Clip implements ClipSet.
func (c *clipSet) Clip(i int, dst []Image) error {
	if i < 0 || i >= len(c.start) || len(dst) != c.length {
		return fmt.Errorf("datasets: clip %d into %d images; the set has %d clips of %d frames", i, len(dst),
			len(c.start), c.length)
	}
	for k := range dst {
		at := c.start[i] + k*c.stride
		if err := c.images.Image(at, &dst[k]); err != nil {
			return fmt.Errorf("datasets: %s: %w", c.images.Name(at), err)
		}
	}
	return nil
}

func (c *clipSet) check(i int) error { return c.Clip(i, make([]Image, c.length)) }

// facts describes the clips.
func (c *clipSet) facts() []Fact {
	return []Fact{
		{"frames", fmt.Sprint(c.images.Len())},
		{"sequences", fmt.Sprintf("%d, with %d gaps", c.sequences, c.cuts)},
		{"clip", fmt.Sprintf("%d frames, every %d", c.length, c.stride)},
	}
}
