package evaluations

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"selfsup/setting"
)

// Pairs is test images and captions as two towers see them, in one space of Dim dimensions. Nothing in it is of unit
// length.
type Pairs struct {
	What     string                                                       // what has a caption: image | wave
	Images   []float32                                                    // [M,Dim] of the test images
	Captions []string                                                     // [M] of each the first
	Texts    func(ctx context.Context, texts []string) ([]float32, error) // [len(texts),Dim]
	Classes  []string                                                     // names of the labels
	// of every class, the captions of its training images
	Known [][]string
	Dim   int
}

// ZeroShot compares images with texts by the cosine of what two towers make of them: each test image with a text of
// every class, of which the nearest is its guess (top1, top5), and with the captions of all test images: its own should
// be among the nearest 1, 5 and 10 (caption R@1 ...), as a caption's image should be among the images (image R@1 ...).
// No label is learned from. Recordings are compared as images are.
//
// Radford et al. 2021, arXiv:2103.00020, section 3.1; several texts of a class are an ensemble, the mean of their unit
// embeddings, as in section 3.1.4.
type ZeroShot struct {
	Schedule
	// names: the text of a class is its label's name | captions: the mean over the captions of its training images
	Classes string `toml:"classes"`
	// texts of a name, which stands for {}; of several the class has the mean
	Templates []string `toml:"templates"`
}

// DefaultZeroShot takes labels by their names, as they are.
func DefaultZeroShot() *ZeroShot { return &ZeroShot{Classes: "names", Templates: []string{"{}"}} }

// Validate checks the settings.
func (p *ZeroShot) Validate() error {
	var bad []error
	if p.Classes != "names" && p.Classes != "captions" {
		bad = append(bad, setting.Bad("classes", "%q: want \"names\" or \"captions\"", p.Classes))
	}
	if len(p.Templates) == 0 {
		bad = append(bad, setting.Bad("templates", "[]: want texts with {} where the name stands, such as \"{}\""))
	}
	for i, t := range p.Templates {
		if !strings.Contains(t, "{}") || slices.Contains(p.Templates[:i], t) {
			bad = append(bad, setting.Bad("templates", "%q: want texts with {} where the name stands, such as \"a "+
				"picture of {}\", each once", t))
		}
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *ZeroShot) Needs() Needs { return Needs{Labels: true, Pairs: true} }

// Evaluate returns the accuracies.
func (p *ZeroShot) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if f.Pairs == nil || len(f.TestY) == 0 || len(f.Pairs.Images) != len(f.TestY)*f.Pairs.Dim {
		return nil, errors.New("evaluate: zero_shot: no test images with captions")
	}
	classes, err := p.classTexts(ctx, f.Pairs)
	if err != nil {
		return nil, err
	}
	captions, err := f.Pairs.Texts(ctx, f.Pairs.Captions)
	if err != nil {
		return nil, err
	}
	images := UnitRows[float32](f.Pairs.Images, f.Pairs.Dim)
	captions = UnitRows[float32](captions, f.Pairs.Dim)
	settings := map[string]any{"classes": p.Classes}
	if p.Classes == "names" {
		settings["templates"] = p.Templates
	}
	ranks, err := f.ranks(ctx, images, classes, func(i int) int32 { return f.TestY[i] })
	if err != nil {
		return nil, err
	}
	out := accuracies("zero_shot", 0, len(f.Pairs.Classes), 5, ranks, f.TestY, settings)
	own := func(i int) int32 { return int32(i) }
	for _, way := range []struct {
		what     string
		from, to []float32
	}{{"caption", images, captions}, {cmp.Or(f.Pairs.What, "image"), captions, images}} {
		ranks, err := f.ranks(ctx, way.from, way.to, own)
		if err != nil {
			return nil, err
		}
		for _, k := range []int{1, 5, 10} {
			if k == 1 || k < len(f.Pairs.Captions) {
				out = append(out, Result{Protocol: "zero_shot", Metric: fmt.Sprintf("%s R@%d", way.what, k),
					Value: topK(ranks, k), Accuracy: true, Hits: hits(ranks, k)})
			}
		}
	}
	return out, nil
}

// classTexts is a unit row for every class.
func (p *ZeroShot) classTexts(ctx context.Context, pairs *Pairs) ([]float32, error) {
	var texts []string
	var of []int
	for c, name := range pairs.Classes {
		if p.Classes == "names" {
			for _, t := range p.Templates {
				texts, of = append(texts, strings.ReplaceAll(t, "{}", name)), append(of, c)
			}
			continue
		}
		if len(pairs.Known[c]) == 0 {
			return nil, fmt.Errorf("evaluate: zero_shot: no training image of class %q has a caption; want "+
				"classes = \"names\"", name)
		}
		for _, t := range pairs.Known[c] {
			texts, of = append(texts, t), append(of, c)
		}
	}
	x, err := pairs.Texts(ctx, texts)
	if err != nil {
		return nil, err
	}
	d := pairs.Dim
	x = UnitRows[float32](x, d)
	sum := make([]float32, len(pairs.Classes)*d)
	for i, c := range of {
		for k := range d {
			sum[c*d+k] += x[i*d+k]
		}
	}
	return UnitRows[float32](sum, d), nil
}

// ranks says of every row of x how many rows of y are nearer than the one that belongs to it; ties count by their
// place.
func (f Features) ranks(ctx context.Context, x, y []float32, own func(i int) int32) ([]int, error) {
	d := f.Pairs.Dim
	ranks, scores := make([]int, len(x)/d), make([]float64, len(y)/d)
	for i := range ranks {
		if err := f.goOn(ctx); err != nil {
			return nil, err
		}
		for j := range scores {
			scores[j] = 0
			for k, v := range x[i*d : (i+1)*d] {
				scores[j] += float64(v) * float64(y[j*d+k])
			}
			if math.IsNaN(scores[j]) {
				return nil, fmt.Errorf("evaluate: zero_shot: the similarity of row %d with row %d is no number", i, j)
			}
		}
		ranks[i] = rank(scores, own(i))
	}
	return ranks, nil
}
