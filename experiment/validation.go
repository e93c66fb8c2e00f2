package experiment

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/sampling"
	"selfsup/evaluations"
	"selfsup/internal/called"
	"selfsup/methods"
)

// Which labels choose. The validation split is a part of the labelled training images: their labels choose checkpoints
// and hyperparameters, so that the labels of the test set choose nothing.

// split lists the rows of a labelled set that are held out, rising: a share of each class, at least one image of two
// or more. Which ones depends on the seed alone; a smaller share is part of a larger one.
func split(set datasets.Labelled, share float64, seed uint64) (held []int32) {
	if share == 0 {
		return nil
	}
	members := make([][]int, len(set.Classes()))
	for i := range set.Len() {
		if c := set.Label(i); c >= 0 {
			members[c] = append(members[c], i)
		}
	}
	for c, rows := range members {
		if len(rows) < 2 {
			continue
		}
		r := datasets.NewRand(seed, "validation", uint64(c))
		r.Shuffle(rows)
		n := int(math.Round(share * float64(len(rows))))
		for _, i := range rows[:min(max(n, 1), len(rows)-1)] {
			held = append(held, int32(i))
		}
	}
	slices.Sort(held)
	return held
}

// fewTexts is how few texts halves are looked for among, and the fewest that are held out.
const fewTexts = 4

// holdTextsOut takes the validation split's share of texts from the rows that the training sees, nil being all, where
// the recipe has texts themselves measured during the training: what a method makes of texts that it has learned says
// nothing of others. Which ones depends on the seed alone; a smaller share is part of a larger one.
func (s *Setup) holdTextsOut(seen []int32) ([]int32, error) {
	var by string
	for _, c := range s.Recipe.Evaluate.On {
		if needs := c.Value.Needs(); (needs.Told != nil || needs.Halves) && !c.Value.When().IsZero() {
			by = fmt.Sprintf("[evaluate.%s] every = %q", c.Name, c.Value.When())
			break
		}
	}
	if by == "" {
		return seen, nil
	}
	of := seen
	if of == nil {
		of = others(s.Data.Train.Len(), nil)
	}
	share := s.Recipe.Validation.Share
	n := int(math.Round(share * float64(len(of))))
	if n < fewTexts {
		return nil, fmt.Errorf("%s measures on texts that are held out of the training, and [validation] share = %v "+
			"holds out %d of %d; want at least %d, or every = 0, which evaluates at the end alone", by, share, n,
			len(of), fewTexts)
	}
	r := datasets.NewRand(uint64(s.Recipe.Seed), "validation texts")
	var out []int32 // places in of
	for _, k := range r.Order(make([]int, len(of)))[:n] {
		out = append(out, int32(k))
	}
	slices.Sort(out)
	at := func(places []int32) []int32 {
		for i, k := range places {
			places[i] = of[k]
		}
		return places
	}
	seen = at(others(len(of), out))
	s.unseen = sampling.Part(s.Data.Train, at(out))
	return seen, nil
}

// checkSplit refuses evaluations that have nothing to choose on.
func (s *Setup) checkSplit() error {
	for _, o := range s.others {
		if err := s.splits(len(o.held), o.train.Len(), "[evaluate_on."+o.name+"]: "); err != nil {
			return err
		}
	}
	return s.splits(len(s.held), s.Labelled.Len(), "")
}

// splits refuses evaluations that have nothing to choose on, of a labelled set of which so many are held out.
func (s *Setup) splits(held, labelled int, where string) error {
	if held > 0 {
		return nil
	}
	why := "[validation] share = 0 holds no labels out"
	if s.Recipe.Validation.Share > 0 {
		why = fmt.Sprintf("[validation] share = %v leaves none of the %d labelled training %s out, "+
			"as each is the only one of its class",
			s.Recipe.Validation.Share, labelled, s.Noun())
	}
	why = where + why
	for _, c := range s.Recipe.Evaluate.On {
		switch needs := c.Value.Needs(); {
		case !needs.Labels:
		case needs.Validation:
			return fmt.Errorf("[evaluate.%s] chooses a setting on labels that are held out of the training %s, "+
				"and %s; want one value, such as l2 = [0.01]", c.Name, s.Noun(), why)
		case s.during(c.Value) > 0:
			return fmt.Errorf("[evaluate.%s] every = %q measures on labels that are held out of the training %s, "+
				"and %s; want every = 0, which evaluates at the end alone", c.Name, c.Value.When(), s.Noun(), why)
		}
	}
	return nil
}

// during is the number of steps between evaluations by a protocol during the training; 0: none.
func (s *Setup) during(p evaluations.Protocol) int { return p.When().Steps(s.PerEpoch, s.Steps) }

// labelFree reports whether a protocol needs no labels, of samples or of pixels, so that it runs on any data.
func labelFree(p evaluations.Protocol) bool { return !p.Needs().Labels && !ofPixels(p) }

// ofPixels reports whether a protocol needs masks or boxes.
func ofPixels(p evaluations.Protocol) bool {
	return p != nil && (p.Needs().OfMasks() || p.Needs().Boxes != nil)
}

// labelFreeNames says which of the recipe's protocols need no labels, or which ones there are.
func (s *Setup) labelFreeNames() string {
	var names []string
	for _, c := range s.Recipe.Evaluate.On {
		if labelFree(c.Value) {
			names = append(names, c.Name)
		}
	}
	if len(names) > 0 {
		return "; " + strings.Join(names, ", ") + " can stay"
	}
	return "; [evaluate.rankme], [evaluate.spread] and [evaluate.align_uniform] need no labels, nor do others of `" +
		called.Line("list", "evaluations") + "`"
}

// splitNote says what the split is, for people.
func (s *Setup) splitNote() string {
	texts := ""
	if s.unseen != nil {
		texts = fmt.Sprintf("validation: %d of %d training texts, which the training does not see", s.unseen.Len(),
			s.unseen.Len()+s.Seen.Len())
	}
	if len(s.held) == 0 {
		return texts
	}
	note := fmt.Sprintf("validation: labels of %d of %d training %s", len(s.held), s.Labelled.Len(), s.Noun())
	if texts != "" {
		note = texts + "; " + strings.TrimPrefix(note, "validation: ")
	}
	if methods.UsesLabels(s.Recipe.Method.Value) {
		note += ", which the method learns from too"
	}
	return note
}
