package experiment

import (
	"selfsup/datasets"
	"selfsup/recipes"
)

// OpenedSource is data of another kind than plain images that a `data` command was pointed at.
type OpenedSource struct {
	datasets.Opened
	Source string // the file's choice
}

// OpenSource opens the data of a file that recipes.NamesSource accepts.
func OpenSource(path string, sets []string, c recipes.Catalog) (*OpenedSource, error) {
	s, err := recipes.LoadSource(path, sets, c)
	if err != nil {
		return nil, err
	}
	o, err := s.Open()
	if err != nil {
		return nil, &DataError{err}
	}
	return &OpenedSource{o, s.Data.Name}, nil
}

// Info describes the data, the source first. FormatSummary prints it for people.
func (o *OpenedSource) Info() []datasets.Fact {
	facts := []datasets.Fact{{Key: "source", Value: o.Source}}
	return append(facts, o.Summary()...)
}

// Verify reads every sample of both sets.
func (o *OpenedSource) Verify() *Verified { return verified(o) }

// verified reads every sample of data of any kind.
func verified(o datasets.Opened) *Verified {
	v := &Verified{LeftOut: []Damaged{}, Damaged: []Damaged{}}
	for _, s := range o.Refused() {
		v.LeftOut = append(v.LeftOut, Damaged{Sample: -1, Name: s.Name, Error: s.Err.Error()})
	}
	train, test := o.Sets()
	for _, part := range []struct {
		name string
		set  datasets.Labelled
	}{{"train", train}, {"test", test}} {
		if part.set == nil {
			continue
		}
		v.Samples += part.set.Len()
		for _, d := range datasets.VerifySamples(part.set) {
			v.Damaged = append(v.Damaged, Damaged{part.name, d.Image, part.set.Name(d.Image), d.Err.Error()})
		}
	}
	return v
}
