package inspect

import (
	"fmt"
	"math"
	"os"
	"path/filepath"

	"selfsup/datasets"
	"selfsup/experiment"
	"selfsup/recipes"
)

// Readable is data of any kind, opened for a look at it.
type Readable interface {
	// Describe says what there is: text for people, or one JSON value.
	Describe() (fmt.Stringer, error)
	// Verify reads every sample.
	Verify() *Verified
}

// OpenAny opens images, as OpenData does, or data of any kind that a file with a [dataset.X] table alone names. Of a
// folder it leaves out what does not decode, however much that is.
func OpenAny(path string, sets []string, c recipes.Catalog) (Readable, error) {
	if recipes.NamesSource(path) {
		return OpenSource(path, sets, c)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() && len(sets) == 0 {
		o, err := openFolder(path, math.MaxInt)
		if err != nil {
			return nil, err
		}
		o.whole = true
		return o, nil
	}
	o, err := OpenData(path, sets, c)
	if err != nil {
		return nil, err
	}
	return o.readable(), nil
}

// readable is the data as `data info` describes them: plain images by their sizes and levels, other kinds by the facts
// of their kind.
func (o *Opened) readable() Readable {
	switch o.Train.(type) {
	case datasets.MaskSet, datasets.CaptionSet, datasets.StepSet:
	case datasets.Set:
		return o
	}
	return &OpenedSource{o.Data, o.Source}
}

// OpenedSource is data of another kind than plain images that a `data` command was pointed at.
type OpenedSource struct {
	*datasets.Data
	Source string // the file's choice
}

// OpenSource opens the data of a file that recipes.NamesSource accepts.
func OpenSource(path string, sets []string, c recipes.Catalog) (Readable, error) {
	s, err := recipes.LoadSource(path, sets, c)
	if err != nil {
		return nil, err
	}
	d, err := s.Open()
	if err != nil {
		return nil, &experiment.DataError{Err: err}
	}
	o := &Opened{Data: d, Source: s.Data.Name, Base: filepath.Dir(path)}
	return o.readable(), nil
}

// Facts describes data in a list, the source first.
type Facts []datasets.Fact

func (f Facts) String() string { return datasets.FormatSummary(f) }

// Describe implements Readable, with Facts.
func (o *OpenedSource) Describe() (fmt.Stringer, error) {
	facts := append(Facts{{Key: "source", Value: o.Source}}, o.Summary()...)
	var parts []labelledPart
	for _, p := range []labelledPart{{name: "train", set: o.Train}, {name: "test", set: o.Test}} {
		if set, ok := p.set.(datasets.Set); ok {
			var err error
			if _, _, p.contents, err = datasets.StatsAndContents(set); err != nil {
				return nil, &experiment.DataError{Err: err}
			}
			parts = append(parts, p)
		}
	}
	both, err := inBoth(parts)
	if err != nil {
		return nil, &experiment.DataError{Err: err}
	}
	for _, b := range both {
		facts = append(facts, datasets.Fact{Key: "in both sets", Value: b.String()})
	}
	return facts, nil
}

// Verify reads every sample of both sets.
func (o *OpenedSource) Verify() *Verified { return verified(o.Data) }

// verified reads every sample of data of any kind.
func verified(d *datasets.Data) *Verified {
	v := &Verified{LeftOut: refused(d.Skipped), Damaged: []Damaged{}, Notes: append([]string{}, d.Notes...)}
	parts := []labelledPart{{name: "train", set: d.Train}}
	if d.Test != nil {
		parts = append(parts, labelledPart{name: "test", set: d.Test})
	}
	if d.Labelled != nil {
		parts = append(parts, labelledPart{name: "labelled", set: d.Labelled})
	}
	for i := range parts {
		p := &parts[i]
		v.Samples += p.set.Len()
		var damaged []datasets.Damage
		damaged, p.contents = datasets.VerifyContents(p.set)
		for _, bad := range damaged {
			v.Damaged = append(v.Damaged, Damaged{p.name, bad.Image, p.set.Name(bad.Image), bad.Err.Error()})
		}
	}
	var err error
	if v.Both, err = inBoth(parts); err != nil {
		v.Damaged = append(v.Damaged, Damaged{Sample: -1, Name: "an image that is in both sets", Error: err.Error()})
	}
	return v
}

// refused lists the samples that were left out; they are in no set.
func refused(skipped []datasets.Skip) []Damaged {
	list := []Damaged{}
	for _, s := range skipped {
		list = append(list, Damaged{Sample: -1, Name: s.Name, Error: s.Err.Error()})
	}
	return list
}
