package text

import (
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/edits"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// SimCSE has a text recognise itself among the others of the batch, when it is encoded twice with other units dropped
// out, or recognise the text that the data say is its positive. With negatives each text is also told from its own hard
// negative.
//
// Gao et al. 2021, arXiv:2104.08821, eq. 4 without and eq. 5 with hard negatives, the cross-entropy in one direction
// as in the authors' code. The paper's supervised form has positives and negatives of labelled pairs, sentences that
// follow and that contradict: given, of data with such columns. Scrambled negatives are the words of the text in
// another order, so that features have to heed it. The transformer's dropout makes two views of one text. The head is
// for the training alone.
type SimCSE struct {
	Temperature float64 `toml:"temperature"` // of cosines
	Positives   string  `toml:"positives"`   // dropout: the text itself | given: the data's
	// none | scrambled: the same symbols in another order | given: the data's
	Negatives string `toml:"negatives"`
	// added to the similarity of a text and its own negative
	NegativeWeight float64 `toml:"negative_weight"`
}

// given is positives or negatives of the data.
const given = "given"

// DefaultSimCSE has the paper's temperature, and no hard negatives.
func DefaultSimCSE() *SimCSE {
	return &SimCSE{Temperature: 0.05, Positives: "dropout", Negatives: "none"}
}

// Validate implements methods.Method.
func (m *SimCSE) Validate() error {
	switch {
	case !(m.Temperature > 0):
		return setting.Bad("temperature", "%v: want a number above 0, such as 0.05", m.Temperature)
	case m.Positives != "dropout" && m.Positives != given:
		return setting.Bad("positives", "%q: want \"dropout\" or \"given\"", m.Positives)
	case m.Negatives != "none" && m.Negatives != "scrambled" && m.Negatives != given:
		return setting.Bad("negatives", "%q: want \"none\", \"scrambled\" or \"given\"", m.Negatives)
	}
	return nil
}

// Build implements methods.Method.
func (m *SimCSE) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e := need(s, enc, b)
	ids := b.View(0) // [B,T]
	n, all := b.Size(), []*graph.Node{ids, ids}
	if m.Positives == given {
		all[1] = b.Field(datasets.Positive)
	}
	switch m.Negatives {
	case "scrambled":
		all = append(all, b.Edit(&edits.Scramble{}, "view0")[0])
	case given:
		all = append(all, b.Field(datasets.Negative))
	}
	joined := op.Concat(0, all...) // [2B,T] or [3B,T], of which each row is dropped out by itself
	there := e.Symbols.There(joined)
	h := e.Symbols.Pool(e.Symbols.Encode(e.Symbols.Place(e.Symbols.Look(joined)), there), there)
	z := op.Tanh(layer.Dense(s.In("head"), enc.Dim, enc.Dim)(h))
	part := func(i int) *graph.Node { return op.Slice(z, 0, i*n, (i+1)*n) }
	var negatives *graph.Node
	if len(all) == 3 {
		negatives = part(2)
	}
	loss, logits := Contrasted(s, part(0), part(1), negatives, m.Temperature, m.NegativeWeight)
	features := op.Slice(h, 0, 0, n)
	unit := func(i int) *graph.Node { return op.Normalize(part(i), losses.Eps) }
	apart := op.SumAxes(op.Square(op.Sub(unit(0), unit(1))), false, 1)
	return methods.Objective{Features: features, Terms: []methods.Term{{Name: "contrast", Weight: 1, Value: loss}},
		Metrics: []methods.Metric{
			{Name: "matched", Value: op.Accuracy(logits, own(s, op.ShapeOf(logits)[0]))},
			{Name: "alignment", Value: op.StopGradient(op.MeanAll(apart))},
			{Name: "spread", Value: losses.Spread(features)},
		}}
}

// Contrasted is the mean cross-entropy in nats of picking each row's partner of z [B,D], the same row of k [B,D],
// among all rows of k and of negatives [B,D], to whose own similarity weight is added; negatives nil: k alone. Logits
// are cosines over tau, [B,B] or [B,2B].
func Contrasted(s *graph.Scope, z, k, negatives *graph.Node, tau, weight float64) (loss, logits *graph.Node) {
	unit := func(x *graph.Node) *graph.Node { return s.AllRows(op.Normalize(x, losses.Eps)) }
	u := unit(z)
	n := op.ShapeOf(u)[0]
	logits = op.Scale(op.MatMul(u, unit(k), false, true), 1/tau)
	if negatives != nil {
		hard := op.Scale(op.MatMul(u, unit(negatives), false, true), 1/tau)
		if weight != 0 {
			hard = op.Add(hard, op.Scale(s.Identity(n), weight))
		}
		logits = op.Concat(1, logits, hard)
	}
	return op.MeanAll(op.CrossEntropy(logits, own(s, n), 0)), logits
}

// own is the number of each of n rows.
func own(s *graph.Scope, n int) *graph.Node {
	each := make([]int32, n)
	for i := range each {
		each[i] = int32(i)
	}
	return s.Ints(fmt.Sprintf("const/own%d", n), each)
}
