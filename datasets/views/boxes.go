package views

import (
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/sampling"
)

// Fields of images whose objects have boxes, as view 0 shows them. Where an image has fewer than the most, the class of
// the others is -1.
const (
	Boxes      = "boxes"       // [N,4]: the centre's x and y, width and height, in shares of the view
	BoxClasses = "box_classes" // [N] int32
)

// leastShown is the share of a box that a view has to show for the box to be one of the view's.
const leastShown = 0.4

// boxer makes the boxes of the images of a set.
type boxer struct {
	set    datasets.BoxSet
	rows   []int32 // where the samples are in the set; nil: in their order
	most   int
	turned string // the setting that turns views, whose boxes are none; "": none
}

// newBoxer is nil for a set without boxes. turned is a setting that turns views.
func newBoxer(set datasets.Labelled, turned string) *boxer {
	whole, rows := sampling.Whole(set)
	boxed, ok := whole.(datasets.BoxSet)
	if !ok {
		return nil
	}
	return &boxer{set: boxed, rows: rows, most: boxed.MostBoxes(), turned: turned}
}

// fields adds the names of its fields.
func (b *boxer) fields(names []string) []string {
	if b == nil {
		return names
	}
	return append(names, Boxes, BoxClasses)
}

// field describes one of its fields.
func (b *boxer) field(name string) (f feed.Field, ok bool, err error) {
	if b == nil || name != Boxes && name != BoxClasses {
		return f, false, nil
	}
	if b.turned != "" {
		return f, true,
			fmt.Errorf("views: boxes of views that %s turns, shears or replaces are none any more; want it "+
				"switched off", b.turned)
	}
	if name == BoxClasses {
		return feed.Field{Name: name, Shape: []int{b.most}, Int: true, Of: []int{len(b.set.BoxClasses())}}, true, nil
	}
	return feed.Field{Name: name, Shape: []int{b.most, 4}}, true, nil
}

// boxSlots is where a sample's boxes and their classes go; nil: nobody wants them.
type boxSlots struct {
	boxes   []float32
	classes []int32
}

// write writes the boxes of sample i as a view of these parameters shows them; nil: as the image does.
func (b *boxer) write(to boxSlots, i int, params []float32, spare []datasets.ClassBox) ([]datasets.ClassBox, error) {
	if b.rows != nil {
		i = int(b.rows[i])
	}
	all, err := b.set.Boxes(i, spare[:0])
	if err != nil {
		return all, err
	}
	if len(all) > b.most {
		return all, fmt.Errorf("%s has %d boxes, at most %d were promised", b.set.Name(i), len(all), b.most)
	}
	clear(to.boxes)
	for k := range to.classes {
		to.classes[k] = -1
	}
	n := 0
	for _, box := range all {
		if err := box.Check(); err != nil {
			return all, fmt.Errorf("%s: %w", b.set.Name(i), err)
		}
		shown, ok := shownBy(params, box.Box)
		if !ok {
			continue
		}
		if to.boxes != nil {
			to.boxes[4*n], to.boxes[4*n+1] = float32((shown.X0+shown.X1)/2), float32((shown.Y0+shown.Y1)/2)
			to.boxes[4*n+2], to.boxes[4*n+3] = float32(shown.X1-shown.X0), float32(shown.Y1-shown.Y0)
		}
		if to.classes != nil {
			to.classes[n] = int32(box.Class)
		}
		n++
	}
	return all, nil
}

// shownBy is a box as a view of these parameters shows it, cut at the view's edges; not ok where too little of it is
// left.
func shownBy(params []float32, box datasets.Box) (datasets.Box, bool) {
	if params == nil {
		return box, true
	}
	at := func(column int) float64 { return float64(params[column]) }
	in := func(v float64, from, size int, flip int) float64 {
		v = (v - at(from)) / at(size)
		if at(flip) == 1 {
			v = 1 - v
		}
		return v
	}
	x0, x1 := in(box.X0, paramCropLeft, paramCropWidth, paramFlipped), in(box.X1, paramCropLeft, paramCropWidth,
		paramFlipped)
	y0, y1 := in(box.Y0, paramCropTop, paramCropHeight, paramFlippedVertically), in(box.Y1, paramCropTop,
		paramCropHeight, paramFlippedVertically)
	whole := datasets.Box{X0: min(x0, x1), Y0: min(y0, y1), X1: max(x0, x1), Y1: max(y0, y1)}
	shown := whole.Both(datasets.Box{X1: 1, Y1: 1})
	return shown, shown.Area() >= leastShown*whole.Area()
}

// Turning names the setting that turns, shears or replaces the views; "" where there is none.
func (p *Pipeline) Turning() string { return p.settings.turning() }

// turning names the setting that turns, shears or replaces views, so that boxes are none; "" where there is none.
func (s *Settings) turning() string {
	switch {
	case s.Rotate.any():
		return "views.rotate"
	case s.QuarterTurn.any():
		return "views.quarter_turn"
	case s.RandAugment.RandAugment.any():
		return "views.rand_augment"
	case s.Copies():
		return "views.copy_paste"
	}
	return ""
}
