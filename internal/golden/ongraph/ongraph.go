// Package ongraph checks golden fixtures on graphs: the fixture's tensors become nodes, a function writes the
// counterpart, and its outputs and gradients are held against the file's, in float64 on the reference backend and in
// float32 on the processor, and on the device that SELFSUP_GOLDEN_DEVICE names if it is set.
package ongraph

import (
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/device"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
)

// Case is a fixture while its counterpart is being written.
type Case struct {
	*graph.Scope
	T    *testing.T
	F    *golden.Fixture
	outs []result
	vars []variable
	loss *graph.Node
	by   map[string]*graph.Node // losses that single inputs are differentiated by instead
}

type result struct {
	name string
	want golden.Tensor // in our layout
}

type variable struct {
	name   string
	node   *graph.Node
	layout golden.Layout
}

// In is a float input of the fixture in our layout, by which the loss is differentiated if the file says so.
func (c *Case) In(name string, layout golden.Layout) *graph.Node { return c.As(name, name, layout) }

// As is In for the parameter of a layer: it is declared under the path that the layer will look for it at.
func (c *Case) As(path, name string, layout golden.Layout) *graph.Node {
	x, ok := c.F.Inputs[name]
	if !ok {
		c.T.Fatalf("%s has no input %q", c.F.Name, name)
	}
	n := c.Param(path, Hold(layout(x)), layout(x).Shape...)
	c.vars = append(c.vars, variable{name, n, layout})
	return n
}

// Ints is an integer input of the fixture as one row [N].
func (c *Case) Ints(name string) *graph.Node {
	x, ok := c.F.Inputs[name]
	if !ok {
		c.T.Fatalf("%s has no input %q", c.F.Name, name)
	}
	v := make([]int32, len(x.Data))
	for i, d := range x.Data {
		v[i] = int32(d)
	}
	return c.Scope.Ints(name, v)
}

// Hold fills a parameter with a tensor of its shape.
func Hold(x golden.Tensor) graph.Init {
	return func(a ir.Array, _ *rand.Rand) {
		for i, v := range x.Data {
			a.Set(i, v)
		}
	}
}

// Out says that a node is an output of the fixture; the one named loss is differentiated.
func (c *Case) Out(name string, n *graph.Node, layout golden.Layout) {
	x, ok := c.F.Outputs[name]
	if !ok {
		c.T.Fatalf("%s has no output %q", c.F.Name, name)
	}
	if name == "loss" {
		c.loss = n
	}
	want := layout(x)
	if got := op.ShapeOf(n); !got.Equal(want.Shape) {
		c.T.Fatalf("%s: %s has shape %v, want %v", c.F.Name, name, got, want.Shape)
	}
	c.Output("output/"+name, n)
	c.outs = append(c.outs, result{name, want})
}

// Y says that a node is the output y of a layer, and makes the loss of it: the sum of y times the given upstream
// gradient.
func (c *Case) Y(y *graph.Node, layout golden.Layout) {
	c.Out("y", y, layout)
	dy, ok := c.F.Inputs["grad_output"]
	if !ok {
		c.T.Fatalf("%s has no input grad_output", c.F.Name)
	}
	c.Out("loss", op.SumAll(op.Mul(y, c.State("grad_output", Hold(layout(dy)), layout(dy).Shape...))), golden.Same)
}

// GradientOf says that the gradient of one input is that of another form of the loss, since ours detaches it there.
func (c *Case) GradientOf(name string, loss *graph.Node) {
	if c.by == nil {
		c.by = map[string]*graph.Node{}
	}
	c.by[name] = loss
}

// judged is a backend whose numbers are compared with a file's.
type judged struct {
	name    string
	dtype   ir.DType
	backend ir.Backend
}

// opened is the device that SELFSUP_GOLDEN_DEVICE names, such as cuda, on which the counterparts run too.
var opened = func() func(name string) (device.Device, error) {
	var once sync.Once
	var d device.Device
	var err error
	return func(name string) (device.Device, error) {
		once.Do(func() { d, err = device.Open(name, device.Options{}) })
		return d, err
	}
}()

// Check builds the counterpart in both element types and compares every output it declared, the gradient of every input
// that the file has one for, and that inputs behind a stopped gradient get none. training is the mode of layers. build
// may Skip c.T.
func Check(t *testing.T, f *golden.Fixture, training bool, build func(c *Case)) {
	t.Helper()
	skipped := false
	backends := []judged{{"float64", ir.F64, ref.Backend{}}, {"float32", ir.F32, cpu.Backend{Poison: true}}}
	if name := os.Getenv("SELFSUP_GOLDEN_DEVICE"); name != "" {
		d, err := opened(name)
		if err != nil {
			t.Fatal(err)
		}
		backends = append(backends, judged{name, ir.F32, d})
	}
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			defer func() { skipped = skipped || t.Skipped() }()
			c := &Case{T: t, F: f}
			g, err := graph.Build(graph.Options{DType: b.dtype, Training: training}, func(s *graph.Scope) {
				c.Scope = s
				build(c)
				c.differentiate()
			})
			if err != nil {
				t.Fatal(err)
			}
			p, err := g.Compile(b.backend, graph.NewStore(1))
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
			for _, o := range c.outs {
				golden.Compare(t, o.name, Read(t, p, "output/"+o.name), o.want, f.Tolerance(b.dtype == ir.F32,
					f.Check.Output))
			}
			for _, v := range c.vars {
				if want, ok := f.Grads[v.name]; ok {
					golden.Compare(t, "d loss / d "+v.name, Read(t, p, "gradient/"+v.name), v.layout(want),
						f.Tolerance(b.dtype == ir.F32, f.Check.Grad))
				}
			}
		})
	}
	if skipped {
		t.SkipNow()
	}
}

// differentiate declares the gradients that the file has, and fails where one is missing or should be. A file may have
// neither a loss nor gradients.
func (c *Case) differentiate() {
	if _, has := c.F.Outputs["loss"]; !has && len(c.F.Grads) == 0 {
		return
	}
	if c.loss == nil {
		c.T.Fatalf("%s: the counterpart declares no loss", c.F.Name)
	}
	for name := range c.F.Grads {
		if !slices.ContainsFunc(c.vars, func(v variable) bool { return v.name == name }) {
			c.T.Fatalf("%s: the counterpart does not read %s, which has a gradient", c.F.Name, name)
		}
	}
	wrt := make([]*graph.Node, len(c.vars))
	for i, v := range c.vars {
		wrt[i] = v.node
	}
	for i, d := range c.Gradients(c.loss, wrt) {
		name := c.vars[i].name
		_, want := c.F.Grads[name]
		if l := c.by[name]; l != nil {
			d = c.Gradients(l, wrt[i:i+1])[0]
		}
		switch {
		case want && d == nil:
			c.T.Errorf("%s: no gradient reaches %s", c.F.Name, name)
		case want:
			c.Output("gradient/"+name, d)
		case d != nil && slices.Contains(c.F.StopGradient, name):
			c.T.Errorf("%s: a gradient reaches %s, which the reference detaches", c.F.Name, name)
		}
	}
}

// Read is an output of a program as float64.
func Read(t testing.TB, p *graph.Program, name string) []float64 {
	t.Helper()
	a, err := p.Output(name)
	if err != nil {
		t.Fatal(err)
	}
	v := make([]float64, a.Shape.Size())
	for i := range v {
		v[i] = a.At(i)
	}
	return v
}
