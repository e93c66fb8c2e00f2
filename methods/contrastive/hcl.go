package contrastive

import (
	"cmp"
	"math"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// HCL is SimCLR with hard negatives weighted up, and corrected for negatives that are of the same class unnoticed.
//
// Robinson et al., ICLR 2021, arXiv:2010.04592, section 3; with concentration 0 it is the debiased contrastive loss,
// Chuang et al., NeurIPS 2020, arXiv:2007.00224, section 4. With s+ = exp(cos+/T) of the partner, s_j = exp(cos_j/T) of
// the N = 2B-2 views of other images, and beta the concentration, the mean over views of
//
//	-log( s+ / (s+ + max(G, N exp(-1/T))) ),
//	G = N (sum_j s_j^beta s_j / sum_j s_j^beta - class_prior s+) / (1 - class_prior).
//
// The weights s^beta carry gradients, as in the authors' code.
type HCL struct {
	Projector     []int   `toml:"projector"`     // widths; the last is D; [] is none
	Temperature   float64 `toml:"temperature"`   // T, of the cosine similarities
	Concentration float64 `toml:"concentration"` // beta, of hard negatives; 0: all weigh alike
	ClassPrior    float64 `toml:"class_prior"`   // tau+: the part of the negatives that are of the image's class
}

// DefaultHCL has the authors' settings for STL-10 and CIFAR.
func DefaultHCL() *HCL {
	return &HCL{Projector: []int{512, 128}, Temperature: 0.5, Concentration: 1, ClassPrior: 0.1}
}

// Validate implements methods.Method.
func (m *HCL) Validate() error {
	switch {
	case !(m.Concentration >= 0):
		return setting.Bad("concentration", "%v: want a number of 0 or more", m.Concentration)
	case !(m.ClassPrior >= 0 && m.ClassPrior < 1):
		return setting.Bad("class_prior", "%v: want a number from 0 up to, not with, 1", m.ClassPrior)
	case (1+m.Concentration)/m.Temperature > 75:
		return setting.Bad("temperature", "%v: exp((1 + concentration)/%v) leaves float32 when summed over a batch; "+
			"want at least %.2g", m.Temperature, m.Temperature, (1+m.Concentration)/75)
	}
	return cmp.Or(setting.Positive("temperature", m.Temperature), heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *HCL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, large := embed(s, enc, b, m.Projector)
	loss := methods.OverPairs(z, large, func(x, y *graph.Node) *graph.Node {
		return m.loss(losses.Compare(s, x, y))
	})
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "hcl", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// loss is the mean over the rows of a comparison.
func (m *HCL) loss(c losses.Comparisons) *graph.Node {
	n := float64(c.Count)
	positive, negative := op.Exp(op.Scale(c.Positive, 1/m.Temperature)), op.Exp(op.Scale(c.Cosines, 1/m.Temperature))
	sum := c.Sum(negative) // [N,1]
	if m.Concentration > 0 {
		weight := op.Exp(op.Scale(c.Cosines, m.Concentration/m.Temperature))
		sum = op.Scale(op.Div(c.Sum(op.Mul(weight, negative)), c.Sum(weight)), n)
	}
	g := op.Scale(op.Sub(sum, op.Scale(positive, n*m.ClassPrior)), 1/(1-m.ClassPrior))
	least := n * math.Exp(-1/m.Temperature)
	g = op.Shift(op.Relu(op.Shift(g, -least)), least) // max(g, least)
	return op.MeanAll(op.Sub(op.Log(op.Add(positive, g)), op.Scale(c.Positive, 1/m.Temperature)))
}
