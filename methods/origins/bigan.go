// Package origins holds what self-supervised learning grew out of: section 2.1 of the Cookbook (arXiv:2304.12210).
package origins

import (
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optim"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// BiGAN trains an encoder beside a generator: a discriminator tells pairs of an image and its code from pairs of a code
// and its image, and the two learn to deceive it, which they can only by inverting each other.
//
// Donahue et al., ICLR 2017, arXiv:1605.09782, eq. 3. In each step the discriminator moves first; then generator and
// encoder climb the loss with exchanged labels (section 3.4), against the discriminator that has just moved. The
// networks are DCGAN's (arXiv:1511.06434), and codes are uniform in [-1,1]. The code is a linear layer on the features,
// which the features are evaluated without.
type BiGAN struct {
	Latent int `toml:"latent"` // numbers of a code
	Hidden int `toml:"hidden"` // width of the discriminator's linear layers
	// channels of the generator, each for twice the side of the one before; the discriminator has them in reverse
	Widths []int `toml:"widths"`
	// its optimiser; none: the recipe's
	Discriminator overlay.Choice[optim.Optimizer] `toml:"discriminator" overlay:"optional,of=optimizer"`
}

// DefaultBiGAN has the paper's codes of 50 for MNIST (section 4.2), and a generator for images of about 28 pixels.
func DefaultBiGAN() *BiGAN { return &BiGAN{Latent: 50, Widths: []int{128, 64}, Hidden: 512} }

// Validate implements methods.Method.
func (m *BiGAN) Validate() error {
	switch {
	case m.Latent < 1:
		return setting.Bad("latent", "%d: want at least 1", m.Latent)
	case m.Hidden < 1:
		return setting.Bad("hidden", "%d: want at least 1", m.Hidden)
	}
	return heads.CheckWidths("widths", m.Widths)
}

// Build implements methods.Method.
func (m *BiGAN) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x := b.View(0) // [B,H,W,C]
	gen, paint := generator(s.In("generator"), b, m.Latent, m.Widths)
	features := enc.New(s)(x)                                        // [B,F]
	ex := heads.MLP(s.In("latent"), enc.Dim, m.Latent)(features)     // [B,Z] the codes of images
	z := op.Affine(s.Random("z").Uniform(b.Size(), m.Latent), 2, -1) // [B,Z] drawn codes
	gz := paint(gen(z))                                              // [B,H,W,C] their images
	h, w, c := op.ShapeOf(x)[1], op.ShapeOf(x)[2], op.ShapeOf(x)[3]
	judge := heads.Discriminator{Latent: m.Latent, Widths: m.Widths, Hidden: m.Hidden, Height: h, Width: w,
		Channels: c}.New(s.In("discriminator"))

	sg := op.StopGradient
	d := Discriminate(judge(x, sg(ex)), judge(sg(gz), z))
	real, fake := judge(x, ex), judge(gz, z)
	return methods.Objective{
		Features: features,
		Players: []methods.Player{
			{Name: "discriminator", Scopes: []string{"discriminator"}, Optimizer: m.Discriminator.Value,
				Terms: []methods.Term{{Name: "discriminator", Weight: 1, Value: d}}},
			{Name: "generator", Scopes: []string{methods.Backbone, "latent", "generator"}, Turn: 1,
				Terms: []methods.Term{{Name: "generator", Weight: 1, Value: Discriminate(fake, real)}}},
		},
		Metrics: []methods.Metric{
			{Name: "says_real_of_real", Value: op.MeanAll(op.Sigmoid(real))},
			{Name: "says_real_of_fake", Value: op.MeanAll(op.Sigmoid(fake))},
		},
		Pictures: []methods.Picture{{Name: "generated", Value: gz}},
	}
}

// Discriminate is the loss of telling real pairs from fake ones by their logits: -log s(real) - log(1 - s(fake)), means
// over the batch (arXiv:1605.09782, eq. 3, with the sign of a loss). With real and fake exchanged it is the generator's
// and the encoder's.
func Discriminate(real, fake *graph.Node) *graph.Node {
	return op.Add(op.MeanAll(op.Softplus(op.Neg(real))), op.MeanAll(op.Softplus(fake)))
}

// generator makes images of the batch's kind from latent numbers: logits of z [B,latent] -> [B,H,W,C], and paint, which
// puts these between the least and the largest value that each channel of the views has.
func generator(s *graph.Scope, b *methods.Batch, latent int, widths []int) (logits, paint layer.Func) {
	f := b.Of("view0")
	if len(f.Shape) != 3 || f.Low == nil {
		b.Unfit("this method generates images between black and white; the data have %v", f)
	}
	h, w, c := f.Shape[0], f.Shape[1], f.Shape[2]
	if min(h, w)>>len(widths) == 0 {
		op.Fail(s.Path(), "views of %dx%d are too small to be halved %d times, once for each of widths = %v", h, w,
			len(widths), widths)
	}
	paint = func(x *graph.Node) *graph.Node { return methods.InputOf(f).FromUnit(s, op.Sigmoid(x)) }
	return heads.Generator{Latent: latent, Widths: widths, Height: h, Width: w, Channels: c}.New(s), paint
}
