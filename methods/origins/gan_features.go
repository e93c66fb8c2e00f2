package origins

import (
	"cmp"
	"math"
	"slices"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/graph/optim"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// GANFeatures trains the encoder as the discriminator of a generative adversarial network: it tells images from those
// of a generator, and its features are what is evaluated.
//
//	discriminator: -log D(x) - log(1 - D(G(z)))
//	adversarial:   -log D(G(z))                                        (Radford et al. 2016)
//	matching:      |mean f(x) - mean f(G(z))|^2                        (Salimans et al. 2016)
//	complement:    matching + pull_away PT                             (Dai et al. 2017)
//	               + ceiling_weight mean max(0, l(G(z)) - ceiling)
//	               PT = 1/(N(N-1)) sum over i != j of cos^2(f(G(z_i)), f(G(z_j)))
//
// Radford, Metz, Chintala, ICLR 2016, arXiv:1511.06434, section 5; Salimans et al. 2016, arXiv:1606.03498, section 3.1;
// Dai et al. 2017, arXiv:1705.09783, with the pull-away term of Zhao et al. 2017, arXiv:1609.03126. f are the features,
// l the logit of D = sigmoid(l). The complement generator is bad on purpose: it spreads out (PT) around
// the data and is pushed away from where they are dense. Dai et al. measure density by a PixelCNN++ trained beforehand
// and train D on labels too; here there are no labels, and D's own logit stands for the density. D moves first, then G
// against the moved D. The encoder's running statistics are those of images of both kinds.
type GANFeatures struct {
	Latent int   `toml:"latent"` // numbers that the generator makes an image of, uniform in [-1,1]
	Widths []int `toml:"widths"` // channels of the generator, each for twice the side of the one before
	// widths of linear layers between the features and the logit; []: none, as in DCGAN, which evaluates all layers
	Hidden []int `toml:"hidden"`
	// adversarial | matching | complement: what the generator is trained for
	Generator     string  `toml:"generator"`
	PullAway      float64 `toml:"pull_away"`      // weight of PT, of the complement
	Ceiling       float64 `toml:"ceiling"`        // logit above which a made image is too good, of the complement
	CeilingWeight float64 `toml:"ceiling_weight"` // of the complement
	// its optimiser; none: the recipe's
	Discriminator overlay.Choice[optim.Optimizer] `toml:"discriminator" overlay:"optional,of=optimizer"`
}

// DefaultGANFeatures has DCGAN's latent numbers, and a generator for images of about 28 pixels.
func DefaultGANFeatures() *GANFeatures {
	return &GANFeatures{Latent: 100, Widths: []int{128, 64}, Generator: "adversarial", PullAway: 1, CeilingWeight: 1}
}

// Validate implements methods.Method.
func (m *GANFeatures) Validate() error {
	if m.Generator != "adversarial" && m.Generator != "matching" && m.Generator != "complement" {
		return setting.Bad("generator", "%q: want \"adversarial\", \"matching\" or \"complement\"", m.Generator)
	}
	return cmp.Or(setting.Least("latent", m.Latent, 1), heads.CheckWidths("widths", m.Widths),
		heads.CheckHidden("hidden", m.Hidden), setting.Weight("pull_away", m.PullAway),
		m.checkCeiling(), setting.Weight("ceiling_weight", m.CeilingWeight))
}

// checkCeiling says what is wrong with the ceiling: below 0 the generator is pushed away from where the discriminator
// already finds an image more likely made than real.
func (m *GANFeatures) checkCeiling() error {
	if !(m.Ceiling >= 0) || math.IsInf(m.Ceiling, 0) {
		return setting.Bad("ceiling", "%v: want a logit of 0 or more, above which an image looks more real than made",
			m.Ceiling)
	}
	return nil
}

// Build implements methods.Method.
func (m *GANFeatures) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x := b.View(0) // [B,H,W,C]
	gen, paint := generator(s.In("generator"), b, m.Latent, m.Widths)
	made := paint(gen(op.Affine(s.Random("z").Uniform(b.Size(), m.Latent), 2, -1))) // [B,H,W,C]
	encode, judge := enc.New(s), heads.Plain(s.In("logit"), enc.Dim, append(slices.Clone(m.Hidden), 1)...)
	fake, real := encode(made), encode(x) // [B,F]
	var terms []methods.Term
	switch m.Generator {
	case "adversarial":
		terms = []methods.Term{{Name: "generator", Weight: 1, Value: op.MeanAll(op.Softplus(op.Neg(judge(fake))))}}
	case "complement":
		terms = []methods.Term{
			{Name: "pull_away", Weight: m.PullAway, Value: PullAway(s.AllRows(fake))},
			{Name: "ceiling", Weight: m.CeilingWeight, Value: op.MeanAll(op.Relu(op.Shift(judge(fake), -m.Ceiling)))},
		}
		fallthrough
	case "matching":
		terms = append(terms, methods.Term{Name: "matching", Weight: 1,
			Value: Matching(s.AllRows(real), s.AllRows(fake))})
	}
	return methods.Objective{
		Features: real,
		Players: []methods.Player{
			{Name: "discriminator", Scopes: []string{methods.Backbone, "logit"}, Optimizer: m.Discriminator.Value,
				Terms: []methods.Term{{Name: "discriminator", Weight: 1,
					Value: Discriminate(judge(real), judge(fake))}}},
			{Name: "generator", Scopes: []string{"generator"}, Turn: 1, Terms: terms},
		},
		Metrics: []methods.Metric{
			{Name: "says_real_of_real", Value: op.MeanAll(op.Sigmoid(judge(real)))},
			{Name: "says_real_of_fake", Value: op.MeanAll(op.Sigmoid(judge(fake)))},
		},
		Pictures: []methods.Picture{{Name: "generated", Value: made}},
	}
}

// Matching is the squared distance of the mean features of images and of made ones, [B,F]. Salimans et al. 2016,
// section 3.1.
func Matching(real, fake *graph.Node) *graph.Node {
	return op.SumAll(op.Square(op.Sub(op.Mean(real, false, 0), op.Mean(fake, false, 0))))
}

// PullAway is the mean squared cosine of different rows of f [B,F]. Zhao et al. 2017, arXiv:1609.03126.
func PullAway(f *graph.Node) *graph.Node {
	n := float64(op.ShapeOf(f)[0])
	return op.Scale(op.SumAll(op.Square(op.OffDiagonal(op.Gram(op.Normalize(f, 1e-8))))), 1/(n*(n-1)))
}
