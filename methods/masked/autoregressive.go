package masked

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// Autoregressive has each patch told from those before it, by rows: an encoder in whose training no token attends to
// later ones.
//
//	loss = mean over patches after the prefix of (told - pixels)^2, or of cross-entropy(logits, colour)
//
// Of patches, [method.aim]: El-Nouby et al. 2024, arXiv:2401.08541, section 3: pixels scaled to mean 0 and variance 1
// by patch, and a prefix of any length within which all attend to all, so that the encoder can be evaluated without an
// order. Of pixels, [method.igpt]: Chen et al., ICML 2020, section 3.1: patches of one pixel, colours as classes, no
// prefix. Colours are levels of each channel, in the paper clusters, and a linear layer reads them, there a table of
// vectors; the paper evaluates layers in the middle, without an order here. The backbone has no class token.
type Autoregressive struct {
	Target string `toml:"target"` // patches | colours (of patches of any side: of their mean)
	Prefix bool   `toml:"prefix"` // of any length, within which all attend to all and nothing is told
	Levels int    `toml:"levels"` // of a channel, of colours
	Hidden []int  `toml:"hidden"` // widths of the layers that tell, after the encoder
}

// DefaultAIM tells patches, with a prefix.
func DefaultAIM() *Autoregressive {
	return &Autoregressive{Target: "patches", Prefix: true, Levels: 8, Hidden: []int{2048}}
}

// DefaultIGPT tells pixels.
func DefaultIGPT() *Autoregressive { return &Autoregressive{Target: "colours", Levels: 8} }

// Validate implements methods.Method.
func (m *Autoregressive) Validate() error {
	if m.Target != "patches" && m.Target != "colours" {
		return setting.Bad("target", "%q: want \"patches\" or \"colours\"", m.Target)
	}
	if m.Levels < 2 || m.Levels > 256 {
		return setting.Bad("levels", "%d: want 2 to 256 of a channel", m.Levels)
	}
	for _, w := range m.Hidden {
		if w < 1 {
			return setting.Bad("hidden", "%v: want widths of at least 1", m.Hidden)
		}
	}
	return nil
}

// Build implements methods.Method. The features are of the image in its order.
func (m *Autoregressive) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e, x := methods.Patches(s, enc, b), b.View(0)
	if e.HasClass || e.Masked == nil {
		b.Unfit("this method puts patches in an order, in which a class token has no place: choose [backbone.vit] " +
			"with pool = \"mean\"")
	}
	n, size := e.Rows*e.Columns, b.Size()
	prefix := op.Reshape(s.Constant(0), 1, 1)
	if m.Prefix { // 1 .. n-1
		prefix = op.Shift(op.Scale(s.Random("prefix").Uniform(size, 1), float64(n-1)), 0.5)
	}
	order := s.Floats("order", counting(n), 1, n)
	y := e.Masked(e.Embed(x), layer.Mask{Bias: m.bias(s, prefix, order, n)}) // [B,T,D]
	before := op.Slice(y, 1, 0, n-1)                                         // tell the patch after it
	counts := prefix
	if m.Prefix {
		counts = s.AllRows(prefix)
	}
	later := op.Less(counts, op.Slice(order, 1, 1, n)) // [B or 1,T-1] of those that are told
	each := m.each(s, b, e.Patch, before, x, e.Dim)    // [B,T-1]
	counted := op.Add(op.Scale(each, 0), later)
	features := e.Pool(y)
	return methods.Objective{
		Features: features,
		Terms:    []methods.Term{{Name: "next", Weight: 1, Value: losses.MeanOver(each, op.StopGradient(counted))}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(features)}},
	}
}

// bias forbids a query to attend to keys after it that are not in the prefix: [B or 1,1,T,T].
func (m *Autoregressive) bias(s *graph.Scope, prefix, order *graph.Node, n int) *graph.Node {
	query, key := op.Reshape(order, n, 1), order
	after := op.Reshape(op.Less(query, key), 1, n, n)                                      // [1,T,T]
	beyond := op.Affine(op.Less(key, prefix), -1, 1)                                       // [B,T]
	forbidden := op.Mul(after, op.Reshape(beyond, op.ShapeOf(beyond)[0], 1, n))            // [B,T,T]
	return op.Scale(op.Reshape(forbidden, op.ShapeOf(forbidden)[0], 1, n, n), forbiddenBy) // [B,1,T,T]
}

// forbiddenBy is added to scores of keys that a query may not attend to.
const forbiddenBy = -1e9

// each is the loss of every patch but the first, [B,T-1], told from encoded tokens before them [B,T-1,dim].
func (m *Autoregressive) each(s *graph.Scope, b *methods.Batch, patch int, before, x *graph.Node,
	dim int) *graph.Node {
	at := op.ShapeOf(before)
	tell := func(width int) *graph.Node {
		y, from := before, dim
		for i, w := range append(append([]int{}, m.Hidden...), width) {
			if i > 0 {
				y = op.Gelu(y)
			}
			y, from = layer.Dense(s.In("tell").In(fmt.Sprint(i)), from, w)(y), w
		}
		return y
	}
	if m.Target == "patches" {
		target := PatchTarget(x, patch, true)
		target = op.Slice(target, 1, 1, at[1]+1)
		return op.Mean(op.Square(op.Sub(tell(op.ShapeOf(target)[2]), op.StopGradient(target))), false, 2)
	}
	f := b.Of("view0")
	if f.Low == nil || f.Shape[2] > 3 {
		b.Unfit("this method tells colours: want images of at most 3 channels between black and white; the data "+
			"have %v", f)
	}
	colours := &PatchPrediction{Levels: m.Levels}
	in := s.In("colours")
	all := op.Reshape(colours.Colours(in, methods.InputOf(f).Unit(in, x), patch, 1), at[0], at[1]+1)
	classes := 1
	for range f.Shape[2] {
		classes *= m.Levels
	}
	return op.Reshape(op.CrossEntropy(rowsOf(tell(classes)), op.Reshape(op.Slice(all, 1, 1, at[1]+1), at[0]*at[1]), 0),
		at[0], at[1])
}

// counting is 0, 1 ... n-1.
func counting(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = float64(i)
	}
	return v
}
