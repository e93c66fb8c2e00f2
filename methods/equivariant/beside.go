package equivariant

import (
	"math"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/methods/contrastive"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// beside is implemented by the methods of this package that add terms to another method's.
type beside interface{ addsTerms() }

// onSimCLR is the method that the papers add theirs to first.
func onSimCLR() overlay.Choice[methods.Method] {
	return overlay.Choice[methods.Method]{Name: "simclr", Value: contrastive.DefaultSimCLR()}
}

// checkBase refuses methods that no term can be added to.
func checkBase(base overlay.Choice[methods.Method]) error {
	_, nested := base.Value.(beside)
	if nested || base.Value != nil && methods.UsesLabels(base.Value) {
		return setting.Bad("base", "%s: want a method that learns from pairs of views", base.Name)
	}
	return nil
}

// checkWeight refuses what is no weight of a term.
func checkWeight(key string, w float64) error {
	if !(w >= 0) || math.IsInf(w, 0) {
		return setting.Bad(key, "%v: want a weight of 0 or more", w)
	}
	return nil
}

// buildBase builds the method that terms are added to, and remembers what it encodes.
func buildBase(base overlay.Choice[methods.Method], s *graph.Scope, enc *methods.Encoder,
	b *methods.Batch) (methods.Objective, encoded) {
	known := encoded{}
	enc.New = known.remember(enc.New)
	o := base.Value.Build(s, *enc, b)
	if o.Players != nil {
		op.Fail("", "base = %s has several optimisers, of which none would train the predictors; want a method "+
			"with one loss", base.Name)
	}
	return o, known
}

// encoded is the features of batches that went through the encoder of a scope, so that nothing goes through it twice.
type encoded map[string]map[*graph.Node]*graph.Node

func (e encoded) remember(from func(*graph.Scope) layer.Func) func(*graph.Scope) layer.Func {
	return func(s *graph.Scope) layer.Func {
		encode, seen := from(s), e[s.Path()]
		if seen == nil {
			seen = map[*graph.Node]*graph.Node{}
			e[s.Path()] = seen
		}
		return func(x *graph.Node) *graph.Node {
			if seen[x] == nil {
				seen[x] = encode(x)
			}
			return seen[x]
		}
	}
}

// both is the features of two views, which were encoded as one batch, or are one by one.
func (e encoded) both(encode layer.Func, s *graph.Scope, x []*graph.Node) []*graph.Node {
	n := op.ShapeOf(x[0])[0]
	if h := e[s.Path()][op.Concat(0, x...)]; h != nil {
		return []*graph.Node{op.Slice(h, 0, 0, n), op.Slice(h, 0, n, 2*n)}
	}
	return []*graph.Node{encode(x[0]), encode(x[1])}
}
