package experiment

import (
	"fmt"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/sampling"
	"selfsup/evaluations"
	"selfsup/methods"
)

// Which labels the training sees, which ones evaluations learn from, and what a recipe asks of data that have none.

// takeSubsets takes the recipe's subsets of the training set.
//
// Evaluations learn from the images of [labelled] that have a label, whatever the method sees. The training sees the
// labels of these images alone, and a method that learns from labels sees no other images.
func (s *Setup) takeSubsets() error {
	r, all := s.Recipe, s.Data.Train
	seen, err := subsetRows(r.Subset.Value, all)
	if err != nil {
		return fmt.Errorf("[subset.%s] %w", r.Subset.Name, err)
	}
	source := all
	if s.Data.Labelled != nil {
		source = s.Data.Labelled
	}
	test := s.Data.Test
	if s.main != nil {
		source, test = s.main.train, s.main.test
	}
	if source, test, err = s.heldOut(source, test); err != nil {
		return fmt.Errorf("[subset.%s] %w", r.Subset.Name, err)
	}
	labelled, err := subsetRows(r.Labelled.Value, source)
	if err != nil {
		return fmt.Errorf("[labelled.%s] %w", r.Labelled.Name, err)
	}
	s.Labelled = sampling.WithLabels(sampling.Part(source, labelled))
	if test != nil {
		s.Tested = sampling.WithLabels(test)
	}
	if err := s.takeOthers(); err != nil {
		return err
	}
	if seen, err = s.holdTextsOut(seen); err != nil {
		return err
	}
	if labelled == nil || s.Data.Labelled != nil || s.main != nil {
		s.Seen = sampling.Part(all, seen)
		return nil
	}
	known := make([]bool, all.Len())
	for _, i := range labelled {
		known[i] = true
	}
	if _, taught := r.Method.Value.(methods.Taught); taught {
		if seen == nil {
			seen = labelled
		}
		seen = slices.DeleteFunc(slices.Clone(seen), func(i int32) bool { return !known[i] })
	}
	s.Seen = sampling.Part(all, seen)
	s.hidden = make([]bool, s.Seen.Len())
	for k := range s.hidden {
		i := int32(k)
		if seen != nil {
			i = seen[k]
		}
		s.hidden[k] = !known[i]
	}
	return nil
}

// heldOut is what evaluations learn from and are measured on where the recipe's subset keeps samples from the training
// for them; else the sets themselves.
func (s *Setup) heldOut(source, test datasets.Labelled) (_, _ datasets.Labelled, err error) {
	r := s.Recipe
	if _, held := r.Labelled.Value.(sampling.Held); held {
		return nil, nil, fmt.Errorf("is wanted, and not [labelled.%s]: it says what the training does not see",
			r.Labelled.Name)
	}
	h, ok := r.Subset.Value.(sampling.Held)
	if !ok {
		return source, test, nil
	}
	if r.Labelled.Value != nil {
		return nil, nil, fmt.Errorf("says which labels evaluations learn from, and so does [labelled.%s]; want one of "+
			"them", r.Labelled.Name)
	}
	sets := []datasets.Labelled{source, test}
	for i, set := range sets {
		if set == nil {
			continue
		}
		rows, err := h.Held(set)
		if err != nil {
			return nil, nil, err
		}
		sets[i] = sampling.Part(set, rows)
	}
	return sets[0], sets[1], nil
}

// subsetRows lists the images of a subset; nil is all of them.
func subsetRows(s sampling.Subset, set datasets.Labelled) ([]int32, error) {
	if s == nil {
		return nil, nil
	}
	list, err := s.Rows(set)
	return append([]int32{}, list...), err
}

// chosen says which images of the training set the method sees, where they are not all.
func (s *Setup) chosen() string {
	r := s.Recipe
	if _, taught := r.Method.Value.(methods.Taught); taught && r.Labelled.Value != nil {
		return fmt.Sprintf("; they are those of [labelled.%s], all that [method.%s] learns from",
			r.Labelled.Name, r.Method.Name)
	}
	if r.Subset.Value != nil {
		return fmt.Sprintf("; they are those of [subset.%s]", r.Subset.Name)
	}
	return ""
}

