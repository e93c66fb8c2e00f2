package equivariant

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
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
	return &AugSelf{Base: onSimCLR(), Predictor: []int{512, 512}, Crop: 1, Color: 1}
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
		bad = append(bad, checkWeight(d.name, w))
		sum += w
	}
	if sum == 0 {
		bad = append(bad, setting.Bad("crop", "all weights are 0: want one above 0, or the method %s by itself",
			m.Base.Name))
	}
	return errors.Join(append(bad, heads.CheckHidden("predictor", m.Predictor), checkBase(m.Base))...)
}

func (m *AugSelf) addsTerms() {}

// Build implements methods.Method.
func (m *AugSelf) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	o, known := buildBase(m.Base, s, &enc, b)
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
