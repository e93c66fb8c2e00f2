package masked

import (
	"cmp"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// DVAE is a discrete variational autoencoder: a convolutional encoder names one of many tokens for every cell of its
// last map, nearly one by a relaxation that is drawn, and a decoder paints the image from the tokens' vectors. A run of
// it is a tokenizer for [method.beit] and [method.maskgit].
//
//	loss = mean over pixels of (painted - x)^2 + kl * mean over images of sum over cells of KL(tokens | uniform)
//	tokens = softmax((logits + gumbel) / temperature)
//
// Ramesh et al. 2021, arXiv:2102.12092, section 2.1, after van den Oord et al. 2017, arXiv:1711.00937, and Jang et al.
// 2017, arXiv:1611.01144, as in the public code of lucidrains, whose divergence is summed over images. The paper has a
// likelihood of logit-Laplace in place of squares.
type DVAE struct {
	Vocabulary  int        `toml:"vocabulary"`  // tokens K
	Code        int        `toml:"code"`        // numbers of a token's vector
	Widths      []int      `toml:"widths"`      // channels of the decoder, each for twice the side of the one before
	Temperature [2]float64 `toml:"temperature"` // at the first step and at the last, along half a cosine
	KL          float64    `toml:"kl"`          // weight of the divergence
}

// DefaultDVAE is a tokenizer for maps of a fourth of the sides.
func DefaultDVAE() *DVAE {
	return &DVAE{Vocabulary: 512, Code: 64, Widths: []int{64, 64}, Temperature: [2]float64{1, 1. / 16}, KL: 0}
}

// Validate implements methods.Method.
func (m *DVAE) Validate() error {
	if t := m.Temperature; !(t[0] > 0 && t[1] > 0) {
		return setting.Bad("temperature", "%v: want two numbers above 0", t)
	}
	return cmp.Or(setting.Least("vocabulary", m.Vocabulary, 2), setting.Least("code", m.Code, 1),
		heads.CheckWidths("widths", m.Widths), setting.Weight("kl", m.KL))
}

// Build implements methods.Method. The features are the mean of the encoder's last map.
func (m *DVAE) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x := b.View(0)
	cells := lastMap(s, enc, b)(x) // [B,h,w,F]
	at := op.ShapeOf(cells)
	logits := m.logits(s, at[3])(op.Reshape(cells, -1, at[3])) // [B*h*w,K]
	// -log(-log u), of numbers that are neither 0 nor 1
	u := op.Affine(s.Random("gumbel").Uniform(op.ShapeOf(logits)...), 1-2e-6, 1e-6)
	gumbel := op.Neg(op.Log(op.Neg(op.Log(u))))
	soft := m.relax(logits, gumbel, s.Scheduled("temperature", graph.CosineRamp(m.Temperature[0], m.Temperature[1])))
	painted := m.paint(s, soft, at, op.ShapeOf(x))
	used := op.Mean(op.Softmax(logits), false, 0)
	return methods.Objective{
		Features: op.Mean(cells, false, 1, 2),
		Terms: []methods.Term{{Name: "reconstruction", Weight: 1, Value: losses.MSE(painted, x)},
			{Name: "kl", Weight: m.KL, Value: op.Scale(Unevenness(logits), 1/float64(at[0]))}},
		Metrics:  []methods.Metric{{Name: "token_entropy", Value: losses.Entropy(op.Reshape(used, 1, m.Vocabulary))}},
		Pictures: []methods.Picture{{Name: "painted", Value: painted}},
	}
}

// lastMap is the encoder's last map.
func lastMap(s *graph.Scope, enc methods.Encoder, b *methods.Batch) layer.Func {
	if enc.Maps == nil {
		b.Unfit("this backbone has no maps of features whose cells could be named: choose one that has, such as " +
			"[backbone.convnet]")
	}
	maps := enc.Maps(s)
	return func(x *graph.Node) *graph.Node {
		all := maps(x)
		return all[len(all)-1]
	}
}

// logits of tokens, [N,from] -> [N,K].
func (m *DVAE) logits(s *graph.Scope, from int) layer.Func {
	return layer.Linear(s.In("tokens"), from, m.Vocabulary, true)
}

// relax is nearly one token for every row of logits [N,K].
func (m *DVAE) relax(logits, gumbel, temperature *graph.Node) *graph.Node {
	return op.Softmax(op.Div(op.Add(logits, gumbel), temperature))
}

// paint is images [B,H,W,C] of tokens [B*h*w,K], cells of maps.
func (m *DVAE) paint(s *graph.Scope, soft *graph.Node, cells, image ir.Shape) *graph.Node {
	codebook := s.Param("codebook", graph.Normal(1), m.Vocabulary, m.Code)
	y := op.Reshape(op.MatMul(soft, codebook, false, false), cells[0], cells[1], cells[2], m.Code)
	return decodeCodes(s.In("decoder"), m.Widths, y, image)
}

// decodeCodes paints images of vectors y [B,h,w,D]: transposed 4x4 convolutions that double the sides, each before a
// ReLU, and a linear layer for every pixel.
func decodeCodes(s *graph.Scope, widths []int, y *graph.Node, image ir.Shape) *graph.Node {
	at := op.ShapeOf(y)
	if n := 1 << len(widths); at[1]*n < image[1] || at[2]*n < image[2] {
		op.Fail(s.Path(),
			"widths = %v double cells of %dx%d to %dx%d, images are of %dx%d; want as many widths as the "+
				"encoder halves the sides", widths, at[1], at[2], at[1]*n, at[2]*n, image[1], image[2])
	}
	from := at[3]
	for i, to := range widths {
		y = op.Relu(layer.ConvTranspose{In: from, Out: to, Kernel: [2]int{4, 4}, Stride: [2]int{2, 2},
			Pad: [2]int{1, 1}, Bias: true}.New(s.In(fmt.Sprint(i)))(y))
		from = to
	}
	y = op.Slice(op.Slice(y, 1, 0, image[1]), 2, 0, image[2])
	paint := layer.Linear(s.In("paint"), from, image[3], true)
	return op.Reshape(paint(op.Reshape(y, -1, from)), image...)
}

// Unevenness is the sum over rows of logits [N,K] of the divergence of their softmax from the uniform distribution.
func Unevenness(logits *graph.Node) *graph.Node {
	log := op.LogSoftmax(logits)
	uniform := -logOf(op.ShapeOf(logits)[1])
	return op.SumAll(op.Mul(op.Exp(log), op.Shift(log, -uniform)))
}
