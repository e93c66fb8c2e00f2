package tabular_test

import (
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/methods/tabular"
)

// TestGoldenSCARF compares the corruption and the loss with the paper's algorithm, and the peer's step, which corrupts
// and compares in another way, with the same parts: its corruption is Replace with another mask and other values, its
// loss SimCLR's.
func TestGoldenSCARF(t *testing.T) {
	golden.Each(t, "tabular", map[string]func(*ongraph.Case){
		"scarf_ntxent": func(c *ongraph.Case) {
			z := op.Concat(0, c.In("z_i", golden.Same), c.In("z_j", golden.Same))
			c.Out("loss", losses.NTXent(c.Scope, z, golden.Param[float64](c.T, c.F, "temperature")), golden.Same)
		},
		"scarf_paper": func(c *ongraph.Case) {
			train, index := c.F.Inputs["train"], c.F.Inputs["index"]
			var other []float64 // every column from the row of its own that index names
			for i, row := range index.Data {
				other = append(other, train.Data[int(row)*train.Shape[1]+i%train.Shape[1]])
			}
			x := c.In("x", golden.Same)
			chosen := op.Less(c.In("u_mask", golden.Same),
				c.Constant(golden.Param[float64](c.T, c.F, "corruption_rate")))
			corrupted := tabular.Replace(x, c.Floats("other", other, index.Shape...), chosen)
			c.Out("mask", chosen, golden.Same)
			c.Out("x_corrupted", corrupted, golden.Same)
			w, b := c.In("w", golden.Linear), c.In("b", golden.Same)
			encode := func(x *graph.Node) *graph.Node { return op.Tanh(op.Add(op.MatMul(x, w, false, false), b)) }
			tau := golden.Param[float64](c.T, c.F, "temperature")
			c.Out("loss", losses.InfoNCE(c.Scope, encode(x), encode(corrupted), nil, tau), golden.Same)
		},
		"scarf_step": func(c *ongraph.Case) {
			x, low, high := c.In("x", golden.Same), c.In("low", golden.Same), c.In("high", golden.Same)
			chosen := op.Greater(c.In("u_mask", golden.Same),
				c.Constant(golden.Param[float64](c.T, c.F, "corruption_rate")))
			corrupted := tabular.Replace(x, op.Add(low, op.Mul(c.In("u_marginal", golden.Same), op.Sub(high, low))),
				chosen)
			c.Out("corruption_mask", chosen, golden.Same)
			c.Out("x_corrupted", corrupted, golden.Same)
			var layers []layer.Func
			for _, part := range []string{"encoder", "pretraining_head"} {
				layers = append(layers, linear(c, part+".0"), norm(c, part+".1"), layer.Relu, linear(c, part+".4"))
			}
			embed := layer.Chain(layers...)
			a, b := embed(x), embed(corrupted)
			c.Out("embeddings", a, golden.Same)
			c.Out("embeddings_corrupted", b, golden.Same)
			tau := golden.Param[float64](c.T, c.F, "temperature")
			c.Out("loss", losses.NTXent(c.Scope, op.Concat(0, a, b), tau), golden.Same)
		},
	}, func(t *testing.T, f *golden.Fixture, build func(*ongraph.Case)) { ongraph.Check(t, f, true, build) })
}

func linear(c *ongraph.Case, name string) layer.Func {
	w, b := c.In(name+".weight", golden.Linear), c.In(name+".bias", golden.Same)
	return func(x *graph.Node) *graph.Node { return op.Add(op.MatMul(x, w, false, false), b) }
}

func norm(c *ongraph.Case, name string) layer.Func {
	gamma, beta := c.In(name+".weight", golden.Same), c.In(name+".bias", golden.Same)
	eps := golden.Param[float64](c.T, c.F, "bn_eps")
	return func(x *graph.Node) *graph.Node {
		mean := op.Mean(x, true, 0)
		d := op.Sub(x, mean)
		return op.Add(op.Mul(op.Div(d, op.Sqrt(op.Shift(op.Mean(op.Square(d), true, 0), eps))), gamma), beta)
	}
}

func TestSCARFErrors(t *testing.T) {
	build := func(m *tabular.SCARF, d methods.Data) error {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 2, d)
			m.Build(s, methods.EncoderOf(&backbones.MLP{Widths: []int{4}}, b.Of("view0")), b)
		})
		return err
	}
	if err := build(tabular.DefaultSCARF(), mixedRows()); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"images", build(tabular.DefaultSCARF(), methodtest.Images(4, 4, 1)),
			`asks the data for marginal: test data have no field "marginal"`},
		{"nothing", build(&tabular.SCARF{Corrupt: 0.2, Projector: []int{4}, Temperature: 1}, mixedRows()),
			"corrupt = 0.2 of 4 columns is none"},
		{"corrupt", (&tabular.SCARF{Corrupt: 1.5, Projector: []int{4}, Temperature: 1}).Validate(),
			"1.5: want a share of the columns"},
		{"temperature", (&tabular.SCARF{Corrupt: 0.5, Projector: []int{4}}).Validate(), "0: want a number above 0"},
		{"projector", (&tabular.SCARF{Corrupt: 0.5, Temperature: 1}).Validate(), "[]: want at least one width"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, c.err, c.want)
		}
	}
}
