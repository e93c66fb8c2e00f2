package views

import (
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/resample"
)

// Count is the number of views that the settings speak of: those of crops, or of the longest list with a value a view;
// at least 1.
func (s *Settings) Count() int {
	n := 1
	for _, p := range s.perView() {
		n = max(n, len(p.value))
	}
	if len(s.Crops) == 0 {
		return n
	}
	n = 0
	for _, c := range s.Crops {
		n += c.Count
	}
	return n
}

// For is the pipeline that makes n views of an image. The settings may not be for so many.
func (p *Pipeline) For(n int) (*Pipeline, error) {
	if n < 1 {
		return nil, fmt.Errorf("views: %d views, want at least 1", n)
	}
	if err := p.settings.lists(n); err != nil {
		return nil, err
	}
	q := *p
	var err error
	q.Views = n
	q.frames, err = p.settings.frames(n, p.Height, p.Width)
	return &q, err
}

// Noun implements feed.Kind.
func (p *Pipeline) Noun() string { return "images" }

// Training implements feed.Kind for sets of images.
func (p *Pipeline) Training(set datasets.Labelled) feed.Maker {
	return NewMaker(set.(datasets.Set), p)
}

// Evaluation implements feed.Kind for sets of images.
func (p *Pipeline) Evaluation(set datasets.Labelled) feed.Maker {
	return NewEvalMaker(set.(datasets.Set), p)
}

// Maker makes the views of a set of images: fields view0, view1 ... [H,W,C], params0, params1 ... [len(ParamNames)]
// with what was drawn for each, proposals of objects in view 0, and the boxes of a set that has them.
type Maker struct {
	set   datasets.Set
	pipe  *Pipeline
	boxes *boxer // nil: the set has none
	some  bool   // of the views that the settings are for
}

// NewMaker makes training views of a set.
func NewMaker(set datasets.Set, p *Pipeline) *Maker {
	return &Maker{set: set, pipe: p, boxes: newBoxer(set, p.settings.turning())}
}

// Some makes the views of a maker that is asked for some of them alone, where their settings have values for all.
func Some(m feed.Maker) feed.Maker {
	if of, ok := m.(*Maker); ok {
		some := *of
		some.some = true
		return &some
	}
	return m
}

// Fields implements feed.Maker.
func (m *Maker) Fields() []string {
	return m.boxes.fields([]string{"view0, view1 ...", "params0, params1 ...", Proposals + "1, " + Proposals + "2 ...",
		ProposalClasses + "1 ..."})
}

// Groups implements feed.Grouped: the views of each [[views.crops]] table. Without one it is empty: all views are
// alike.
func (m *Maker) Groups() []int {
	var n []int
	for _, c := range m.pipe.settings.Crops {
		n = append(n, c.Count)
	}
	return n
}

// Field implements feed.Maker.
func (m *Maker) Field(name string) (feed.Field, error) {
	if v, ok := feed.Numbered(name, "view"); ok {
		h, w, err := m.pipe.size(v)
		low, high := m.pipe.Range()
		return feed.Field{Name: name, Shape: []int{h, w, m.pipe.Channels}, Low: low, High: high}, err
	}
	if v, ok := feed.Numbered(name, "params"); ok {
		_, _, err := m.pipe.size(v)
		return feed.Field{Name: name, Shape: []int{paramCount}, Columns: ParamNames(), Range: m.pipe.ranges(v)}, err
	}
	if f, ok, err := m.boxes.field(name); ok {
		return f, err
	}
	if f, ok, err := proposalField(name); ok && m.pipe.Finder != nil {
		return f, err
	}
	return feed.Field{}, &feed.UnknownField{Name: name, Kind: "images", Has: m.Fields()}
}

