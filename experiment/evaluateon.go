package experiment

import (
	"context"
	"fmt"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/sampling"
	"selfsup/evaluations"
)

// Labelled data sets apart from the training set, `[evaluate_on.emoji_32]`: what an encoder that was trained without
// labels is measured by. Protocols with labels learn from their labelled training images, choose on a split of these,
// and are measured on their test images. Where the run's own data have no labels, the first set by name takes their
// place in everything that needs labels, under the plain names of the protocols; the others, and all where the own data
// have labels, stand beside it: "knn k=20 top1 on emoji_32".

// labelledSet is one of them.
type labelledSet struct {
	name string
	other
	held []int32 // rows of the training set: the validation split
}

// openEvaluateOn opens the sets of [evaluate_on], and settles which one takes the place of the run's own.
func (s *Setup) openEvaluateOn() error {
	r := s.Recipe
	for _, c := range r.EvaluateOn.On {
		table := "evaluate_on." + c.Name
		o, err := s.openOther(table, c.Name, c.Value)
		if err == nil {
			err = s.teaches(table, &o)
		}
		if err != nil {
			return err
		}
		s.others = append(s.others, labelledSet{name: c.Name, other: o})
	}
	if len(s.others) == 0 || s.lacks() == "" {
		return nil
	}
	s.main, s.others = &s.others[0], s.others[1:]
	for _, c := range r.Evaluate.On {
		if c.Value.Needs().Pairs {
			return &RecipeError{r.File, fmt.Errorf("[evaluate.%s] needs labelled images with captions, and the labels "+
				"are those of [evaluate_on.%s]; switch it off with [evaluate] %[1]s = false", c.Name, s.main.name)}
		}
	}
	return nil
}

// teaches refuses a set from whose labels nothing can be learnt, and leaves out its images without a label.
func (s *Setup) teaches(table string, o *other) error {
	lack := lacksClasses(o.train, o.train.Classes(), "images")
	switch {
	case lack != "":
	case o.test == nil:
		lack = "no test set"
	case datasets.CountLabelled(o.test) == 0:
		lack = "no label in its test set"
	}
	if lack != "" {
		return &RecipeError{s.Recipe.File, fmt.Errorf("[%s] needs labelled training and test images of two or more "+
			"classes, and the data set that it names has %s", table, lack)}
	}
	o.train, o.test = sampling.WithLabels(o.train), sampling.WithLabels(o.test)
	return nil
}

// takeOthers takes the recipe's labelled subset of the sets beside the run's own, and splits them.
func (s *Setup) takeOthers() error {
	r := s.Recipe
	for i := range s.others {
		o := &s.others[i]
		rows, err := subsetRows(r.Labelled.Value, o.train)
		if err != nil {
			return fmt.Errorf("[evaluate_on.%s] [labelled.%s] %w", o.name, r.Labelled.Name, err)
		}
		o.train = sampling.WithLabels(sampling.Part(o.train, rows))
		o.held = split(o.train, r.Validation.Share, uint64(r.Seed))
	}
	return nil
}

// classes are those that protocols with labels tell apart.
func (s *Setup) classes() []string {
	if s.main != nil {
		return s.main.train.Classes()
	}
	return s.Data.Train.Classes()
}

// onOthers measures by the protocols that learn from labels on the sets beside the run's own.
func (u *subject) onOthers(ctx context.Context, on string, protocols []evaluations.Protocol) ([]Evaluation, error) {
	protocols = slices.DeleteFunc(slices.Clone(protocols), func(p evaluations.Protocol) bool {
		n := p.Needs()
		return !n.Labels || ofPixels(p) || n.Pairs || n.Online || n.Attack || n.Transfer || n.Outside != nil ||
			n.Sources
	})
	if on != onTest && on != onValidation || len(protocols) == 0 {
		return nil, nil
	}
	var all []Evaluation
	for i := range u.others {
		o := &u.others[i]
		at, v := *u.Setup, *u
		at.main, at.others, at.look = o, nil, nil
		at.Labelled, at.Tested, at.held = o.train, o.test, o.held
		v.Setup, v.train = &at, features{}
		more, err := v.measure(ctx, on, protocols)
		if err != nil {
			return nil, fmt.Errorf("[evaluate_on.%s] %w", o.name, err)
		}
		for _, e := range more {
			e.On, e.Hits = o.name, nil
			switch {
			case e.Images > 0:
			case on == onValidation:
				e.Images = len(o.held)
			default:
				e.Images = o.test.Len()
			}
			all = append(all, e)
		}
	}
	return all, nil
}

// elsewhere names the table that gives images labels of another set.
func (s *Setup) elsewhere() string {
	if _, images := s.Data.Train.(datasets.Set); !images {
		return ""
	}
	return ", or name labelled images to evaluate on, such as [evaluate_on.emoji_32]"
}
