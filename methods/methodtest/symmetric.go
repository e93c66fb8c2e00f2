package methodtest

import (
	"math"
	"slices"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/ir"
	"selfsup/graph/optest"
	"selfsup/methods"
)

// Swapped checks that exchanging the two views of every sample leaves the loss of a method as it is; Reordered checks
// that the order of the samples does. Both are of the first step, through a small convolutional encoder.
func Swapped(t *testing.T, m methods.Method, d methods.Data) {
	t.Helper()
	same(t, m, d, "the views exchanged", func(in map[string]ir.Array) {
		a, b := in["view0"], in["view1"]
		for i := range a.F32 {
			a.F32[i], b.F32[i] = b.F32[i], a.F32[i]
		}
	})
}

// Reordered is described at Swapped. The last sample comes first.
func Reordered(t *testing.T, m methods.Method, d methods.Data) {
	t.Helper()
	same(t, m, d, "the samples in another order", func(in map[string]ir.Array) {
		for _, a := range in {
			if len(a.Shape) == 0 || a.Shape[0] != symmetricBatch {
				continue
			}
			n := a.Shape.Size() / symmetricBatch
			if a.F32 != nil {
				copy(a.F32, slices.Concat(a.F32[len(a.F32)-n:], a.F32[:len(a.F32)-n]))
			} else {
				copy(a.I32, slices.Concat(a.I32[len(a.I32)-n:], a.I32[:len(a.I32)-n]))
			}
		}
	})
}

const symmetricBatch = 6

// same compares the loss of random inputs with that of changed ones.
func same(t *testing.T, m methods.Method, d methods.Data, how string, change func(in map[string]ir.Array)) {
	t.Helper()
	run := func(change func(in map[string]ir.Array)) float64 {
		g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, symmetricBatch, d)
			s.Output("loss", m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4, 6}}, b.Of("view0")),
				b).Loss())
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Compile(device.Host(), graph.NewStore(1))
		if err != nil {
			t.Fatal(err)
		}
		for name, a := range p.Inputs() {
			optest.Fill(a, name)
		}
		change(p.Inputs())
		p.Schedule(graph.Time{Steps: 10, PerEpoch: 5})
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		loss, err := p.Output("loss")
		if err != nil {
			t.Fatal(err)
		}
		return loss.At(0)
	}
	want, got := run(func(map[string]ir.Array) {}), run(change)
	if !(math.Abs(got-want) <= 2e-5*max(1, math.Abs(want))) {
		t.Errorf("%s: the loss is %v, want %v", how, got, want)
	}
}