// size is the height and width of a view, whatever the number of views.
func (p *Pipeline) size(v int) (h, w int, err error) {
	crops := p.settings.Crops
	if len(crops) == 0 {
		if v >= maxViews {
			return 0, 0, fmt.Errorf("views: view %d, want at most %d views of an image", v, maxViews)
		}
		return p.Height, p.Width, nil
	}
	n := 0
	for _, c := range crops {
		if v < n+c.Count {
			return c.Size, c.Size, nil
		}
		n += c.Count
	}
	return 0, 0, fmt.Errorf("views: crops make %d views of an image, the method takes %d", n, v+1)
}

// Worker implements feed.Maker. It makes as many views as the largest number asks for.
func (m *Maker) Worker(names []string) (feed.Worker, error) {
	w := &worker{set: m.set, boxer: m.boxes, boxes: -1, classes: -1}
	n := 0
	for k, name := range names {
		v, view := feed.Numbered(name, "view")
		if !view {
			var params bool
			if v, params = feed.Numbered(name, "params"); !params {
				if _, err := m.Field(name); err != nil {
					return nil, err
				}
				switch {
				case name == Boxes:
					w.boxes = k
				case name == BoxClasses:
					w.classes = k
				default:
					if !w.proposals.wanted() {
						w.proposals.search = m.pipe.Finder()
					}
					w.proposals.want(name, k)
				}
				v, n = 0, max(n, 1)
			}
		}
		for len(w.views) <= v {
			w.views = append(w.views, wanted{-1, -1})
		}
		if view {
			w.views[v].view = k
		} else if _, params := feed.Numbered(name, "params"); params {
			w.views[v].params = k
		}
		n = max(n, v+1)
	}
	if n == 0 {
		return w, nil
	}
	if m.some {
		n = max(n, m.pipe.settings.counted())
	}
	var err error
	if w.pipe, err = m.pipe.For(n); err != nil {
		return nil, err
	}
	for v, want := range w.views {
		if want.view < 0 { // what was drawn is known where the view is made
			w.spare = make([]float32, max(len(w.spare), w.pipe.ViewSize(v)))
		}
	}
	w.drawn = make([]float32, paramCount)
	w.choose = func(h, width int) resample.Box {
		return w.pipe.reads(w.key.Seed, w.key.Step, w.key.Row, h, width)
	}
	return w, nil
}

// wanted is where a view and its parameters go among the fields; -1: nobody wants them.
type wanted struct{ view, params int }

// worker makes the views of one image after another.
type worker struct {
	set     datasets.Set
	pipe    *Pipeline // nil: no view is wanted
	views   []wanted
	spare   []float32
	drawn   []float32 // for view 0
	scratch Scratch

	behind, composed datasets.Image // of copy-paste

	boxer          *boxer
	boxes, classes int // places among the fields; -1: nobody wants them
	found          []datasets.ClassBox
	proposals      proposing

	key feed.Key
	// the part of an image that its views are made of; what is drawn for that is drawn again for them
	choose func(h, w int) resample.Box
}

// Make implements feed.Worker.
func (w *worker) Make(to []feed.Slot, i int, key feed.Key) error {
	if w.pipe == nil {
		return nil
	}
	w.key = key
	s := &w.scratch
	part := w.choose
	if w.pipe.settings.Copies() {
		part = nil // what is salient is told by the borders of the image
	}
	if err := partOf(w.set, i, &s.image, part); err != nil {
		return err
	}
	for v, want := range w.views {
		inside := v == 0 && (w.boxes >= 0 || w.classes >= 0 || w.proposals.wanted())
		if want.view < 0 && want.params < 0 && !inside {
			continue
		}
		dst, params := w.spare, []float32(nil)
		if want.view >= 0 {
			dst = to[want.view].F32
		}
		if inside {
			params = w.drawn
		}
		if want.params >= 0 {
			params = to[want.params].F32
		}
		img, err := w.copied(&s.image, v)
		if err != nil {
			return err
		}
		if err := w.pipe.ViewParams(dst, params, img, key.Seed, key.Step, key.Row, v, s); err != nil {
			return err
		}
		if inside {
			if err := w.inside(to, i, key, dst, params); err != nil {
				return err
			}
		}
	}
	return nil
}

