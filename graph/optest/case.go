package optest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// Case is one operation, or a few that belong together, on inputs of given shapes.
type Case struct {
	Name     string
	In       []Input
	Build    func(in []*op.Node) *op.Node
	Inactive []int   // floating-point inputs that get no gradient
	Tol      float64 // of float32 results, relative to the largest value of each; 0 means 1e-5
	// Exact is the same without the rounding of operands, whose steps have no derivative: gradients are compared with
	// its.
	Exact func(in []*op.Node) *op.Node
}

// Input is the shape of an input and how it is filled.
type Input struct {
	Shape ir.Shape
	DType ir.DType // F32 stands for the floating-point type of the run
	Value func(r *rand.Rand, i int) float64
}

// Tolerance is Tol or its default.
func (c Case) Tolerance() float64 {
	if c.Tol != 0 {
		return c.Tol
	}
	return 1e-5
}

// Values makes the inputs, from a seed and the case's name alone. All are exact in float32.
func (c Case) Values() []ir.Tensor {
	vs := make([]ir.Tensor, len(c.In))
	for k, in := range c.In {
		vs[k] = in.values(graph.Rand(11, fmt.Sprintf("%s/%d", c.Name, k)))
	}
	return vs
}

func (in Input) values(r *rand.Rand) ir.Tensor {
	v := ir.Tensor{Shape: in.Shape, Data: make([]float64, in.Shape.Size())}
	for i := range v.Data {
		v.Data[i] = float64(float32(in.Value(r, i)))
	}
	return v
}

// Result is what a program made of a case gave: its value, and the gradients of sum(value * weights) by every input
// that has one.
type Result struct {
	Value     ir.Array
	Gradients []ir.Array // by input; an empty Array where there is none
	Program   *graph.Program
}

// Run compiles the case with its gradients for a backend and runs it once.
func (c Case) Run(b ir.Backend, d ir.DType) (*Result, error) {
	var grads []*op.Node
	g, err := graph.Build(graph.Options{DType: d, Training: true}, func(s *graph.Scope) {
		in, _, loss := c.build(s)
		grads = make([]*op.Node, len(in))
		if loss != nil {
			grads = s.Gradients(loss, in)
		}
		for k, g := range grads {
			if g != nil {
				s.Output(gradName(k), g)
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	p, err := g.Compile(b, graph.NewStore(1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	for k, v := range c.Values() {
		if err := feed(p, inName(k), v); err != nil {
			return nil, err
		}
	}
	if at, err := p.Input(weightsName); err == nil {
		w := c.weights(at.Shape)
		for i, v := range w.Data {
			at.Set(i, v)
		}
	}
	if err := p.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	res := &Result{Gradients: make([]ir.Array, len(grads)), Program: p}
	if res.Value, err = p.Output("value"); err != nil {
		return nil, err
	}
	for k, g := range grads {
		if g == nil {
			continue
		}
		if res.Gradients[k], err = p.Output(gradName(k)); err != nil {
			return nil, err
		}
	}
	return res, nil
}

const weightsName = "weights"

func inName(k int) string   { return fmt.Sprintf("in%d", k) }
func gradName(k int) string { return fmt.Sprintf("gradient%d", k) }

// build declares the inputs, the value y and its weighted sum; loss is nil if the value is an integer.
func (c Case) build(s *graph.Scope) (in []*op.Node, y, loss *op.Node) {
	in = make([]*op.Node, len(c.In))
	for k, x := range c.In {
		if x.DType == ir.I32 {
			in[k] = s.IntInput(inName(k), x.Shape...)
		} else {
			in[k] = s.Input(inName(k), x.Shape...)
		}
	}
	y = c.Build(in)
	s.Output("value", y)
	if op.TypeOf(y).DType == ir.I32 {
		return in, y, nil
	}
	return in, y, op.SumAll(op.Mul(y, s.Input(weightsName, op.ShapeOf(y)...)))
}

// weights are the gradient of the loss by the value.
func (c Case) weights(s ir.Shape) ir.Tensor {
	return Input{Shape: s, Value: gauss}.values(graph.Rand(11, c.Name+"/weights"))
}

// feed fills an input that the program may have dropped because nothing reads it.
func feed(p *graph.Program, name string, v ir.Tensor) error {
	at, err := p.Input(name)
	if err != nil {
		return nil
	}
	if !at.Shape.Equal(v.Shape) {
		return fmt.Errorf("input %s is %v, its values %v", name, at.Shape, v.Shape)
	}
	for i, x := range v.Data {
		at.Set(i, x)
	}
	return nil
}

func gauss(r *rand.Rand, _ int) float64 { return r.NormFloat64() }

// normal is a floating-point input from the normal distribution.
func normal(shape ...int) Input { return Input{Shape: shape, Value: gauss} }

// positive is from 0.5 to 2.
func positive(shape ...int) Input {
	return Input{Shape: shape, Value: func(r *rand.Rand, _ int) float64 { return 0.5 + 1.5*r.Float64() }}
}

// away is normal but at least 0.05 from 0, where some functions have a kink.
func away(shape ...int) Input {
	return Input{Shape: shape, Value: func(r *rand.Rand, _ int) float64 {
		x := r.NormFloat64()
		return x + math.Copysign(0.05, x)
	}}
}

// around is normal around a mean.
func around(mean float64, shape ...int) Input {
	return Input{Shape: shape, Value: func(r *rand.Rand, _ int) float64 { return mean + r.NormFloat64() }}
}

// levels are whole numbers below n as floating point, so that there are ties.
func levels(n int, shape ...int) Input {
	return Input{Shape: shape, Value: func(r *rand.Rand, _ int) float64 { return float64(r.IntN(n)) }}
}

// always is one value.
func always(v float64, shape ...int) Input {
	return Input{Shape: shape, Value: func(*rand.Rand, int) float64 { return v }}
}

// ints are int32 from lo up to, not with, hi.
func ints(lo, hi int, shape ...int) Input {
	return Input{Shape: shape, DType: ir.I32, Value: func(r *rand.Rand, _ int) float64 {
		return float64(lo + r.IntN(hi-lo))
	}}
}

// shares are rows of positive numbers that sum to about 1.
func shares(shape ...int) Input {
	k := shape[len(shape)-1]
	return Input{Shape: shape, Value: func(r *rand.Rand, _ int) float64 { return 2 * r.Float64() / float64(k) }}
}
