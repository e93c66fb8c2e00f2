package tabular

import (
	"cmp"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// SAINT has a row recognise itself after CutMix of its entries and mixup of its tokens, and tells the row from the
// mixed tokens.
//
//	loss = contrast (InfoNCE(z, z') + InfoNCE(z', z))/2 + categories sum over columns CE + numbers mean (told - x)^2
//
// Somepalli, Goldblum, Schwarzschild, Bruss, Goldstein 2021, arXiv:2106.01342, eq. 3 to 6: z and z' are projections,
// by heads of their own, of all tokens of the row and of the mixed row. As in the authors' code tokens are scaled to
// unit length before they are projected, projections are not, the contrast counts half, and one other row of the batch
// gives all entries that CutMix replaces (their Bernoulli draw takes CutMix for the replaced share, as here). The
// partners are two random orders of the batch. A number that is missing is not told.
type SAINT struct {
	CutMix      float64 `toml:"cutmix"`      // probability of an entry to be another row's
	Mixup       float64 `toml:"mixup"`       // weight of a row's own tokens beside another row's
	Temperature float64 `toml:"temperature"` // of the products of projections
	Contrast    float64 `toml:"contrast"`    // weight
	Categories  float64 `toml:"categories"`  // weight of the cross-entropies of columns of categories
	Numbers     float64 `toml:"numbers"`     // weight of the squared differences of columns of numbers
	Projector   []int   `toml:"projector"`   // widths; the last is D
	Hidden      int     `toml:"hidden"`      // width of the layer by which a column is told, in widths of a token
}

// DefaultSAINT has the settings of the authors' code.
func DefaultSAINT() *SAINT {
	return &SAINT{CutMix: 0.1, Mixup: 0.3, Temperature: 0.7, Contrast: 0.5, Categories: 1, Numbers: 10,
		Projector: []int{256, 128}, Hidden: 5}
}

// Validate implements methods.Method.
func (m *SAINT) Validate() error {
	return cmp.Or(checkShare("cutmix", m.CutMix), setting.Within("mixup", m.Mixup, 0, 1),
		setting.Positive("temperature", m.Temperature), setting.Weight("contrast", m.Contrast),
		setting.Weight("categories", m.Categories), setting.Weight("numbers", m.Numbers),
		setting.Least("hidden", m.Hidden, 1), heads.CheckWidths("projector", m.Projector))
}

// Build implements methods.Method.
func (m *SAINT) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	t, x, e, n := tableOf(b), b.View(0), columnsOf(s, enc, b), b.Size()
	random := s.Random("mix")
	order := func() *graph.Node { return op.Reshape(op.Argsort(random.Uniform(1, n)), n) }
	replaced := t.spread(random.Bernoulli(m.CutMix, n, len(t.of)))
	mixed := mixup(e.Embed(cutMix(x, order(), replaced)), order(), m.Mixup) // [B,K,D]
	clean, augmented := e.Encode(e.Embed(x)), e.Encode(mixed)               // [B,1+K,D]

	width := (1 + len(t.of)) * e.Dim
	a := heads.Plain(s.In("projector"), width, m.Projector...)(unitTokens(clean))
	z := heads.Plain(s.In("projector_mixed"), width, m.Projector...)(unitTokens(augmented))
	told := t.tokenHeads(s.In("told"), e.Dim, []int{m.Hidden * e.Dim})(e.Rest(augmented))
	categories, numbers := t.byKind(t.errors(s, told, x))
	o := methods.Objective{
		Features: e.Pool(clean),
		Terms: []methods.Term{
			{Name: "contrast", Weight: m.Contrast, Value: losses.Matching(s, products(s, a, z, m.Temperature), 0)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(a)}},
	}
	if categories != nil {
		o.Terms = append(o.Terms, methods.Term{Name: "categories", Weight: m.Categories, Value: categories})
	}
	if numbers != nil {
		o.Terms = append(o.Terms, methods.Term{Name: "numbers", Weight: m.Numbers, Value: numbers})
	}
	return o
}

// cutMix is rows x [B,M] with those entries of row ids[i] that are replaced, 1 in [B,M]. ids [B] int32.
func cutMix(x, ids, replaced *graph.Node) *graph.Node { return Replace(x, op.Gather(x, ids), replaced) }

// mixup is share of tokens y [B,K,D] and the rest of those of row ids[i].
func mixup(y, ids *graph.Node, share float64) *graph.Node {
	shape := op.ShapeOf(y)
	other := op.Reshape(op.Gather(op.Reshape(y, shape[0], -1), ids), shape...)
	return op.Add(op.Scale(y, share), op.Scale(other, 1-share))
}

// unitTokens is tokens y [B,T,D], each of unit length, side by side: [B,T*D].
func unitTokens(y *graph.Node) *graph.Node {
	shape := op.ShapeOf(y)
	return op.Reshape(op.Normalize(op.Reshape(y, -1, shape[2]), losses.Eps), shape[0], shape[1]*shape[2])
}

// products are those of rows a and z [B,D] over the temperature, partners on the diagonal: [B,B].
func products(s *graph.Scope, a, z *graph.Node, tau float64) *graph.Node {
	return op.Scale(op.MatMul(s.AllRows(a), s.AllRows(z), false, true), 1/tau)
}

// byKind is the sum over columns of categories of their mean errors, and the mean over all entries of numbers, of
// errors [B,K]; nil where there is no such column.
func (t table) byKind(errors *graph.Node) (categories, numbers *graph.Node) {
	var c, n []*graph.Node
	for k, of := range t.of {
		mean := op.MeanAll(op.Slice(errors, 1, k, k+1))
		if of > 0 {
			c = append(c, mean)
		} else {
			n = append(n, mean)
		}
	}
	if len(c) > 0 {
		categories = op.Sum(c...)
	}
	if len(n) > 0 {
		numbers = losses.Mean(n)
	}
	return categories, numbers
}