// hide takes the labels of a batch, whose images are rows of Seen, from the images that the recipe says have none, and
// makes a share of the others wrong where it asks for that.
func (s *Setup) hide(labels, rows []int32) {
	if s.hidden == nil && s.wrong == nil || len(labels) == 0 {
		return
	}
	for k, i := range rows {
		if s.wrong != nil {
			labels[k] = s.wrong[i]
		}
		if s.hidden != nil && s.hidden[i] {
			labels[k] = -1
		}
	}
}

// spoilLabels draws the labels that train.label_noise makes wrong. The training alone sees them: evaluations learn from
// the right ones.
func (s *Setup) spoilLabels() {
	share := s.Recipe.Train.LabelNoise
	if share == 0 {
		return
	}
	labels := make([]int32, s.Seen.Len())
	for i := range labels {
		labels[i] = int32(s.Seen.Label(i))
	}
	s.wrong = evaluations.WrongLabels(labels, len(s.Data.Train.Classes()), share, uint64(s.Recipe.Seed))
}

// checkLabels refuses a recipe that learns or evaluates with labels which its data do not have.
func (s *Setup) checkLabels() error {
	r := s.Recipe
	if methods.UsesLabels(r.Method.Value) {
		if lack := lacksClasses(s.Data.Train, s.Data.Train.Classes(), s.Noun()); lack != "" {
			return fmt.Errorf("[method.%s] learns from the labels of the training %s, and this dataset.%s has %s%s",
				r.Method.Name, s.Noun(), r.Dataset.Name, lack,
				s.hint("; choose another method, or other training "+s.Noun()))
		}
	}
	if lack := lacksClasses(s.Data.Train, s.Data.Train.Classes(), s.Noun()); r.Train.LabelNoise > 0 && lack != "" {
		return fmt.Errorf("train.label_noise = %v makes labels of the training %s wrong, and this dataset.%s has %s; "+
			"want 0", r.Train.LabelNoise, s.Noun(), r.Dataset.Name, lack)
	}
	lack := s.lacks()
	for _, c := range r.Evaluate.On {
		if lack != "" && c.Value.Needs().Labels {
			return fmt.Errorf("[evaluate.%s] needs labelled training and test %s of two or more classes, and "+
				"this dataset.%s has %s; switch it off with [evaluate] %s = false%s%s%s",
				c.Name, s.Noun(), r.Dataset.Name, lack, c.Name, s.hint(""), s.labelFreeNames(), s.elsewhere())
		}
		if p, ok := c.Value.(evaluations.Classed); ok {
			if err := p.CheckClasses(s.classes()); err != nil {
				return r.Result.Place("evaluate."+c.Name, err)
			}
		}
	}
	return nil
}

// lacks says what evaluation would miss.
func (s *Setup) lacks() string {
	if s.main != nil {
		return ""
	}
	d := s.Data
	learn := d.Train
	if d.Labelled != nil {
		learn = d.Labelled
	}
	if lack := lacksClasses(learn, d.Train.Classes(), s.Noun()); lack != "" {
		return lack
	}
	switch {
	case d.Test == nil:
		return "no test set"
	case datasets.CountLabelled(d.Test) == 0:
		return fmt.Sprintf("no label in its test set of %d %s", d.Test.Len(), s.Noun())
	}
	return ""
}

// lacksClasses says what keeps a training set from teaching classes.
func lacksClasses(set datasets.Labelled, classes []string, noun string) string {
	if len(classes) == 0 {
		return "no labels"
	}
	seen := map[int]bool{}
	for i := range set.Len() {
		if l := set.Label(i); l >= 0 {
			seen[l] = true
		}
	}
	switch len(seen) {
	case 0:
		return fmt.Sprintf("no labels in its training set of %d %s", set.Len(), noun)
	case 1:
		for l := range seen {
			return fmt.Sprintf("one class, %q; classification needs two or more", classes[l])
		}
	}
	return ""
}

// hint is the setting of the data set that gives labels, where it says one.
func (s *Setup) hint(otherwise string) string {
	if h, ok := s.Recipe.Dataset.Value.(datasets.Hinting); ok {
		if hint := h.LabelHint(); hint != "" {
			return ", or " + hint
		}
	}
	return otherwise
}
