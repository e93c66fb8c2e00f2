// Package frames turns clips into the fields of a batch: view0, view1 ... [F,H,W,C] as package views makes them of
// images, with one draw for all frames of a view, params0, params1 ... of that draw, and pace0, pace1 ... which say
// at which of the strides a view shows the clip; camera [F,2] where it is known. Which frames of a clip a view shows is
// said by the recipe's [clips].
package frames

import (
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/sampling"
	"selfsup/datasets/views"
)

// Kind is clips as methods see them.
type Kind struct {
	*views.Pipeline
	settings Settings
	frames   int // of a view
}

// New checks the settings against the clips, on whose frames it measures mean and deviation. It wants n views.
func New(c Settings, s views.Settings, d *datasets.Data, n int) (*Kind, error) {
	train := d.Train.(datasets.ClipSet)
	if s.Copies() {
		return nil, fmt.Errorf("views: copy_paste = %v puts objects of images before other images, and the samples "+
			"are clips; want copy_paste = 0", s.CopyPaste)
	}
	shown, err := c.Fit(train.Frames())
	if err != nil {
		return nil, err
	}
	first := make([]datasets.Image, train.Frames())
	if err := train.Clip(0, first); err != nil {
		return nil, fmt.Errorf("%s: %w", train.Name(0), err)
	}
	m := &first[0]
	still := &datasets.Data{Train: &stills{ClipSet: train}, Channels: m.C, Height: m.H, Width: m.W}
	for i := range train.Len() {
		if err := train.Clip(i, first); err != nil {
			return nil, fmt.Errorf("%s: %w", train.Name(i), err)
		}
		if m.H != still.Height || m.W != still.Width {
			still.Height, still.Width = 0, 0
			break
		}
	}
	p, err := views.New(s, still, n)
	if err != nil {
		return nil, err
	}
	return &Kind{p, c, shown}, nil
}

// Of is views of n frames of clips that p shows the frames of, whatever clips they are; each has the frames that
// Settings.Fit asks for.
func Of(c Settings, p *views.Pipeline, n int) *Kind { return &Kind{p, c, n} }

// stills is the frames of a set of clips as images.
type stills struct {
	datasets.ClipSet
}

// Len implements datasets.Set.
func (s *stills) Len() int { return s.ClipSet.Len() * s.Frames() }

// Label implements datasets.Set.
func (s *stills) Label(i int) int { return s.ClipSet.Label(i / s.Frames()) }

// Name implements datasets.Set.
func (s *stills) Name(i int) string {
	return fmt.Sprintf("%s, frame %d", s.ClipSet.Name(i/s.Frames()), i%s.Frames())
}

// Image implements datasets.Set.
func (s *stills) Image(i int, dst *datasets.Image) error {
	clip := make([]datasets.Image, s.Frames())
	if err := s.Clip(i/s.Frames(), clip); err != nil {
		return err
	}
	*dst = clip[i%s.Frames()]
	return nil
}

// Noun implements feed.Kind.
func (k *Kind) Noun() string { return "clips" }

// Stills reports whether a view is an image: one frame, without an axis of frames.
func (k *Kind) Stills() bool { return k.settings.View == oneFrame }

// Frames is how many frames a view shows.
func (k *Kind) Frames() int { return k.frames }

// OneByOne is views of single frames.
func (k *Kind) OneByOne() *Kind {
	still := *k
	still.frames = 1
	return &still
}

// Training implements feed.Kind.
func (k *Kind) Training(set datasets.Labelled) feed.Maker { return newMaker(k, set, false) }

// Evaluation implements feed.Kind: raw is the mean frame.
func (k *Kind) Evaluation(set datasets.Labelled) feed.Maker { return newMaker(k, set, true) }

// Playing is Evaluation that shows the frames of each clip that order says, as many as a view has. The clip's number is
// its place in the set.
func (k *Kind) Playing(set datasets.Labelled, order func(clip int) []int) feed.Maker {
	m := newMaker(k, set, true)
	m.order = order
	return m
}

// maker makes fields of a set of clips, which may be part of one.
type maker struct {
	*Kind
	images feed.Maker // what describes the fields of a single frame
	set    datasets.ClipSet
	place  []int32              // of the samples among the set's clips; nil: each is its own
	frozen bool                 // for evaluation
	order  func(clip int) []int // frames that are shown; nil: those of the settings
}

func newMaker(k *Kind, set datasets.Labelled, frozen bool) *maker {
	whole, place := sampling.Whole(set)
	m := &maker{Kind: k, set: whole.(datasets.ClipSet), place: place, frozen: frozen}
	if m.images = feed.Maker(views.NewMaker(nil, k.Pipeline)); frozen {
		m.images = views.NewEvalMaker(nil, k.Pipeline)
	}
	return m
}

// Fields implements feed.Maker.
func (m *maker) Fields() []string {
	if m.frozen {
		return m.withCamera(m.images.Fields())
	}
	return m.withCamera(append(m.images.Fields(), feed.Pace(0)))
}

// Groups implements feed.Grouped.
func (m *maker) Groups() []int {
	if g, ok := m.images.(feed.Grouped); ok {
		return g.Groups()
	}
	return nil
}

