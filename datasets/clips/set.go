package clips

import (
	"fmt"
	"slices"
	"strings"

	"selfsup/datasets"
)

// clipSet is windows of frames.
type clipSet struct {
	images    shapedSet
	clips     []clip
	length    int
	speeds    []int // whose places are the labels; nil: the folders are
	sequences int
	cuts      int // gaps in sequences
}

// clip has the frames first, first+stride, ...
type clip struct{ first, stride int }

// frame is the image that is frame k.
func (c clip) frame(k int) int { return c.first + k*c.stride }

// shapedSet is the frames, one after the other.
type shapedSet interface {
	datasets.Set
	datasets.Shaped
}

// clips places windows on the frames that are left, and adds the parts of sequences that are too short for one.
func (s *Clips) clips(images datasets.Set, sequences []sequence, short *[]datasets.Skip) (*clipSet, error) {
	c := &clipSet{images: images.(shapedSet), length: s.Length, speeds: s.Speeds}
	strides := s.Speeds
	if len(strides) == 0 {
		strides = []int{s.Stride}
	}
	at := 0                               // in the images
	ended := func(name string, run int) { // a part of a sequence, before at
		for _, stride := range strides {
			if n, want := at-run, (s.Length-1)*magnitude(stride)+1; n < want {
				if n > 0 {
					name = fmt.Sprintf("%s and %d more", c.images.Name(run), n-1)
				}
				*short = append(*short, datasets.Skip{Name: name, Err: fmt.Errorf("%d successive frames; a clip takes "+
					"%d (length = %d, stride = %d)", n, want, s.Length, stride)})
			}
		}
	}
	for _, q := range sequences {
		run, last := 0, 0 // first image of the part without a gap
		begin := at
		for _, f := range q.frames {
			if at == c.images.Len() || c.images.Name(at) != f.Name {
				continue // refused
			}
			switch {
			case at == begin:
				run = at
				c.sequences++
			case f.number != last+q.interval:
				c.cuts++
				ended(q.name, run)
				run = at
			}
			h, w, _ := c.images.Shape(at)
			if h0, w0, _ := c.images.Shape(begin); h != h0 || w != w0 {
				return nil, fmt.Errorf("%s is %dx%d, the frames before it are %dx%d; frames of a sequence are "+
					"of one size", f.Name, w, h, w0, h0)
			}
			last = f.number
			at++
			for _, stride := range strides {
				if found, ok := s.endsAt(at-1, run, stride); ok {
					c.clips = append(c.clips, found)
				}
			}
		}
		if at == begin { // none is left
			run = at
		}
		ended(q.name, run)
	}
	for _, stride := range strides {
		if !slices.ContainsFunc(c.clips, func(o clip) bool { return o.stride == stride }) {
			return nil, fmt.Errorf("%d frames of %d sequences with %d gaps hold no clip; one takes %d successive "+
				"frames (length = %d, stride = %d)",
				at, c.sequences, c.cuts, (s.Length-1)*magnitude(stride)+1, s.Length, stride)
		}
	}
	return c, nil
}

// endsAt is the clip of a stride whose last image in time is the given one, in a part of a sequence that begins at run;
// none may begin there.
func (s *Clips) endsAt(last, run, stride int) (c clip, ok bool) {
	every := magnitude(stride)
	step := s.Step
	if step == 0 {
		step = s.Length * every
	}
	start := last - (s.Length-1)*every
	if start < run || (start-run)%step != 0 {
		return clip{}, false
	}
	if stride < 0 {
		start = last
	}
	return clip{start, stride}, true
}

func magnitude(n int) int { return max(n, -n) }

func (c *clipSet) Len() int    { return len(c.clips) }
func (c *clipSet) Frames() int { return c.length }

// Classes are the speeds, if they are the labels.
func (c *clipSet) Classes() []string {
	if c.speeds == nil {
		return c.images.Classes()
	}
	var names []string
	for _, v := range c.speeds {
		names = append(names, fmt.Sprintf("speed %d", v))
	}
	return names
}

// Label implements Labelled.
func (c *clipSet) Label(i int) int {
	if c.speeds == nil {
		return c.images.Label(c.clips[i].first)
	}
	return slices.Index(c.speeds, c.clips[i].stride)
}

// Name is the first frame's, how many follow, and at what speed.
func (c *clipSet) Name(i int) string {
	name := fmt.Sprintf("%s and %d more", c.images.Name(c.clips[i].first), c.length-1)
	if c.speeds != nil {
		name += fmt.Sprintf(" at speed %d", c.clips[i].stride)
	}
	return name
}

// Shape is that of every frame of clip i.
func (c *clipSet) Shape(i int) (h, w, channels int) { return c.images.Shape(c.clips[i].first) }

// Clip implements ClipSet.
func (c *clipSet) Clip(i int, dst []datasets.Image) error {
	if i < 0 || i >= len(c.clips) || len(dst) != c.length {
		return fmt.Errorf("datasets: clip %d into %d images; the set has %d clips of %d frames", i, len(dst),
			len(c.clips), c.length)
	}
	for k := range dst {
		if err := c.Frame(i, k, &dst[k]); err != nil {
			return err
		}
	}
	return nil
}

// Frame implements datasets.FrameSet.
func (c *clipSet) Frame(i, k int, dst *datasets.Image) error {
	if i < 0 || i >= len(c.clips) || k < 0 || k >= c.length {
		return fmt.Errorf("datasets: frame %d of clip %d; the set has %d clips of %d frames", k, i, len(c.clips),
			c.length)
	}
	at := c.clips[i].frame(k)
	if err := c.images.Image(at, dst); err != nil {
		return fmt.Errorf("datasets: %s: %w", c.images.Name(at), err)
	}
	return nil
}

// Check decodes clip i.
func (c *clipSet) Check(i int) error { return c.Clip(i, make([]datasets.Image, c.length)) }

// Facts describes the clips.
func (c *clipSet) Facts() []datasets.Fact {
	var every []string
	for _, o := range c.clips {
		if n := fmt.Sprint(o.stride); !slices.Contains(every, n) {
			every = append(every, n)
		}
	}
	return []datasets.Fact{
		{Key: "frames", Value: fmt.Sprint(c.images.Len())},
		{Key: "sequences", Value: fmt.Sprintf("%d, with %d gaps", c.sequences, c.cuts)},
		{Key: "clip", Value: fmt.Sprintf("%d frames, every %s", c.length, strings.Join(every, ", "))},
	}
}
