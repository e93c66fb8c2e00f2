// Package correlation holds methods that shape the covariance of the embeddings: section 2.4 of the Cookbook
// (arXiv:2304.12210).
package correlation

import (
	"fmt"
	"slices"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// VICReg keeps two views of an image close while each embedding dimension keeps unit spread and stays uncorrelated with
// the others.
//
// Bardes, Ponce, LeCun, ICLR 2022, arXiv:2105.04906, Alg. 1. As in the authors' code the variance hinge is the mean of
// the two views' (the paper writes their sum), and each view is a batch of its own for batch norm. Of crops of several
// sizes the terms are means over the pairs of a large view and another.
type VICReg struct {
	Projector  []int   `toml:"projector"`  // widths; the last is D; [] is none
	Invariance float64 `toml:"invariance"` // weight of the mean squared distance
	Variance   float64 `toml:"variance"`   // weight of the spread hinge
	Covariance float64 `toml:"covariance"` // weight of the off-diagonal covariance
}

// DefaultVICReg has the paper's settings for ImageNet.
func DefaultVICReg() *VICReg {
	return &VICReg{Projector: []int{8192, 8192, 8192}, Invariance: 25, Variance: 25, Covariance: 1}
}

// Validate implements methods.Method.
func (m *VICReg) Validate() error {
	for _, w := range []struct {
		key string
		v   float64
	}{{"invariance", m.Invariance}, {"variance", m.Variance}, {"covariance", m.Covariance}} {
		if w.v < 0 {
			return setting.Bad(w.key, "%v: want a weight of 0 or more", w.v)
		}
	}
	if m.Invariance+m.Variance+m.Covariance == 0 {
		return fmt.Errorf("invariance, variance and covariance are all 0: nothing would be trained")
	}
	return heads.CheckProjector(m.Projector)
}

// Build implements methods.Method.
func (m *VICReg) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	encode := enc.New(s)
	project := heads.MLP(s.In("projector"), enc.Dim, m.Projector...)
	crops := b.Crops()
	var h, z []*graph.Node
	for _, x := range slices.Concat(crops...) {
		h = append(h, encode(x)) // [B,F]
	}
	for _, x := range h {
		z = append(z, s.AllRows(project(x))) // [B,D]
	}
	return methods.Objective{
		Features: h[0],
		Terms:    m.Terms(z, len(crops[0])),
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// Terms are the three terms of the loss for the embeddings of views [B,D], the large ones first: arXiv:2105.04906, eq.
// 6, the mean over pairs.
func (m *VICReg) Terms(z []*graph.Node, large int) []methods.Term {
	var invariance, variance, covariance []*graph.Node
	hinges, decorrelations := each(z, losses.SpreadHinge), each(z, losses.Decorrelation)
	for _, p := range methods.Pairs(large, len(z)) {
		i, j := p[0], p[1]
		invariance = append(invariance, losses.MSE(z[i], z[j]))
		variance = append(variance, op.Scale(op.Add(hinges(i), hinges(j)), 0.5))
		covariance = append(covariance, op.Add(decorrelations(i), decorrelations(j)))
	}
	return []methods.Term{
		{Name: "invariance", Weight: m.Invariance, Value: losses.Mean(invariance)},
		{Name: "variance", Weight: m.Variance, Value: losses.Mean(variance)},
		{Name: "covariance", Weight: m.Covariance, Value: losses.Mean(covariance)},
	}
}

// each is f of every view's embeddings, each made where it is first asked for.
func each(z []*graph.Node, f func(*graph.Node) *graph.Node) func(i int) *graph.Node {
	made := make([]*graph.Node, len(z))
	return func(i int) *graph.Node {
		if made[i] == nil {
			made[i] = f(z[i])
		}
		return made[i]
	}
}
