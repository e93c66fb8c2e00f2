package backbones

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// DBN reads a sample as one row of numbers and sends it up through layers of logistic units, the probabilities of one
// being the input of the next: the recognition half of a deep belief network.
//
// Hinton, Osindero and Teh, Neural Computation 2006, section 4. Weights start normal with a deviation of 0.01 and
// biases at 0 (Hinton 2010, UTML TR 2010-003, section 8).
type DBN struct {
	Widths []int `toml:"widths"` // units of each layer; the last is F
}

// DefaultDBN has two layers of 500, those below the top of the network for digits.
func DefaultDBN() *DBN { return &DBN{Widths: []int{500, 500}} }

// Check implements Backbone.
func (d *DBN) Check(in Input) error {
	if in.Int {
		return in.wrong("dbn", "images or rows of a table")
	}
	return checkWidths(d.Widths)
}

// Dim implements Backbone.
func (d *DBN) Dim() int { return d.Widths[len(d.Widths)-1] }

// New implements Backbone.
func (d *DBN) New(s *graph.Scope, in Input) layer.Func {
	layers := []layer.Func{func(x *graph.Node) *graph.Node { return op.Reshape(x, -1, in.Size()) }}
	for _, u := range d.NewStack(s, in) {
		layers = append(layers, u.Up)
	}
	return layer.Chain(layers...)
}

// NewStack implements Stack.
func (d *DBN) NewStack(s *graph.Scope, in Input) (stack []*Units) {
	from := in.Size()
	for i, to := range d.Widths {
		stack = append(stack, NewUnits(s.In(fmt.Sprint(i)), from, to))
		from = to
	}
	return stack
}

// Stack is a Backbone of layers of logistic units, which methods can train one by one, over the same parameters as
// New.
type Stack interface {
	Backbone
	NewStack(s *graph.Scope, in Input) []*Units
}

// Units is a layer of logistic units on a row of numbers.
type Units struct {
	Path    string      // where the parameters are
	In, Out int         // numbers below, units
	Weight  *graph.Node // W, [In,Out]
	Bias    *graph.Node // c, [Out]
	s       *graph.Scope
}

// NewUnits declares the parameters in s.
func NewUnits(s *graph.Scope, in, out int) *Units {
	return &Units{Path: s.Path(), In: in, Out: out, s: s, Weight: s.Param("weight", graph.Normal(0.01), in, out),
		Bias: s.Param("bias", graph.Fill(0), out)}
}

// Total is the input that every unit gets, v [B,In] -> v W + c [B,Out].
func (u *Units) Total(v *graph.Node) *graph.Node {
	return op.Add(layer.Product(u.s, v, u.Weight), u.Bias)
}

// Up is the probability that a unit is on, v [B,In] -> sigmoid(v W + c) [B,Out].
func (u *Units) Up(v *graph.Node) *graph.Node { return op.Sigmoid(u.Total(v)) }
