package distillation

import (
	"errors"
	"fmt"
	"slices"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// MixMatch learns from few labels: it guesses labels of the images without one by the mean of what it says of several
// views, sharpens them, and mixes all images and labels with each other.
//
//	q = sharpen(mean over views of p(u), T);  x' = l x1 + (1-l) x2, y' alike, l = max(l0, 1-l0), l0 ~ Beta(a, a)
//	loss = mean over labelled CE(f(x'), y') + weight mean over unlabelled (p(u') - q')^2
//
// Berthelot, Carlini, Goodfellow, Papernot, Oliver, Raffel, NeurIPS 2019, arXiv:1905.02249, Alg. 1. The mean of the
// second term is over rows and classes; the weight rises in a straight line. Every batch begins with labelled images:
// see the sampler two_streams. As in the authors' code, batch norm sees each view of the guess by itself, and the mixed
// images in as many batches as there are views and one, each with its share of the labelled ones; the running
// statistics are those of the first of these batches. The authors evaluate weights averaged over the steps: see
// [average].
type MixMatch struct {
	Views       int            `toml:"views"`       // of an image without a label, for the guess
	Temperature float64        `toml:"temperature"` // T of the sharpening
	Alpha       float64        `toml:"alpha"`       // a of the law of the mixtures
	Weight      float64        `toml:"weight"`      // of the images without a label, at its most
	RampUp      setting.Length `toml:"ramp_up"`     // in which the weight rises to this
}

// DefaultMixMatch has the paper's settings for CIFAR-10, which rise over 16,000 of a million steps.
func DefaultMixMatch() *MixMatch {
	return &MixMatch{Views: 2, Temperature: 0.5, Alpha: 0.75, Weight: 75, RampUp: setting.Percent(1.6)}
}

// LearnsFromFewLabels implements methods.PartlyTaught.
func (m *MixMatch) LearnsFromFewLabels() {}

// Validate implements methods.Method.
func (m *MixMatch) Validate() error {
	var alpha error
	if !(m.Alpha > 0 && m.Alpha <= 1) {
		alpha = setting.Bad("alpha", "%v: want a number above 0 and at most 1", m.Alpha)
	}
	return errors.Join(setting.Least("views", m.Views, 1), setting.Positive("temperature", m.Temperature), alpha,
		setting.Positive("weight", m.Weight))
}

// Build implements methods.Method.
func (m *MixMatch) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	classes, n, labelled := b.NeedClasses(), b.Size(), b.Leading()
	if labelled == 0 || labelled >= n {
		op.Fail("", "mixmatch mixes labelled images with others, %d of %d images of a batch have a label for certain; "+
			"want [sampler.two_streams] with labelled = %d, and train.accumulate = 1", labelled, n, max(n/2, 1))
	}
	beside, views := classifier(s.Aside(), enc, classes), b.Views(m.Views)
	x := []*graph.Node{op.Slice(views[0], 0, 0, labelled)}
	var unlabelled, answers []*graph.Node
	for _, v := range views {
		u := op.Slice(v, 0, labelled, n)
		_, answer := beside(u)
		unlabelled, answers = append(unlabelled, u), append(answers, answer)
	}
	guess := m.Guess(answers...) // [B-L,K]
	labels := op.Slice(b.Labels(), 0, 0, labelled)
	y := []*graph.Node{losses.OneHot(s, labels, classes)}
	x, y = append(x, unlabelled...), append(y, slices.Repeat([]*graph.Node{guess}, m.Views)...)

	rows, draws := labelled+m.Views*(n-labelled), s.Random("mix")
	share, order := draws.Beta(m.Alpha, rows), op.Argsort(draws.Uniform(rows))
	mixed := Mixed(op.Concat(0, x...), order, share)
	logits := dealt(s, mixed, m.Views+1, func(batch int, x *graph.Node) *graph.Node {
		net := beside
		if batch == 0 {
			net = classifier(s, enc, classes)
		}
		_, y := net(x)
		return y
	})
	target := op.StopGradient(Mixed(op.Concat(0, y...), order, share))
	supervised, other := m.Losses(logits, target, labelled)
	return methods.Objective{
		Terms: []methods.Term{{Name: "cross_entropy", Weight: 1, Value: supervised},
			{Name: "unlabelled", Weight: m.Weight,
				Value: op.Mul(s.Scheduled("unlabelled_weight", rise(setting.Steps(0), m.RampUp)), other)}},
		Metrics: []methods.Metric{{Name: "guess_entropy", Value: losses.Entropy(guess)}},
	}
}

// Guess is the sharpened mean of the distributions by logits [N,K] of several views. It has no gradient.
func (m *MixMatch) Guess(logits ...*graph.Node) *graph.Node {
	var p []*graph.Node
	for _, x := range logits {
		p = append(p, op.Softmax(x))
	}
	return op.StopGradient(op.Softmax(op.Scale(op.Log(op.Shift(losses.Mean(p), losses.Eps)), 1/m.Temperature)))
}

// dealt deals the rows of x [N,...] out to batches in turn, as cards are: f of the batches, its rows in the order of x.
func dealt(s *graph.Scope, x *graph.Node, batches int, f func(batch int, x *graph.Node) *graph.Node) *graph.Node {
	shape, n := slices.Clone(op.ShapeOf(x)), op.ShapeOf(x)[0]
	rows := op.Reshape(x, n, shape.Size()/n)
	back, made, row := make([]int32, n), make([]*graph.Node, batches), int32(0)
	for k := range batches {
		var hand []int32
		for i := k; i < n; i += batches {
			hand, back[i] = append(hand, int32(i)), row
			row++
		}
		shape[0] = len(hand)
		made[k] = f(k, op.Reshape(op.Gather(rows, s.Ints(fmt.Sprintf("const/dealt%d", k), hand)), shape...))
	}
	return op.Gather(op.Concat(0, made...), s.Ints("const/back", back))
}

// Mixed is x [N,...] with row i mixed with row order[i]: the larger of share[i] and the rest to 1 stays of its own.
func Mixed(x, order, share *graph.Node) *graph.Node {
	shape, n := op.ShapeOf(x), op.ShapeOf(share)[0]
	rows := op.Reshape(x, n, shape.Size()/n)
	own := op.Reshape(op.Shift(op.Abs(op.Shift(share, -0.5)), 0.5), n, 1) // max(l, 1-l)
	return op.Reshape(op.Add(op.Mul(own, rows), op.Mul(op.Affine(own, -1, 1), op.Gather(rows, order))), shape...)
}

// Losses are the cross-entropy of the first rows of logits [N,K] with targets [N,K], and the mean squared difference of
// the probabilities of the others.
func (m *MixMatch) Losses(logits, target *graph.Node, labelled int) (supervised, unlabelled *graph.Node) {
	n := op.ShapeOf(logits)[0]
	part := func(x *graph.Node, from, to int) *graph.Node { return op.Slice(x, 0, from, to) }
	supervised = op.MeanAll(op.CrossEntropySoft(part(logits, 0, labelled), part(target, 0, labelled)))
	return supervised, losses.MSE(op.Softmax(part(logits, labelled, n)), part(target, labelled, n))
}
