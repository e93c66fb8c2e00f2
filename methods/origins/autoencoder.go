package origins

import (
	"cmp"

	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/setting"
)

// Autoencoder makes a decoder paint an image from the encoder's features: the image itself, or what it was before
// noise.
//
//	loss = mean over pixels of w (decode(encode(noise(x))) - x)^2,  w = 1 where the noise was, intact elsewhere
//
// Hinton and Salakhutdinov, Science 2006, without noise; Vincent, Larochelle, Bengio, Manzagol, ICML 2008, for pixels,
// and Vincent et al., JMLR 2010, also for Gaussian noise and for a weight of pixels without noise; Pathak et al. 2016,
// arXiv:1604.07379, without its adversary, for blocks. The first three train dense layers of logistic units; here any
// backbone of images encodes, and DCGAN's generator (arXiv:1511.06434) decodes. The online probe sees the noise, the
// evaluation does not.
type Autoencoder struct {
	// channels of the decoder, each for twice the side of the one before
	Widths []int `toml:"widths"`
	Code   int   `toml:"code"` // numbers that the decoder sees, by a linear layer on the features; 0: these
	// none | gaussian (added) | pixels (set to 0, the mean of the views where they are measured) | blocks (rectangles
	// set to 0)
	Noise string `toml:"noise"`
	// of the noise: the deviation of gaussian, in units of the views; the share of pixels, or at most the share in
	// blocks. Without noise it is 0
	Amount float64 `toml:"amount"`
	Intact float64 `toml:"intact"` // weight of pixels that pixels and blocks leave as they are
}

// DefaultAutoencoder has no noise, and a decoder for images of about 28 pixels.
func DefaultAutoencoder() *Autoencoder {
	return &Autoencoder{Widths: []int{128, 64}, Noise: "none", Intact: 1}
}

// Validate implements methods.Method.
func (m *Autoencoder) Validate() error {
	switch m.Noise {
	case "none", "gaussian":
		if m.Noise == "none" && m.Amount != 0 {
			return setting.Bad("amount", "%v: there is no noise that has an amount; want 0, or noise = \"gaussian\", "+
				"\"pixels\" or \"blocks\"", m.Amount)
		}
		if m.Intact != 1 {
			return setting.Bad("intact", "%v: noise = %q leaves no pixels intact beside others; want 1, or noise = "+
				"\"pixels\" or \"blocks\"", m.Intact, m.Noise)
		}
	case "pixels", "blocks":
		if m.Amount >= 1 {
			return setting.Bad("amount", "%v: want a share of the pixels below 1", m.Amount)
		}
	default:
		return setting.Bad("noise", "%q: want \"none\", \"gaussian\", \"pixels\" or \"blocks\"", m.Noise)
	}
	if m.Noise != "none" && !(m.Amount > 0) {
		return setting.Bad("amount", "%v: how much noise = %q is there? Want a number above 0, such as 0.25", m.Amount,
			m.Noise)
	}
	return cmp.Or(heads.CheckWidths("widths", m.Widths), setting.Least("code", m.Code, 0),
		setting.Weight("intact", m.Intact))
}

// Build implements methods.Method.
func (m *Autoencoder) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x, code, width := b.View(0), func(h *graph.Node) *graph.Node { return h }, enc.Dim
	if m.Code > 0 {
		code, width = heads.MLP(s.In("code"), enc.Dim, m.Code), m.Code
	}
	decode, paint := generator(s.In("decoder"), b, width, m.Widths)
	noisy, hit := m.noise(s, b, x)
	weighed := hit
	if hit != nil {
		weighed = s.AllRows(hit)
	}
	features := enc.New(s)(noisy)            // [B,F]
	painted := paint(decode(code(features))) // [B,H,W,C]
	o := methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "reconstruction", Weight: 1,
			Value: emphasised(painted, x, weighed, m.Intact)}},
		Pictures: []methods.Picture{{Name: "painted", Value: painted}},
	}
	if hit != nil {
		o.Pictures = append(o.Pictures, methods.Picture{Name: "noisy", Value: noisy})
	}
	return o
}

// noise is x [B,H,W,C] with noise, and where it was, [B,H,W,1] of 1 and 0; nil: nowhere or everywhere.
func (m *Autoencoder) noise(s *graph.Scope, b *methods.Batch, x *graph.Node) (noisy, hit *graph.Node) {
	n, h, w := op.ShapeOf(x)[0], op.ShapeOf(x)[1], op.ShapeOf(x)[2]
	random := s.Random("noise")
	switch m.Noise {
	case "none":
		return x, nil
	case "gaussian":
		return op.Add(x, op.Scale(random.Normal(op.ShapeOf(x)...), m.Amount)), nil
	case "pixels":
		hit = random.Bernoulli(m.Amount, n, h, w, 1)
	case "blocks":
		kind := &masks.Block{Ratio: m.Amount, Smallest: max(1, h*w/49), Aspect: 0.3} // of 16 where sides are 28
		hit = op.Reshape(b.Mask(kind, masks.Grid{Frames: 1, Rows: h, Columns: w}), n, h, w, 1)
	}
	return op.Mul(x, op.Affine(hit, -1, 1)), hit
}

// emphasised is the mean squared difference of painted and x [B,H,W,C], in which pixels that noise hit count once and
// the others intact times: hit [B,H,W,1], nil: all count once.
func emphasised(painted, x, hit *graph.Node, intact float64) *graph.Node {
	square := op.Square(op.Sub(painted, x))
	if hit == nil || intact == 1 {
		return op.MeanAll(square)
	}
	weight := op.Affine(hit, 1-intact, intact)
	channels := float64(op.ShapeOf(x)[3])
	return op.Div(op.SumAll(op.Mul(square, weight)), op.Scale(op.SumAll(weight), channels))
}
