// Package correlation holds methods that shape the covariance of the embeddings: section 2.4 of the Cookbook
// (arXiv:2304.12210).
package correlation

import (
	"cmp"
	"errors"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
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
	return errors.Join(checkTriple(m.Invariance, m.Variance, m.Covariance),
		heads.CheckProjector(m.Projector))
}

// checkTriple says what is wrong with the weights of the three terms.
func checkTriple(invariance, variance, covariance float64) error {
	err := cmp.Or(setting.Weight("invariance", invariance), setting.Weight("variance", variance),
		setting.Weight("covariance", covariance))
	if err == nil && invariance+variance+covariance == 0 {
		err = fmt.Errorf("invariance, variance and covariance are all 0: nothing would be trained")
	}
	return err
}

// Build implements methods.Method.
func (m *VICReg) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, large := embed(s, enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...), b)
	return methods.Objective{
		Features: h[0],
		Terms:    m.Terms(z, large),
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
		Alarms: []methods.Alarm{methods.Collapsed("raise the weight of the variance term, or lower the weight " +
			"of invariance (sections 2.4 and 2.6)")},
	}
}

// Terms are the three terms of the loss for the embeddings of views [B,D], the large ones first: arXiv:2105.04906, eq.
// 6, the mean over pairs.
func (m *VICReg) Terms(z []*graph.Node, large int) []methods.Term {
	return threeTerms(z, large, [3]float64{m.Invariance, m.Variance, m.Covariance}, losses.SpreadHinge,
		losses.Decorrelation, average)
}

// average is the mean of two numbers.
func average(a, b *graph.Node) *graph.Node { return op.Scale(op.Add(a, b), 0.5) }

// threeTerms are means over the pairs of a large view and another: the mean squared distance; a hinge of both views,
// put together by both; a decorrelation of both views, added up.
func threeTerms(z []*graph.Node, large int, weights [3]float64, hinge, decorrelation layer.Func,
	both func(a, b *graph.Node) *graph.Node) []methods.Term {
	hinge, decorrelation = each(hinge), each(decorrelation)
	return []methods.Term{
		{Name: "invariance", Weight: weights[0], Value: methods.OverPairs(z, large, losses.MSE)},
		{Name: "variance", Weight: weights[1], Value: methods.OverPairs(z, large, func(a, b *graph.Node) *graph.Node {
			return both(hinge(a), hinge(b))
		})},
		{Name: "covariance", Weight: weights[2], Value: methods.OverPairs(z, large, func(a, b *graph.Node) *graph.Node {
			return op.Add(decorrelation(a), decorrelation(b))
		})},
	}
}
