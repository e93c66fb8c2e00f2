package masked

import (
	"cmp"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// VQVAE makes a convolutional encoder's cells the nearest of a few vectors, from which a decoder paints the image; the
// vectors follow the mean of what they stand for. A run of it is a tokenizer for [method.beit] and [method.maskgit].
//
//	loss = mean over pixels of (painted - x)^2 + beta * mean (z - code)^2, codes without gradient
//
// Van den Oord, Vinyals, Kavukcuoglu, NeurIPS 2017, arXiv:1711.00937, eq. 3 with the moving means of appendix A.1.
type VQVAE struct {
	Vocabulary int     `toml:"vocabulary"` // codes K
	Code       int     `toml:"code"`       // numbers of a code
	Widths     []int   `toml:"widths"`     // channels of the decoder, each for twice the side of the one before
	Beta       float64 `toml:"beta"`       // weight of staying near the codes
	Decay      float64 `toml:"decay"`      // of the moving means, each step
}

// DefaultVQVAE has the paper's values, with fewer codes.
func DefaultVQVAE() *VQVAE {
	return &VQVAE{Vocabulary: 256, Code: 32, Widths: []int{64, 64}, Beta: 0.25, Decay: 0.99}
}

// Validate implements methods.Method.
func (m *VQVAE) Validate() error {
	return cmp.Or(setting.Least("vocabulary", m.Vocabulary, 2), setting.Least("code", m.Code, 1),
		heads.CheckWidths("widths", m.Widths), setting.Weight("beta", m.Beta), setting.Within("decay", m.Decay, 0, 1))
}

// Build implements methods.Method. The features are the mean of the encoder's last map.
func (m *VQVAE) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x := b.View(0)
	cells := lastMap(s, enc, b)(x)
	at := op.ShapeOf(cells)
	z := m.vectors(s, at[3])(rowsOf(cells)) // [N,D]
	book := m.book(s)
	codes := nearestCode(z, book.Codes())
	q := op.Gather(op.StopGradient(book.Codes()), codes)
	next := book.Next(s, z, codes)
	s.Update(book.Counts, next.Counts)
	s.Update(book.Sums, next.Sums)
	painted := decodeCodes(s.In("decoder"), m.Widths, likeMap(straight(z, q), at), op.ShapeOf(x))
	return methods.Objective{
		Features: op.Mean(cells, false, 1, 2),
		Terms: []methods.Term{{Name: "reconstruction", Weight: 1, Value: losses.MSE(painted, x)},
			{Name: "commitment", Weight: 1, Value: commitment(z, q, m.Beta)}},
		Metrics:  []methods.Metric{{Name: "perplexity", Value: perplexity(s, codes, m.Vocabulary)}},
		Pictures: []methods.Picture{{Name: "painted", Value: painted}},
	}
}

// vectors are what codes stand for, [N,from] -> [N,D].
func (m *VQVAE) vectors(s *graph.Scope, from int) layer.Func {
	return layer.Linear(s.In("vectors"), from, m.Code, true)
}

// book is the codebook, whose codes start as one vector each, normally distributed.
func (m *VQVAE) book(s *graph.Scope) Codebook {
	at := s.In("codebook")
	return Codebook{Counts: at.State("counts", graph.Fill(1), m.Vocabulary),
		Sums: at.State("sums", graph.Normal(1), m.Vocabulary, m.Code), Decay: m.Decay, Eps: 1e-5}
}

// Size implements Tokenizer.
func (m *VQVAE) Size() int { return m.Vocabulary }

// Tokenize implements Tokenizer.
func (m *VQVAE) Tokenize(s *graph.Scope, enc methods.Encoder, b *methods.Batch, x *graph.Node) (tokens *graph.Node,
	rows, columns int) {
	cells := lastMap(s, enc, b)(x)
	at := op.ShapeOf(cells)
	codes := nearestCode(m.vectors(s, at[3])(rowsOf(cells)), m.book(s).Codes())
	return op.Reshape(codes, at[0], at[1]*at[2]), at[1], at[2]
}
