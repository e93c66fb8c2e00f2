package masked

import (
	"fmt"
	"slices"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
)

// network tells tokens from known ones [B,T] int32, of which hidden [B,T] is 1 where they are not seen, and from the
// batch's captions, where told [B,1,1] is 1; nil: everywhere. It returns the encoder's features and logits [B,T,K].
func (m *Muse) network(s *graph.Scope, e *backbones.TokenEncoder, b *methods.Batch) func(known, hidden,
	told *graph.Node) (features, logits *graph.Node) {
	words, there := m.read(s, b)
	from, image, n := op.ShapeOf(words)[2], b.Of("view0").Shape, e.Rows*e.Columns
	if e.Dim%m.Heads != 0 {
		op.Fail("", "heads = %d: the tokens' %d channels are no multiple of it; want a divisor", m.Heads, e.Dim)
	}
	alone, token := m.alone(s, b, e.Patch, image[2]), methods.MaskToken(s, e.Dim)
	words = layer.Dense(s.In("words"), from, e.Dim)(words)
	var blocks []func(y, told *graph.Node) *graph.Node
	for i := range m.Depth {
		blocks = append(blocks, m.block(s.In(fmt.Sprintf("blocks/%d", i)), e.Dim, words, there))
	}
	tell := layer.Chain(layer.LayerNorm(s.In("norm"), e.Dim), layer.Dense(s.In("tell"), e.Dim, m.tokens.of.Size()))
	return func(known, hidden, told *graph.Node) (features, logits *graph.Node) {
		patches := op.Reshape(op.Gather(alone, op.Reshape(known, -1)), op.ShapeOf(known)[0], n, -1)
		seen := e.Encode(e.Hiding(unpatchify(patches, e.Patch, image[0], image[1]), hidden, token))
		y := e.Last(seen, n)
		for _, f := range blocks {
			y = f(y, told)
		}
		return e.Pool(seen), tell(y)
	}
}

// block is attention of tokens to themselves, to words where they are told, and an MLP, each added to its input.
func (m *Muse) block(s *graph.Scope, dim int, words, there *graph.Node) func(y, told *graph.Node) *graph.Node {
	norm := func(name string) layer.Func { return layer.LayerNorm(s.In(name), dim) }
	self := layer.Chain(norm("self_norm"), layer.Attention(s.In("self"), dim, m.Heads))
	before, cross := norm("cross_norm"), layer.CrossAttention(s.In("cross"), dim, dim, m.Heads)
	mlp := layer.Chain(norm("mlp_norm"), layer.MLP(s.In("mlp"), dim, 4*dim))
	return func(y, told *graph.Node) *graph.Node {
		y = op.Add(y, self(y))
		read := cross(before(y), words, layer.Mask{Keys: there})
		if told != nil {
			read = op.Mul(read, told)
		}
		y = op.Add(y, read)
		return op.Add(y, mlp(y))
	}
}

// read is the words of the batch's captions as the tower of texts has them, [B,L,D], and where there are some, [B,L].
func (m *Muse) read(s *graph.Scope, b *methods.Batch) (words, there *graph.Node) {
	r, ok := m.reader.Method.(methods.Reading)
	if !ok {
		b.Unfit("captions are read by the tower of texts of a run: want text = its folder")
	}
	f := b.Of("caption")
	if in := methods.InputOf(f); !slices.Equal(in.Shape, m.reader.Caption.Shape) ||
		!slices.Equal(in.Of, m.reader.Caption.Of) {
		op.Fail("", "text: its captions are %v of %v symbols, and these %v of %v; want a run on captions of one "+
			"vocabulary and length", m.reader.Caption.Shape, m.reader.Caption.Of, in.Shape, in.Of)
	}
	tower, scope := r.TextTower()
	y := methods.EncoderOf(tower, f).Tokens(s.In(readerScope).Locked().In(scope)).Symbols
	ids := b.Field("caption")
	there = y.There(ids)
	return op.StopGradient(y.Encode(y.Place(y.Look(ids)), there)), op.StopGradient(there)
}

// alone is the patch [P*P*C] that the tokenizer paints of each token without neighbours, [K,P*P*C].
func (m *Muse) alone(s *graph.Scope, b *methods.Batch, patch, channels int) *graph.Node {
	painter := m.painter(b)
	k := painter.Size()
	all := make([]int32, k)
	for i := range all {
		all[i] = int32(i)
	}
	x := painter.Paint(s.In(tokenizerScope).Locked(), op.Reshape(s.Ints("const/tokens", all), k, 1), 1, 1,
		ir.Shape{patch, patch, channels})
	return op.StopGradient(op.Reshape(x, k, patch*patch*channels))
}
