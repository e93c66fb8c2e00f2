package audio

import (
	"math/rand/v2"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/setting"
)

// Quantiser says what a step is by an entry of each of several small books, side by side.
//
// Baevski et al. 2020, wav2vec 2.0, arXiv:2006.11477, section 2, eq. 1 and 4, as in the authors' code: entries are
// drawn by the Gumbel softmax, chosen forward and smooth backward, and the diversity compares the perplexity of a
// step's distribution, without noise and temperature, with the number of entries.
type Quantiser struct {
	Books   int `toml:"books"`   // G
	Entries int `toml:"entries"` // V of a book
	Codes   int `toml:"codes"`   // numbers of a quantised step, over all books
	// of the Gumbel softmax at the first step, and at least; each step multiplies it by the decay
	Temperature [2]float64 `toml:"temperature"`
	Decay       float64    `toml:"decay"` // factor of the temperature in every step
}

func (q *Quantiser) check() error {
	switch {
	case q.Books < 1:
		return setting.Bad("books", "%d: want at least 1", q.Books)
	case q.Entries < 2:
		return setting.Bad("entries", "%d: want at least 2 in a book", q.Entries)
	case q.Codes < 1 || q.Codes%q.Books != 0:
		return setting.Bad("codes", "%d: want a multiple of books = %d", q.Codes, q.Books)
	case !(q.Temperature[1] > 0 && q.Temperature[0] >= q.Temperature[1]):
		return setting.Bad("temperature", "%v: want that of the first step and the least, above 0", q.Temperature)
	}
	return setting.Within("decay", q.Decay, 0, 1)
}

// Quantised is steps by entries of the books.
type Quantised struct {
	Codes     *graph.Node   // [N,Codes]
	Chosen    []*graph.Node // of each book, the entry [N] int32
	Diversity *graph.Node   // (G V - perplexity) / (G V): 0 where all entries are as likely
	// summed over the books: of the mean distribution of a step, and of how often entries are the likeliest
	Perplexity, Used *graph.Node
}

// Of quantises steps x [N,D]. counted [N] is 1 for those that the diversity is of; noise draws Gumbel noise [N,V] for a
// book.
func (q *Quantiser) Of(s *graph.Scope, x, counted, temperature *graph.Node,
	noise func(book int) *graph.Node) Quantised {
	d, v, width := op.ShapeOf(x)[1], q.Entries, q.Codes/q.Books
	weight := s.In("scores").Param("weight", graph.Normal(1), d, q.Books*v)
	bias := s.In("scores").Param("bias", graph.Fill(0), q.Books*v)
	entries := s.Param("entries", uniform, q.Books*v, width)
	scores := op.Add(layer.Product(s, x, weight), bias) // [N,G*V]
	w := op.Reshape(counted, -1, 1)
	var codes, perplexities, used []*graph.Node
	var out Quantised
	for g := range q.Books {
		own := op.Slice(scores, 1, g*v, (g+1)*v)
		soft := op.Softmax(op.Div(op.Add(own, noise(g)), temperature))
		chosen := op.Argmax(soft)
		hard := losses.OneHot(s, chosen, v)
		straight := op.Add(op.StopGradient(op.Sub(hard, soft)), soft)
		codes = append(codes, op.MatMul(straight, op.Slice(entries, 0, g*v, (g+1)*v), false, false))
		out.Chosen = append(out.Chosen, chosen)
		mean := func(p *graph.Node) *graph.Node { return op.Div(op.SumAxes(op.Mul(p, w), false, 0), least1(counted)) }
		perplexities = append(perplexities, perplexity(mean(op.Softmax(own))))
		used = append(used, perplexity(mean(losses.OneHot(s, op.Argmax(own), v))))
	}
	all := float64(q.Books * v)
	out.Codes, out.Perplexity, out.Used = op.Concat(1, codes...), op.Sum(perplexities...), op.Sum(used...)
	out.Diversity = op.Scale(op.Affine(out.Perplexity, -1, all), 1/all)
	return out
}

// perplexity is the exponential of the entropy of a distribution [V], to whose probabilities 1e-7 is added in the
// logarithm.
func perplexity(p *graph.Node) *graph.Node {
	return op.Exp(op.Neg(op.SumAll(op.Mul(p, op.Log(op.Shift(p, 1e-7))))))
}

// least1 is the number of ones, and 1 where there is none.
func least1(counted *graph.Node) *graph.Node {
	return op.Shift(op.Relu(op.Shift(op.SumAll(counted), -1)), 1)
}

// gumbel draws Gumbel noise.
func gumbel(r *graph.Random, shape ...int) *graph.Node {
	u := op.Affine(r.Uniform(shape...), 1-2e-7, 1e-7)
	return op.Neg(op.Log(op.Neg(op.Log(u))))
}

// uniform fills with numbers in [0,1).
func uniform(a ir.Array, r *rand.Rand) {
	for i := range a.Shape.Size() {
		a.Set(i, r.Float64())
	}
}
