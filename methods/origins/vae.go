package origins

import (
	"cmp"
	"math"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/setting"
)

// VAE makes the encoder say where in a latent space an image may lie, and a decoder give the image from a place drawn
// there, while these places stay as a normal distribution has them.
//
//	loss = -log p(x|z) + beta KL(N(m, s^2) | N(0, 1)),  z = m + s e,  e ~ N(0, 1)
//	KL = 1/2 sum over latent numbers of m^2 + s^2 - 1 - log s^2
//
// Kingma and Welling, ICLR 2014, arXiv:1312.6114, eq. 10 and appendix B with one draw; beta is Higgins et al.'s, ICLR
// 2017. The loss is in nats an image, so that with beta = 1 it is the negative bound on the log-likelihood. m and log
// s^2 are linear in the features, which are evaluated. The decoder is DCGAN's generator (arXiv:1511.06434), the paper's
// a dense layer.
type VAE struct {
	Latent int     `toml:"latent"` // numbers of z
	Widths []int   `toml:"widths"` // channels of the decoder, each for twice the side of the one before
	Beta   float64 `toml:"beta"`   // weight of the divergence
	// p(x|z): bernoulli (pixels between black and white are probabilities) | gaussian (of deviation 1, in units of the
	// views)
	Likelihood string `toml:"likelihood"`
}

// DefaultVAE has the paper's bound, and a decoder for images of about 28 pixels.
func DefaultVAE() *VAE {
	return &VAE{Latent: 20, Widths: []int{128, 64}, Beta: 1, Likelihood: "bernoulli"}
}

// Validate implements methods.Method.
func (m *VAE) Validate() error {
	if m.Likelihood != "bernoulli" && m.Likelihood != "gaussian" {
		return setting.Bad("likelihood", "%q: want \"bernoulli\" or \"gaussian\"", m.Likelihood)
	}
	return cmp.Or(setting.Least("latent", m.Latent, 1), heads.CheckWidths("widths", m.Widths),
		setting.Weight("beta", m.Beta))
}

// Build implements methods.Method.
func (m *VAE) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x := b.View(0)
	decode, paint := generator(s.In("decoder"), b, m.Latent, m.Widths)
	features := enc.New(s)(x)                                                            // [B,F]
	mean := layer.Linear(s.In("mean"), enc.Dim, m.Latent, true)(features)                // [B,Z]
	logVariance := layer.Linear(s.In("log_variance"), enc.Dim, m.Latent, true)(features) // [B,Z]
	e := s.Random("z").Normal(b.Size(), m.Latent)
	z := op.Add(mean, op.Mul(op.Exp(op.Scale(logVariance, 0.5)), e))
	logits := decode(z) // [B,H,W,C]
	var surprise *graph.Node
	if m.Likelihood == "bernoulli" {
		surprise = Bernoulli(logits, methods.InputOf(b.Of("view0")).Unit(s, x))
	} else {
		surprise = Gaussian(paint(logits), x)
	}
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{
			{Name: "reconstruction", Weight: 1, Value: op.MeanAll(surprise)},
			{Name: "divergence", Weight: m.Beta, Value: op.MeanAll(NormalDivergence(mean, logVariance))},
		},
		Pictures: []methods.Picture{{Name: "painted", Value: paint(logits)}},
	}
}

// NormalDivergence is the Kullback-Leibler divergence, in nats, of normal distributions with means and logarithms of
// variances [B,Z] from those of mean 0 and variance 1: [B]. Kingma and Welling 2014, appendix B.
func NormalDivergence(mean, logVariance *graph.Node) *graph.Node {
	sum := op.Sub(op.Add(op.Square(mean), op.Exp(logVariance)), op.Shift(logVariance, 1))
	return op.Scale(op.SumAxes(sum, false, 1), 0.5)
}

// Bernoulli is -log p of pixels x between 0 and 1, [B,H,W,C], by their logits: x log 1/p + (1-x) log 1/(1-p), summed
// over an image: [B].
func Bernoulli(logits, x *graph.Node) *graph.Node {
	return perImage(op.Sub(op.Softplus(logits), op.Mul(x, logits)))
}

// Gaussian is -log p of x [B,H,W,C] by its means and a deviation of 1, summed over an image: [B].
func Gaussian(mean, x *graph.Node) *graph.Node {
	return perImage(op.Affine(op.Square(op.Sub(x, mean)), 0.5, 0.5*math.Log(2*math.Pi)))
}

// perImage is sums of [B,H,W,C] over all but images: [B].
func perImage(x *graph.Node) *graph.Node { return op.SumAxes(x, false, 1, 2, 3) }
