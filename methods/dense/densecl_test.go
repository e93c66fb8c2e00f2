package dense

import (
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// Both terms, their sum and its gradients against the authors' code; correspondence included.
func TestGoldenDenseCL(t *testing.T) {
	f := golden.Load(t, "losses/densecl")
	ongraph.Check(t, f, true, func(c *ongraph.Case) {
		grid := func(x golden.Tensor) golden.Tensor { return golden.Permute(x, 0, 2, 1) } // [B,D,T]
		of := func(name string) sample {
			maps := c.In(name+"_backbone", golden.Image) // [B,h,w,C]
			at := op.ShapeOf(maps)
			return sample{op.Reshape(maps, at[0], at[1]*at[2], at[3]), c.In(name, golden.Same),
				c.In(name+"_grid", grid)}
		}
		m := &DenseCL{Temperature: golden.Param[float64](t, f, "temperature"), Dense: golden.Param[float64](t, f,
			"loss_lambda")}
		q, k := of("q"), of("k")
		k.whole, k.places = op.StopGradient(k.whole), op.StopGradient(k.places)
		terms := m.terms(c.Scope, q, k, op.StopGradient(c.In("queue", golden.Linear)),
			op.StopGradient(c.In("queue2", golden.Linear)))
		for _, term := range terms {
			c.Out(term.Name, op.Scale(term.Value, term.Weight), golden.Same)
		}
		c.Out("loss", methods.Objective{Terms: terms}.Loss(), golden.Same)
	})
}

// The loss through a small convolutional encoder against central differences in float64.
func TestGradients(t *testing.T) {
	net := &backbones.ConvNet{Widths: []int{4, 5}}
	for name, m := range map[string]*DenseCL{
		"half":                     {Projector: []int{6, 4}, Queue: 8, Temperature: 0.3, Momentum: 0.9, Dense: 0.5},
		"mostly places, one layer": {Projector: []int{4}, Queue: 5, Temperature: 0.3, Momentum: 0.9, Dense: 0.9},
	} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 4, methodtest.Images(12, 9, 2))
				return m.Build(s, methods.EncoderOf(net, b.Of("view0")), b).Loss()
			}, nil, 8, 2e-5)
		})
	}
}

// Encoders without maps, queues that are too short and settings that make no sense are refused.
func TestRefused(t *testing.T) {
	build := func(m *DenseCL, net backbones.Backbone) error {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 4, methodtest.Images(6, 6, 2))
			m.Build(s, methods.EncoderOf(net, b.Of("view0")), b)
		})
		return err
	}
	good := func() *DenseCL {
		return &DenseCL{Projector: []int{4}, Queue: 8, Temperature: 0.2, Momentum: 0.9, Dense: 0.5}
	}
	set := func(f func(*DenseCL)) error { m := good(); f(m); return m.Validate() }
	for want, err := range map[string]error{
		"the backbone has no feature maps": build(good(), &backbones.MLP{Widths: []int{4}}),
		"queue = 3 holds less than the 4 keys": build(&DenseCL{Projector: []int{4}, Queue: 3, Temperature: 0.2,
			Dense: 0.5}, &backbones.ConvNet{Widths: []int{4}}),
		"dense: 0: want a share above 0 and below 1": set(func(m *DenseCL) { m.Dense = 0 }),
		"temperature: 0: want a number above 0":      set(func(m *DenseCL) { m.Temperature = 0 }),
		"momentum: 2: want a number from 0 to 1":     set(func(m *DenseCL) { m.Momentum = 2 }),
		"queue: 0: want at least 1 key":              set(func(m *DenseCL) { m.Queue = 0 }),
		"projector: []: want at least one width":     set(func(m *DenseCL) { m.Projector = nil }),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := DefaultDenseCL().Validate(); err != nil {
		t.Error(err)
	}
}
