package experiment

import (
	"errors"
	"fmt"
	"strings"

	"selfsup/datasets/feed"
	"selfsup/evaluations"
	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/internal/room"
	"selfsup/recipes"
	"selfsup/setting"
)

// need is what a run will take beside its data, in bytes, known before any of it is taken.
type need struct {
	step       graph.Memory // of all stages together; the Store counts once
	batches    int64        // that the loader holds
	evaluation int64        // the frozen encoder's program, and the features of all images
}

// spare is what the Go runtime and small things take on top: a floor, and a share of the rest.
const (
	spareBytes = 64 << 20
	spareShare = 64
)

// What an evaluation holds at once, at most: the programs of the trained and of the untrained encoder, of which one may
// be garbage yet, and copies of features. The linear probe copies a part of the training features and standardises
// them; kNN has unit rows. Measured on 4,000 images of 224x224, unreduced: 1.7 GB for kNN and 3.1 GB for the probe on
// 0.8 GB of pixels.
const (
	encoders    = 2
	trainCopies = 4
	testCopies  = 2
)

// total is all of it.
func (n need) total() int64 {
	sum := n.step.Total() + n.batches + n.evaluation
	return sum + sum/spareShare + spareBytes
}

// loaderBatches is how many batches a loader holds: two ahead, one in the making, one in the step.
const loaderBatches = 4

// needs is what the planned run will take of the host's memory. Of programs on a device with memory of its own that is
// their inputs and their part of the Store.
func (s *Setup) needs() (n need, err error) {
	_, away := s.Device.(device.Roomy)
	for _, st := range s.Stages {
		for _, t := range st.turns {
			m := t.planned.Memory()
			n.step.Inputs += m.Inputs
			if !away {
				n.step.Temporaries += m.Temporaries
				n.step.Scratch += m.Scratch
			}
		}
		maker, numbers := st.Kind.Training(st.Seen), 0
		for _, name := range st.Wants {
			// labels, rows and masks, which the loader makes itself, are small
			if f, err := maker.Field(name); err == nil {
				numbers += f.Size()
			}
		}
		n.batches = max(n.batches, loaderBatches*int64(s.Recipe.Train.Batch)*int64(numbers)*4)
	}
	for _, l := range s.Leaves {
		n.step.State += int64(l.Shape.Size() * l.DType.Size())
	}
	if len(s.protocols()) == 0 {
		return n, nil
	}
	g, err := s.EmbedGraph()
	if err != nil {
		return n, err
	}
	p, err := g.Plan(s.Device, 0)
	if err != nil {
		return n, err
	}
	m := p.Memory()
	if away {
		m.Temporaries, m.Scratch = 0, 0
	}
	features := s.featuresBytes(s.Recipe.Backbone.Value.Dim())
	if f, err := s.Kind.Evaluation(s.Seen).Field(feed.Raw); err == nil && s.Recipe.Baselines.Pixels {
		features = max(features, s.featuresBytes(f.Size()))
	}
	n.evaluation = encoders*(m.Total()-m.State) + features
	return n, nil
}

// featuresBytes is what the features of all images take, dim each, while they are evaluated.
func (s *Setup) featuresBytes(dim int) int64 {
	images := trainCopies * max(s.Labelled.Len(), s.Seen.Len()) // without labels all that the method sees
	if s.Tested != nil {
		images += testCopies * s.Tested.Len()
	}
	if dim <= evaluations.ProjectAbove {
		return 4 * int64(images) * int64(dim)
	}
	return 4 * (int64(images)*evaluations.ProjectTo + int64(EmbedBatch)*int64(dim)) // and a block before it is reduced
}

// checkRoom refuses a planned run that needs more memory than is left.
func (s *Setup) checkRoom(left room.Room) error {
	n, err := s.needs()
	if err != nil {
		return err
	}
	if n.total() <= left.Bytes {
		return nil
	}
	crop := 0
	if s.Views != nil {
		crop = s.Views.Width
	}
	e := &RoomError{need: n, left: left, recipe: s.Recipe, crop: crop}
	// What would be left for the step, if it keeps as little as it can.
	rest := (left.Bytes - (n.total() - n.step.Total())) >> 20 << 20
	if rest <= 0 || len(s.Stages) > 1 || s.Recipe.MemoryLimit != 0 {
		return e
	}
	again := *s
	if err := again.plan(rest); err == nil {
		e.limit = setting.Size(rest)
	} else if short := (*graph.MemoryError)(nil); !errors.As(err, &short) {
		return err
	}
	return e
}

// RoomError is a run that needs more memory than there is. Nothing of it has been taken.
type RoomError struct {
	need
	left   room.Room
	recipe *recipes.Loaded
	crop   int          // 0 where the data are no images
	limit  setting.Size // of the step, that would fit; 0 where none would, or the recipe has one
}

func (e *RoomError) Error() string {
	m := e.step
	parts := []string{
		fmt.Sprintf("the training step %s (temporaries %s, scratch %s, state %s, inputs %s)",
			amount(m.Total()), amount(m.Temporaries), amount(m.Scratch), amount(m.State), amount(m.Inputs)),
		amount(e.batches) + " of batches made ahead",
	}
	if e.evaluation > 0 {
		parts = append(parts, "evaluation "+amount(e.evaluation))
	}
	smaller := fmt.Sprintf("train.batch (%d)", e.recipe.Train.Batch)
	if e.crop > 0 {
		smaller += fmt.Sprintf(" or views.crop (%d)", e.crop)
	}
	help := []string{"a smaller " + smaller + " needs less"}
	if e.limit > 0 {
		help = append(help, fmt.Sprintf("memory_limit = %q keeps less of the step", e.limit))
	}
	if e.evaluation > e.total()/2 {
		var off []string
		for _, c := range e.recipe.Evaluate.On {
			off = append(off, fmt.Sprintf("evaluate.%s = false", c.Name))
		}
		help = append(help, "evaluation can be left out ("+strings.Join(off, ", ")+")")
	}
	return fmt.Sprintf("%s: the run needs %s of memory, and %s leaves %s: %s; %s",
		e.recipe.File, amount(e.total()), e.left.Limit, amount(e.left.Bytes), strings.Join(parts, ", "),
		strings.Join(help, "; "))
}

// amount spells a number of bytes for people.
func amount(n int64) string {
	if n < 1e9 {
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
