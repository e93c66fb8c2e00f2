package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"selfsup/setting"
)

// Tags is what features say of other names that samples have, such as who speaks in a recording, and how much of what
// they say of the label depends on these:
//
//	TAG knn, TAG linear                  top1 of nearest neighbours and of a linear probe, a tag in place of the label
//	without TAG knn, without TAG linear  top1 for the label where the samples of each value of a tag are left out of
//	                                     what classifies, and are what is classified, in turn (leave-one-speaker-out):
//	                                     the mean over the values, with their standard deviation
//
// The settings of a result name the top1 of every value that was left out. Training and test samples together are
// divided so; the strength of the linear probe is chosen on the samples of the next value, of two values on every fifth
// sample. An encoder that was trained without labels has still seen samples of every value: one that has not is trained
// on data whose test set is a value's, as of [dataset.wav] held_out. Tags are those of the source: of [dataset.wav] the
// groups of name. The probes are those of [evaluate.knn] and [evaluate.linear].
type Tags struct {
	AtEnd
	Tell     []string  `toml:"tell"`      // tags that are told in place of the label
	LeaveOut string    `toml:"leave_out"` // tag whose values are left out in turn; empty: none
	K        int       `toml:"k"`         // neighbours
	L2       []float64 `toml:"l2"`        // strengths of the linear probe
}

// DefaultTags names no tag yet, which is no setting that works.
func DefaultTags() *Tags { return &Tags{K: 10, L2: DefaultLinear().L2} }

// Validate checks the settings.
func (p *Tags) Validate() error {
	bad := []error{setting.Least("k", p.K, 1), p.linear().Validate()}
	if len(p.Tell) == 0 && p.LeaveOut == "" {
		bad = append(bad, setting.Bad("tell", "names no tag, and leave_out none; want one such as [\"speaker\"], a "+
			"group of dataset.wav.name"))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *Tags) Needs() Needs {
	tags := slices.Clone(p.Tell)
	if p.LeaveOut != "" && !slices.Contains(tags, p.LeaveOut) {
		tags = append(tags, p.LeaveOut)
	}
	return Needs{Labels: true, Validation: len(p.L2) > 1, Tags: tags}
}

// Tagged are the tags of samples, by their kinds.
type Tagged struct{ Train, Test map[string][]string }

func (p *Tags) linear() *Linear {
	l := DefaultLinear()
	l.L2 = p.L2
	return l
}

// Evaluate returns the accuracies.
func (p *Tags) Evaluate(ctx context.Context, f Features) (all []Result, err error) {
	if err := f.check("tags"); err != nil {
		return nil, err
	}
	for _, kind := range p.Needs().Tags {
		if f.Tags == nil || len(f.Tags.Train[kind]) != len(f.TrainY) || len(f.Tags.Test[kind]) != len(f.TestY) {
			return nil, fmt.Errorf("evaluate: tags: want the tag %q of %d training and %d test samples", kind,
				len(f.TrainY), len(f.TestY))
		}
	}
	for _, kind := range p.Tell {
		told, err := p.tell(ctx, f, kind)
		if err != nil {
			return nil, err
		}
		all = append(all, told...)
	}
	if p.LeaveOut == "" {
		return all, nil
	}
	left, err := p.leaveOut(ctx, f)
	return append(all, left...), err
}

// probe is the top1 of nearest neighbours and of a linear probe.
func (p *Tags) probe(ctx context.Context, f Features) (all [2]Result, err error) {
	knn := DefaultKNN()
	knn.K = []int{p.K}
	near, err := knn.Evaluate(ctx, f)
	if err != nil {
		return all, err
	}
	fit, err := p.linear().Evaluate(ctx, f)
	if err != nil {
		return all, err
	}
	return [2]Result{near[0], fit[0]}, nil
}

// probes names them.
var probes = [2]string{"knn", "linear"}

// tell classifies by a tag in place of the label.
func (p *Tags) tell(ctx context.Context, f Features, kind string) ([]Result, error) {
	values := slices.Compact(slices.Sorted(slices.Values(slices.Concat(f.Tags.Train[kind], f.Tags.Test[kind]))))
	number := func(tags []string) []int32 {
		y := make([]int32, len(tags))
		for i, tag := range tags {
			k, _ := slices.BinarySearch(values, tag)
			y[i] = int32(k)
		}
		return y
	}
	f.TrainY, f.TestY, f.Classes, f.Names = number(f.Tags.Train[kind]), number(f.Tags.Test[kind]), len(values), values
	var notes []string
	for _, v := range values {
		if !slices.Contains(f.Tags.Train[kind], v) {
			notes = append(notes, fmt.Sprintf("no training sample has the %s %s, so that nothing can tell it", kind, v))
		}
	}
	both, err := p.probe(ctx, f)
	if err != nil {
		return nil, err
	}
	for k := range both {
		r := &both[k]
		r.Protocol, r.Metric, r.Notes = "tags", kind+" "+probes[k], append(slices.Clone(r.Notes), notes...)
	}
	return both[:], nil
}

// leaveOut classifies the samples of each value of a tag by those of the others.
func (p *Tags) leaveOut(ctx context.Context, f Features) ([]Result, error) {
	x, y := slices.Concat(f.TrainX, f.TestX), slices.Concat(f.TrainY, f.TestY)
	tags := slices.Concat(f.Tags.Train[p.LeaveOut], f.Tags.Test[p.LeaveOut])
	values := slices.Compact(slices.Sorted(slices.Values(tags)))
	if len(values) < 2 {
		return nil, fmt.Errorf("evaluate: tags: all samples have the %s %q; want two values or more to leave one out",
			p.LeaveOut, values[0])
	}
	var found [2][]float64
	var named [2]map[string]any
	for i, value := range values {
		if err := f.goOn(ctx); err != nil {
			return nil, err
		}
		next := values[(i+1)%len(values)]
		g := Features{Dim: f.Dim, Classes: f.Classes, Names: f.Names, Seed: f.Seed, Alive: f.Alive}
		for k, tag := range tags {
			row := x[k*f.Dim : (k+1)*f.Dim]
			if tag == value {
				g.TestX, g.TestY = append(g.TestX, row...), append(g.TestY, y[k])
				continue
			}
			if len(values) > 2 && tag == next || len(values) == 2 && len(g.TrainY)%5 == 0 {
				g.Held = append(g.Held, int32(len(g.TrainY)))
			}
			g.TrainX, g.TrainY = append(g.TrainX, row...), append(g.TrainY, y[k])
		}
		both, err := p.probe(ctx, g)
		if err != nil {
			return nil, fmt.Errorf("without %s %s: %w", p.LeaveOut, value, err)
		}
		for k, r := range both {
			if i == 0 {
				named[k] = map[string]any{"samples": len(tags)}
			}
			found[k] = append(found[k], r.Value)
			named[k][value] = math.Round(r.Value*1e4) / 1e4
		}
	}
	var all []Result
	for k, name := range probes {
		mean, squares := meanOf(found[k])(nil), 0.0
		for _, v := range found[k] {
			squares += (v - mean) * (v - mean)
		}
		all = append(all, Result{Protocol: "tags", Metric: "without " + p.LeaveOut + " " + name, Value: mean,
			Deviation: math.Sqrt(squares / float64(len(values)-1)), Settings: named[k]})
	}
	return all, nil
}
