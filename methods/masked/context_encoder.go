package masked

import (
	"cmp"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/graph/optim"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// ContextEncoder cuts a square out of the middle of an image, and has a decoder paint it from the features of the rest,
// so that a discriminator takes it for a real one.
//
//	decoder's and encoder's loss = (1-adversarial) * mean w (painted - x)^2 - adversarial * mean log D(painted)
//
// Pathak et al., CVPR 2016, arXiv:1604.07379, section 3. What is painted laps over the hole by some pixels, where w is
// 10, and 1 elsewhere. In the authors' code w acts on the gradient alone, and the printed loss lacks it. The decoder is
// DCGAN's generator (arXiv:1511.06434) of a linear layer on the features; the paper has a channel-wise one, for an
// AlexNet. In each step the discriminator moves first. Evaluations see whole images.
type ContextEncoder struct {
	Hole        float64 `toml:"hole"`        // side of what is painted, as a share of the image's
	Overlap     int     `toml:"overlap"`     // pixels by which it laps over what is seen, on each side
	Weight      float64 `toml:"weight"`      // of squared differences there
	Adversarial float64 `toml:"adversarial"` // share of the discriminator's term; 0: there is none
	Code        int     `toml:"code"`        // numbers that the decoder sees
	// channels of the decoder, each for twice the side of the one before; the discriminator has them in reverse
	Widths []int `toml:"widths"`
	Hidden int   `toml:"hidden"` // width of the discriminator's linear layers
	// its optimiser; none: the recipe's
	Discriminator overlay.Choice[optim.Optimizer] `toml:"discriminator" overlay:"optional,of=optimizer"`
}

// DefaultContextEncoder has the paper's weights.
func DefaultContextEncoder() *ContextEncoder {
	return &ContextEncoder{Hole: 0.5, Overlap: 4, Weight: 10, Adversarial: 0.001, Code: 256, Widths: []int{64, 32},
		Hidden: 128}
}

// Validate implements methods.Method.
func (m *ContextEncoder) Validate() error {
	if !(m.Hole > 0 && m.Hole < 1) {
		return setting.Bad("hole", "%v: want a share between 0 and 1", m.Hole)
	}
	return cmp.Or(setting.Least("overlap", m.Overlap, 0), setting.Weight("weight", m.Weight),
		setting.Within("adversarial", m.Adversarial, 0, 1), setting.Least("code", m.Code, 1),
		heads.CheckWidths("widths", m.Widths), setting.Least("hidden", m.Hidden, 1))
}

// Build implements methods.Method. The features are of the image with its hole.
func (m *ContextEncoder) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x := b.View(0)
	if len(op.ShapeOf(x)) != 4 {
		b.Unfit("this method paints images; the data have %v", b.Of("view0"))
	}
	h, w, c := op.ShapeOf(x)[1], op.ShapeOf(x)[2], op.ShapeOf(x)[3]
	high, wide := int(m.Hole*float64(h)), int(m.Hole*float64(w))
	top, left := (h-high)/2, (w-wide)/2
	if 2*m.Overlap >= min(high, wide) || min(high, wide)>>len(m.Widths) == 0 {
		op.Fail(s.Path(), "a square of %dx%d pixels has no hole within an overlap of %d pixels, or is too small to be "+
			"halved %d times", high, wide, m.Overlap, len(m.Widths))
	}
	o := m.Overlap
	seen := op.Mul(x, s.Floats("seen", border(h, w, top+o, left+o, top+high-o, left+wide-o, 0, 1), 1, h, w, 1))
	features := enc.New(s)(seen)
	code := heads.MLP(s.In("code"), enc.Dim, m.Code)(features)
	painted := heads.Generator{Latent: m.Code, Widths: m.Widths, Height: high, Width: wide,
		Channels: c}.New(s.In("decoder"))(code)
	real := op.Slice(op.Slice(x, 1, top, top+high), 2, left, left+wide)
	squares := op.Scale(m.squares(s, painted, real), 1-m.Adversarial)
	result := methods.Objective{
		Features: features,
		Pictures: []methods.Picture{{Name: "painted", Value: painted}, {Name: "seen", Value: seen}},
	}
	if m.Adversarial == 0 {
		result.Terms = []methods.Term{{Name: "squares", Weight: 1, Value: squares}}
		return result
	}
	judge := heads.Discriminator{Widths: m.Widths, Hidden: m.Hidden, Height: high, Width: wide,
		Channels: c}.New(s.In("discriminator"))
	fooled := judge(painted, nil)
	told := op.Add(op.MeanAll(op.Softplus(op.Neg(judge(real, nil)))),
		op.MeanAll(op.Softplus(judge(op.StopGradient(painted), nil))))
	result.Players = []methods.Player{
		{Name: "discriminator", Scopes: []string{"discriminator"}, Optimizer: m.Discriminator.Value,
			Terms: []methods.Term{{Name: "discriminator", Weight: 1, Value: told}}},
		{Name: "painter", Scopes: []string{methods.Backbone, "code", "decoder"}, Turn: 1, Terms: []methods.Term{
			{Name: "squares", Weight: 1, Value: squares},
			{Name: "adversarial", Weight: m.Adversarial, Value: Fooling(fooled)}}},
	}
	result.Metrics = []methods.Metric{{Name: "says_real_of_painted", Value: op.MeanAll(op.Sigmoid(fooled))}}
	return result
}

// squares is the mean of weighted squared differences of squares [B,h,w,C].
func (m *ContextEncoder) squares(s *graph.Scope, painted, real *graph.Node) *graph.Node {
	h, w, o := op.ShapeOf(real)[1], op.ShapeOf(real)[2], m.Overlap
	weight := s.Floats("weights", border(h, w, o, o, h-o, w-o, 1, m.Weight), 1, h, w, 1)
	return op.MeanAll(op.Mul(op.Square(op.Sub(painted, op.StopGradient(real))), weight))
}

// Fooling is -mean log D of logits of what is painted.
func Fooling(logits *graph.Node) *graph.Node { return op.MeanAll(op.Softplus(op.Neg(logits))) }

// border is inside within a rectangle of h x w numbers, and outside around it.
func border(h, w, top, left, bottom, right int, inside, outside float64) []float64 {
	v := make([]float64, h*w)
	for i := range v {
		if y, x := i/w, i%w; y >= top && y < bottom && x >= left && x < right {
			v[i] = inside
		} else {
			v[i] = outside
		}
	}
	return v
}
