package heads

import (
	"cmp"
	"errors"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// Projector is how a recipe changes the projector that its method asks for, to see what a projector is good for
// (Cookbook, arXiv:2304.12210, sections 2.6 and 3.2). The zero value, and nil, change nothing.
type Projector struct {
	// behind each layer where the method has one, or each hidden layer where it has none: batch | layer | decorrelated
	// (IterNorm) | none
	Norm string `toml:"norm"`
	// of each linear layer: full | diagonal (a factor for each dimension, and no bias) | low_rank (a product of two)
	Form string `toml:"form"`
	// of low_rank; of a diagonal the dimensions that are not 0, the first ones, and 0 is all (Jing et al. 2021,
	// arXiv:2110.09348)
	Rank   int  `toml:"rank"`
	Frozen bool `toml:"frozen"` // linear layers keep the weights that they are drawn with; norms learn

	asked *request // of a method; nil: none has asked for a projector
}

// request is a projector that a method has asked for.
type request struct {
	path, norm string // the scope, and the norm of the hidden layers
	end        ending
	in         int
	widths     []int
}

// ending is what is behind the last layer of a projector.
type ending int

const (
	bare   ending = iota // nothing
	plain                // a norm without scale and shift, where it is a batch norm
	scaled               // a norm
)

// Kinds of norms and of linear layers.
const (
	batchNorm, layerNorm, decorrelatedNorm, noNorm = "batch", "layer", "decorrelated", "none"
	fullForm, diagonalForm, lowRankForm            = "full", "diagonal", "low_rank"
)

// Validate says what is wrong with the settings.
func (o *Projector) Validate() error {
	var bad []error
	switch o.Norm {
	case "", batchNorm, layerNorm, decorrelatedNorm, noNorm:
	default:
		bad = append(bad, setting.Bad("norm", "%q: want \"batch\", \"layer\", \"decorrelated\" or \"none\"", o.Norm))
	}
	switch o.Form {
	case "", fullForm:
		if o.Rank != 0 {
			bad = append(bad, setting.Bad("rank", "%d: only form = \"low_rank\" and \"diagonal\" have one", o.Rank))
		}
	case diagonalForm:
		if o.Frozen && o.Rank == 0 {
			bad = append(bad, setting.Bad("frozen", "true: factors begin at 1, so that a diagonal that is frozen does "+
				"nothing; want a rank, or a method without a projector, projector = []"))
		}
		if o.Rank < 0 {
			bad = append(bad, setting.Bad("rank", "%d: want a number of dimensions, or 0 for all", o.Rank))
		}
	case lowRankForm:
		if o.Rank < 1 {
			bad = append(bad, setting.Bad("rank", "%d: want at least 1", o.Rank))
		}
	default:
		bad = append(bad, setting.Bad("form", "%q: want \"full\", \"diagonal\" or \"low_rank\"", o.Form))
	}
	return errors.Join(bad...)
}

// Changes reports whether the settings change a projector.
func (o *Projector) Changes() bool {
	return o != nil && (o.Norm != "" || o.Form != "" && o.Form != fullForm || o.Frozen)
}

// Used reports whether a method has asked for a projector since.
func (o *Projector) Used() bool { return o != nil && o.asked != nil }

// Asked is the scope and the widths of the projector that a method has asked for.
func (o *Projector) Asked() (path string, widths []int) {
	if !o.Used() {
		return "", nil
	}
	return o.asked.path, o.asked.widths
}

// First is the first n layers of the projector that a method has asked for, with their norms and ReLUs, in its scope s.
func (o *Projector) First(s *graph.Scope, n int) layer.Func {
	return layer.Chain(o.layers(s, o.asked.norm, o.asked.end, o.asked.in, o.asked.widths)[:n]...)
}

// MLP is the function MLP, changed.
func (o *Projector) MLP(s *graph.Scope, in int, widths ...int) layer.Func {
	if o.ask(s, batchNorm, bare, in, widths); !o.Changes() {
		return s.Cut(MLP(s, in, widths...))
	}
	return s.Cut(layer.Chain(o.layers(s, cmp.Or(o.Norm, batchNorm), bare, in, widths)...))
}

// Normed is the function Normed, changed.
func (o *Projector) Normed(s *graph.Scope, in int, affine bool, widths ...int) layer.Func {
	end := plain
	if affine {
		end = scaled
	}
	if o.ask(s, batchNorm, end, in, widths); !o.Changes() {
		return s.Cut(Normed(s, in, affine, widths...))
	}
	return s.Cut(layer.Chain(o.layers(s, cmp.Or(o.Norm, batchNorm), end, in, widths)...))
}

// Plain is the function Plain, changed.
func (o *Projector) Plain(s *graph.Scope, in int, widths ...int) layer.Func {
	if o.ask(s, noNorm, bare, in, widths); !o.Changes() {
		return s.Cut(Plain(s, in, widths...))
	}
	return s.Cut(layer.Chain(o.layers(s, cmp.Or(o.Norm, noNorm), bare, in, widths)...))
}

// ask remembers the first projector that a method asks for, whose own norm is given.
func (o *Projector) ask(s *graph.Scope, norm string, end ending, in int, widths []int) {
	if o != nil && len(widths) > 0 && o.asked == nil {
		o.asked = &request{s.Path(), cmp.Or(o.Norm, norm), end, in, widths}
	}
}

// layers are the layers of a projector, each but the last with a norm and a ReLU, the last with what ends it.
func (o *Projector) layers(s *graph.Scope, norm string, end ending, in int, widths []int) (list []layer.Func) {
	for i, w := range widths {
		at, last := s.In(fmt.Sprint(i)), i == len(widths)-1
		linear := o.linear(at, in, w, last && end == bare || norm == noNorm)
		switch {
		case last && end == bare:
			return append(list, linear)
		case last && end == plain && norm == batchNorm:
			return append(list, layer.Chain(linear, layer.BatchNormPlain(at.In("norm"), w)))
		case last:
			return append(list, layer.Chain(linear, normOf(at.In("norm"), norm, w)))
		}
		list = append(list, layer.Chain(linear, normOf(at.In("norm"), norm, w), layer.Relu))
		in = w
	}
	return list
}

// normOf is a norm of c dimensions.
func normOf(s *graph.Scope, kind string, c int) layer.Func {
	switch kind {
	case batchNorm:
		return layer.BatchNorm(s, c)
	case layerNorm:
		return layer.LayerNorm(s, c)
	case decorrelatedNorm:
		group := min(c, decorrelatedGroup)
		for c%group != 0 {
			group--
		}
		return IterNorm{Group: group, Iterations: 5}.New(s, c)
	}
	return func(x *graph.Node) *graph.Node { return x }
}

// decorrelatedGroup is how many dimensions are whitened together, at most: with more of them than a quarter of a batch
// their covariance is hardly known (Huang et al. 2018, arXiv:1804.08450, section 4.1).
const decorrelatedGroup = 16

// diagonal is x [B,in] times a factor [in] for each dimension, 0 for those above the rank.
func (o *Projector) diagonal(s *graph.Scope, scale *graph.Node) layer.Func {
	n := op.ShapeOf(scale)[0]
	if o.Rank >= n {
		op.Fail(s.Path(), "[projector] rank = %d is all of %d dimensions; want less, or 0 for all", o.Rank, n)
	}
	if o.Rank > 0 {
		keep := make([]float64, n)
		for i := range o.Rank {
			keep[i] = 1
		}
		scale = op.Mul(scale, s.Floats("keep", keep, n))
	}
	return func(x *graph.Node) *graph.Node { return op.Mul(x, scale) }
}

// linear is a linear layer in the form of the settings.
func (o *Projector) linear(s *graph.Scope, in, out int, bias bool) layer.Func {
	declare := func(s *graph.Scope, name string, init graph.Init, shape ...int) *graph.Node {
		if o.Frozen {
			return s.Frozen(name, init, shape...)
		}
		return s.Param(name, init, shape...)
	}
	times := func(s *graph.Scope, in, out int) layer.Func {
		w := declare(s, "weight", graph.LinearUniform(in), in, out)
		return func(x *graph.Node) *graph.Node { return layer.Product(s, x, w) }
	}
	var product layer.Func
	switch o.Form {
	case diagonalForm:
		if in != out {
			op.Fail(s.Path(), "[projector] form = \"diagonal\" needs widths like that of the features: from %d to %d "+
				"dimensions; want projector = [%d] of the method", in, out, in)
		}
		product = o.diagonal(s, declare(s, "scale", graph.Fill(1), in))
	case lowRankForm:
		if o.Rank >= min(in, out) {
			op.Fail(s.Path(), "[projector] rank = %d is not below the full rank of a layer from %d to %d dimensions; "+
				"want at most %d", o.Rank, in, out, min(in, out)-1)
		}
		product = layer.Chain(times(s.In("down"), in, o.Rank), times(s.In("up"), o.Rank, out))
	default:
		product = times(s, in, out)
	}
	if !bias || o.Form == diagonalForm {
		return product
	}
	b := declare(s, "bias", graph.LinearUniform(in), out)
	return func(x *graph.Node) *graph.Node { return op.Add(product(x), b) }
}