// Field implements feed.Maker.
func (m *maker) Field(name string) (feed.Field, error) {
	if f, ok, err := m.cameraField(name); ok {
		return f, err
	}
	if _, pace := feed.Numbered(name, "pace"); pace && !m.frozen {
		if n := m.settings.strides(); n > 1 {
			return feed.Field{Name: name, Int: true, Of: []int{n}}, nil
		}
		return feed.Field{}, fmt.Errorf("clips.stride = %v: all views run at one pace; want several strides, such as "+
			"[1, 4]", m.settings.Stride)
	}
	f, err := m.images.Field(name)
	if _, view := feed.Numbered(name, "view"); view && err == nil && !m.Stills() {
		f.Shape = append([]int{m.frames}, f.Shape...)
	}
	return f, err
}

// Worker implements feed.Maker.
func (m *maker) Worker(names []string) (feed.Worker, error) {
	w := &worker{maker: m, names: names, clip: make([]datasets.Image, m.set.Frames()),
		there: make([]bool, m.set.Frames())}
	w.one, _ = m.set.(datasets.FrameSet)
	n := 0
	for _, name := range names {
		if _, err := m.Field(name); err != nil {
			return nil, err
		}
		for _, prefix := range []string{"view", "params", "pace"} {
			if v, ok := feed.Numbered(name, prefix); ok {
				n = max(n, v+1)
			}
		}
	}
	var err error
	w.pipe, err = m.For(max(n, 1))
	return w, err
}

// worker makes one clip after another.
type worker struct {
	*maker
	names   []string
	pipe    *views.Pipeline
	one     datasets.FrameSet // the set, if its frames can be had one by one
	sample  int               // of the set
	clip    []datasets.Image  // frames of the sample
	there   []bool            // which of them are
	view    []datasets.Image  // those that a view shows
	listed  []int             // their places in the clip
	spare   []float32
	scratch views.Scratch
}

// Make implements feed.Worker.
func (w *worker) Make(to []feed.Slot, i int, key feed.Key) error {
	if w.order != nil {
		w.listed = w.order(i)
	}
	if w.place != nil {
		i = int(w.place[i])
	}
	clear(w.there)
	if w.sample = i; w.one == nil {
		if err := w.set.Clip(i, w.clip); err != nil {
			return err
		}
	}
	for k, name := range w.names {
		if v, ok := feed.Numbered(name, "pace"); ok {
			to[k].I32[0] = int32(w.settings.drawn(w.frames, len(w.clip), key, v).stride - w.settings.Stride[0])
			continue
		}
		if err := w.field(to[k].F32, i, name, key); err != nil {
			return fmt.Errorf("%s: %w", w.set.Name(i), err)
		}
	}
	return nil
}

// field makes one field. What is drawn for a frame depends on the key and the view, so that it is the same for all
// frames.
func (w *worker) field(dst []float32, i int, name string, key feed.Key) error {
	s := &w.scratch
	switch name {
	case feed.Raw:
		return w.mean(dst)
	case Camera:
		return w.camera(dst, i, key)
	}
	v, view := feed.Numbered(name, "view")
	if !view {
		v, _ = feed.Numbered(name, "params")
		w.spare = make([]float32, w.pipe.ViewSize(v))
		shown, err := w.shown(key, v)
		if err != nil {
			return err
		}
		return w.pipe.ViewParams(w.spare, dst, &shown[0], key.Seed, key.Step, key.Row, v, s)
	}
	size := len(dst) / w.frames
	shown, err := w.shown(key, v)
	if err != nil {
		return err
	}
	for f, frame := range shown {
		to, err := dst[f*size:(f+1)*size], error(nil)
		if w.frozen {
			err = w.pipe.EvalView(to, &frame, true, s)
		} else {
			err = w.pipe.ViewParams(to, nil, &frame, key.Seed, key.Step, key.Row, v, s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// frame is frame k of the sample.
func (w *worker) frame(k int) (*datasets.Image, error) {
	if w.one != nil && !w.there[k] {
		if err := w.one.Frame(w.sample, k, &w.clip[k]); err != nil {
			return nil, err
		}
		w.there[k] = true
	}
	return &w.clip[k], nil
}

// shown is the frames that a view shows.
func (w *worker) shown(key feed.Key, view int) ([]datasets.Image, error) {
	at := w.listed
	if w.order == nil {
		c := w.settings.fixed(w.frames, len(w.clip))
		if !w.frozen {
			c = w.settings.drawn(w.frames, len(w.clip), key, view)
		}
		at = at[:0]
		for f := range w.frames {
			at = append(at, c.first+f*c.stride)
		}
		w.listed = at
	}
	w.view = w.view[:0]
	for _, k := range at {
		frame, err := w.frame(k)
		if err != nil {
			return nil, err
		}
		w.view = append(w.view, *frame)
	}
	return w.view, nil
}

// mean is the mean of the frames that evaluation shows, not normalised.
func (w *worker) mean(dst []float32) error {
	if w.spare == nil {
		w.spare = make([]float32, len(dst))
	}
	clear(dst)
	shown, err := w.shown(feed.Key{}, 0)
	if err != nil {
		return err
	}
	for _, frame := range shown {
		if err := w.pipe.EvalView(w.spare, &frame, false, &w.scratch); err != nil {
			return err
		}
		for i, x := range w.spare {
			dst[i] += x / float32(w.frames)
		}
	}
	return nil
}