// inside makes the fields of what is in view 0.
func (w *worker) inside(to []feed.Slot, i int, key feed.Key, view, params []float32) (err error) {
	if w.boxes >= 0 || w.classes >= 0 {
		var slots boxSlots
		if w.boxes >= 0 {
			slots.boxes = to[w.boxes].F32
		}
		if w.classes >= 0 {
			slots.classes = to[w.classes].I32
		}
		if w.found, err = w.boxer.write(slots, i, params, w.found); err != nil {
			return err
		}
	}
	if w.proposals.wanted() {
		h, width, err := w.pipe.size(0)
		if err != nil {
			return err
		}
		w.proposals.make(to, view, h, width, w.pipe.Channels, key)
	}
	return nil
}

// partOf is a part of image i, or all of it where nothing chooses one.
func partOf(set datasets.Set, i int, dst *datasets.Image, choose func(h, w int) resample.Box) error {
	if choose == nil {
		return set.Image(i, dst)
	}
	return datasets.Part(set, i, dst, choose)
}

// EvalMaker makes what evaluation sees of a set of images: view0 [H,W,C], see EvalBatch, and raw [H*W*C], the same
// before it is normalised.
type EvalMaker struct {
	set  datasets.Set
	pipe *Pipeline
}

// NewEvalMaker makes the evaluation view of a set.
func NewEvalMaker(set datasets.Set, p *Pipeline) *EvalMaker { return &EvalMaker{set, p} }

// Fields implements feed.Maker.
func (m *EvalMaker) Fields() []string { return []string{feed.View(0), feed.Raw} }

// Field implements feed.Maker.
func (m *EvalMaker) Field(name string) (feed.Field, error) {
	p := m.pipe
	switch name {
	case feed.View(0):
		low, high := p.Range()
		return feed.Field{Name: name, Shape: []int{p.Height, p.Width, p.Channels}, Low: low, High: high}, nil
	case feed.Raw:
		return feed.Field{Name: name, Shape: []int{p.Size()}}, nil
	}
	return feed.Field{}, &feed.UnknownField{Name: name, Kind: "images under evaluation", Has: m.Fields()}
}

// Worker implements feed.Maker.
func (m *EvalMaker) Worker(names []string) (feed.Worker, error) {
	for _, name := range names {
		if _, err := m.Field(name); err != nil {
			return nil, err
		}
	}
	return &evalWorker{m: m, names: names}, nil
}

type evalWorker struct {
	m       *EvalMaker
	names   []string
	scratch Scratch
}

// Make implements feed.Worker.
func (w *evalWorker) Make(to []feed.Slot, i int, _ feed.Key) error {
	s := &w.scratch
	if err := w.m.set.Image(i, &s.image); err != nil {
		return fmt.Errorf("%s: %w", w.m.set.Name(i), err)
	}
	for k, name := range w.names {
		if err := w.m.pipe.EvalView(to[k].F32, &s.image, name != feed.Raw, s); err != nil {
			return fmt.Errorf("%s: %w", w.m.set.Name(i), err)
		}
	}
	return nil
}

// Cropped is the pipeline of one view that takes a crop of a share from least to 1 of an image's area and mirrors it
// with a probability, and does nothing else at random: the augmentation of linear probes in the papers. Size, filter
// and statistics are those of p.
func (p *Pipeline) Cropped(least, flip float64) (*Pipeline, error) {
	s := Defaults()
	s.Crop, s.Interpolation, s.CropArea, s.Flip = p.settings.Crop, p.settings.Interpolation, [2]float64{least, 1},
		PerView{flip}
	s.Jitter, s.Grayscale = PerView{0}, PerView{0}
	q := *p
	q.settings, q.Views = s, 1
	var err error
	q.frames, err = s.frames(1, p.Height, p.Width)
	return &q, err
}
