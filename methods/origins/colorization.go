package origins

import (
	"cmp"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/setting"
)

// Colorization makes the encoder of a grey image tell the colours of its parts, as a distribution over cells of the ab
// plane in which rare colours weigh more.
//
//	loss = mean over parts of w(q) * cross-entropy(softmax(logits), soft cells of ab),  q = the nearest cell
//	w ~ ((1-uniform) p + uniform/Q)^-1,  sum over cells of p w = 1
//
// Zhang, Isola, Efros, ECCV 2016, arXiv:1603.08511, eq. 2 to 5. p is how frequent the cells are: the authors count
// ImageNet's colours beforehand and smooth; here the soft cells, which are smooth, of what the training has seen so far
// are counted, from one in each cell on. In the authors' code the weights act on gradients alone, and the printed loss
// lacks them. The backbone sees no colour, [backbone.luma]; its last map is painted from, at the size to which the
// decoder doubles it. The picture is the annealed mean of the cells.
type Colorization struct {
	Widths  []int   `toml:"widths"`  // channels before each further doubling of the map; []: it is doubled once
	Cell    float64 `toml:"cell"`    // side of a cell, in units of L*a*b*
	Nearest int     `toml:"nearest"` // cells that a colour is divided between
	Sigma   float64 `toml:"sigma"`   // deviation that it is divided by, in units of L*a*b*
	Uniform float64 `toml:"uniform"` // share of the uniform distribution in the one that weighs; 1: all weigh alike
	Anneal  float64 `toml:"anneal"`  // temperature of the mean that is shown
}

// DefaultColorization has the authors' values.
func DefaultColorization() *Colorization {
	return &Colorization{Cell: 10, Nearest: 10, Sigma: 5, Uniform: 0.5, Anneal: 0.38}
}

// Validate implements methods.Method.
func (m *Colorization) Validate() error {
	if !(m.Cell >= 2 && m.Cell <= 50) {
		return setting.Bad("cell", "%v: want a side from 2 to 50 units of L*a*b*", m.Cell)
	}
	return cmp.Or(heads.CheckHidden("widths", m.Widths), setting.Least("nearest", m.Nearest, 1),
		setting.Positive("sigma", m.Sigma), setting.Within("uniform", m.Uniform, 0, 1),
		setting.Positive("anneal", m.Anneal))
}

// Build implements methods.Method.
func (m *Colorization) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	checkColours(b)
	if !enc.Colourless || enc.Maps == nil {
		b.Unfit("this method paints the colours that its encoder does not see: choose [backbone.luma]")
	}
	cells := abCells(m.Cell)
	q := len(cells) / 2
	if m.Nearest > q {
		op.Fail("", "nearest = %d: there are %d cells of side %v; want at most as many", m.Nearest, q, m.Cell)
	}
	x, centres := b.View(0), s.Floats("const/cells", cells, q, 2)
	maps := enc.Maps(s)(x)
	logits, h, w := paintMap(s.In("decoder"), b, maps[len(maps)-1], m.Widths, q) // [N,Q], N = B*h*w
	soft := SoftCells(op.Slice(labOf(s, b, x, h, w), 1, 1, 3), centres, m.Nearest, m.Sigma)
	seen := s.State("seen", graph.Fill(1), q)
	s.Update(seen, op.Add(seen, op.SumAxes(s.AllRows(soft), false, 0)))
	weights := RareWeights(op.Div(seen, op.SumAll(seen)), m.Uniform, 1)
	return methods.Objective{
		Features: enc.New(s)(x),
		Terms:    []methods.Term{{Name: "colour", Weight: 1, Value: op.MeanAll(Rebalanced(logits, soft, weights))}},
		Metrics:  []methods.Metric{{Name: "cell_accuracy", Value: op.Accuracy(logits, op.Argmax(soft))}},
		Pictures: []methods.Picture{{Name: "colorized", Value: m.picture(s, b, x, logits, centres, h, w)}},
	}
}

// RareWeights is ((1-uniform) p + uniform/Q)^-alpha of the frequencies p [Q] of cells, Q of them above 0, scaled so
// that their mean by p is 1.
func RareWeights(p *graph.Node, uniform, alpha float64) *graph.Node {
	seen := op.Greater(p, op.Scale(p, 0))
	mixed := op.Add(op.Scale(p, 1-uniform), op.Scale(op.Div(seen, op.SumAll(seen)), uniform))
	w := op.Exp(op.Scale(op.Log(mixed), -alpha))
	return op.Div(w, op.SumAll(op.Mul(p, w)))
}

// Rebalanced is the cross-entropy of logits [N,Q] with soft cells [N,Q], times the weight [Q] of the largest: [N].
func Rebalanced(logits, soft, weights *graph.Node) *graph.Node {
	of := op.Reshape(op.Gather(op.Reshape(weights, -1, 1), op.Argmax(soft)), -1)
	return op.Mul(op.CrossEntropySoft(logits, soft), op.StopGradient(of))
}

// Annealed is the mean of centres [Q,2] by the softmax of logits [N,Q] at a temperature, [N,2]. Eq. 5.
func Annealed(logits, centres *graph.Node, temperature float64) *graph.Node {
	return op.MatMul(op.Softmax(op.Scale(logits, 1/temperature)), centres, false, false)
}

// picture is the images with the colours that the logits of h x w parts give them.
func (m *Colorization) picture(s *graph.Scope, b *methods.Batch, x, logits, centres *graph.Node,
	h, w int) *graph.Node {
	at, in := s.In("colours"), methods.InputOf(b.Of("view0"))
	size := op.ShapeOf(x)
	luma := op.Slice(layer.Lab(at, in.Unit(at, x)), 3, 0, 1)
	ab := layer.Interpolate2D(at, op.Reshape(Annealed(logits, centres, m.Anneal), size[0], h, w, 2),
		layer.Interpolation{Mode: "bilinear", Height: size[1], Width: size[2]})
	return in.FromUnit(at, layer.FromLab(at, op.Concat(3, luma, ab)))
}
