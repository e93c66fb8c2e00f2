package equivariant

import (
	"errors"
	"math"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/contrastive"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// AugSelf predicts from the features of two views how their augmentations differ, beside the loss of another method,
// which so keeps what it would have forgotten.
//
// Lee, Lee, Lee, Lee, Shin, NeurIPS 2021, arXiv:2111.09613, eq. 2 and 3. As in the authors' code a predictor sees both
// orders of the views, and regressions are squared errors of the tangens hyperbolicus of its output.
type AugSelf struct {
	Base overlay.Choice[methods.Method] `toml:"base" overlay:"of=method"` // whose loss this is added to
	// hidden widths of the predictors, one for each difference
	Predictor []int `toml:"predictor"`
	// weight of the difference of centres and sizes of the crops
	Crop float64 `toml:"crop"`
	// of brightness, contrast, saturation and hue
	Color    float64 `toml:"color"`
	Flip     float64 `toml:"flip"`     // of whether one view alone is flipped
	Blur     float64 `toml:"blur"`     // of the blurs' sigmas, pixels
	Turn     float64 `toml:"turn"`     // of the quarter turns
	Solarize float64 `toml:"solarize"` // of whether they are solarized
}

// DefaultAugSelf has the paper's settings for STL-10, on SimCLR.
func DefaultAugSelf() *AugSelf {
	base := overlay.Choice[methods.Method]{Name: "simclr", Value: contrastive.DefaultSimCLR()}
	return &AugSelf{Base: base, Predictor: []int{512, 512}, Crop: 1, Color: 1}
}

// weight is the setting for each of differences.
func (m *AugSelf) weight() map[string]float64 {
	return map[string]float64{"crop": m.Crop, "color": m.Color, "flip": m.Flip, "blur": m.Blur, "turn": m.Turn,
		"solarize": m.Solarize}
}

// Validate implements methods.Method.
func (m *AugSelf) Validate() error {
	var bad []error
	sum := 0.0
	for _, d := range differences {
		w := m.weight()[d.name]
		if !(w >= 0) || math.IsInf(w, 0) {
			bad = append(bad, setting.Bad(d.name, "%v: want a weight of 0 or more", w))
		}
		sum += w
	}
	if sum == 0 {
		bad = append(bad, setting.Bad("crop", "all weights are 0: want one above 0, or the method %s by itself",
			m.Base.Name))
	}
	bad = append(bad, heads.CheckHidden("predictor", m.Predictor))
	_, nested := m.Base.Value.(*AugSelf)
	if nested || m.Base.Value != nil && methods.UsesLabels(m.Base.Value) {
		bad = append(bad, setting.Bad("base", "%s: want a method that learns from pairs of views", m.Base.Name))
	}
	return errors.Join(bad...)
}

// Build implements methods.Method.
func (m *AugSelf) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	known := encoded{}
	enc.New = known.remember(enc.New)
	o := m.Base.Value.Build(s, enc, b)
	if o.Players != nil {
		op.Fail("", "base = %s has several optimisers, of which none would train the predictors; want a method "+
			"with one loss", m.Base.Name)
	}
	h := known.both(enc.New(s), s, b.Views(2))                               // [B,F] each
	rows := op.Concat(0, op.Concat(1, h[0], h[1]), op.Concat(1, h[1], h[0])) // [2B,2F]
	p := pairOf(s, b)
	for _, d := range differences {
		if w := m.weight()[d.name]; w > 0 {
			d.check(p, d.name)
			predict := heads.MLP(s.In("difference").In(d.name), 2*enc.Dim, append(append([]int(nil), m.Predictor...),
				d.width)...)
			target := op.StopGradient(op.Concat(0, d.between(p), d.between(p.swapped()))) // [2B,K]
			o.Terms = append(o.Terms, methods.Term{Name: d.name, Weight: w, Value: d.loss(predict(rows), target)})
		}
	}
	return o
}

// loss is the mean error of guesses [N,K] of a difference.
func (d difference) loss(guess, target *graph.Node) *graph.Node {
	switch d.name {
	case "flip": // binary cross-entropy of logits
		return op.MeanAll(op.Sub(op.Softplus(guess), op.Mul(guess, target)))
	case "turn":
		return op.MeanAll(op.CrossEntropySoft(guess, target))
	}
	return losses.MSE(op.Tanh(guess), target)
}

// pairOf asks a batch what was drawn for the first two views.
func pairOf(s *graph.Scope, b *methods.Batch) pair {
	p := pair{s: s, of: b.Of("params0"), first: b.Params(0), second: b.Params(1)}
	p.ranges = make([]float64, len(p.of.Columns))
	for i := range p.ranges {
		p.ranges[i] = max(p.of.Range[i], b.Of("params1").Range[i])
	}
	return p
}

// encoded is the features of batches that went through the encoder of a scope, so that nothing goes through it twice.
type encoded map[string]map[*graph.Node]*graph.Node

func (e encoded) remember(from func(*graph.Scope) layer.Func) func(*graph.Scope) layer.Func {
	return func(s *graph.Scope) layer.Func {
		encode, seen := from(s), e[s.Path()]
		if seen == nil {
			seen = map[*graph.Node]*graph.Node{}
			e[s.Path()] = seen
		}
		return func(x *graph.Node) *graph.Node {
			if seen[x] == nil {
				seen[x] = encode(x)
			}
			return seen[x]
		}
	}
}

// both is the features of two views, which were encoded as one batch, or are one by one.
func (e encoded) both(encode layer.Func, s *graph.Scope, x []*graph.Node) []*graph.Node {
	n := op.ShapeOf(x[0])[0]
	if h := e[s.Path()][op.Concat(0, x...)]; h != nil {
		return []*graph.Node{op.Slice(h, 0, 0, n), op.Slice(h, 0, n, 2*n)}
	}
	return []*graph.Node{encode(x[0]), encode(x[1])}
}
