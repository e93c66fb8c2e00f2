package masked

import (
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

// Of images whose sides differ the visible patches are shown as they are, hidden ones as nothing and then as what was
// painted; what is painted as PatchTarget has it becomes the image again.
func TestPictures(t *testing.T) {
	const h, w, c, patch = 4, 6, 3, 2
	x := golden.Tensor{Shape: []int{2, h, w, c}, Data: make([]float64, 2*h*w*c)}
	r := graph.Rand(5, "pixels")
	for i := range x.Data {
		x.Data[i] = r.NormFloat64()
	}
	hidden := golden.Tensor{Shape: []int{2, 6}, Data: []float64{1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0}}
	g, err := graph.Build(graph.Options{DType: ir.F64}, func(s *graph.Scope) {
		in := s.State("x", ongraph.Hold(x), x.Shape...)
		cover := s.State("hidden", ongraph.Hold(hidden), hidden.Shape...)
		for _, normalized := range []bool{false, true} {
			painted := inPixels(PatchTarget(in, patch, normalized), in, patch, normalized)
			for _, p := range pictures(in, painted, cover, patch) {
				s.Output(p.Name+map[bool]string{true: " normalized"}[normalized], p.Value)
			}
		}
		s.Output("negative", pictures(in, op.Neg(PatchTarget(in, patch, false)), cover, patch)[2].Value)
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(ref.Backend{}, graph.NewStore(1))
	if err == nil {
		err = p.Run()
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, of := range map[string]float64{"seen": 0, "painted": 1, "painted normalized": 1, "negative": -1} {
		for i, got := range ongraph.Read(t, p, name) {
			b, row, col := i/(h*w*c), i/(w*c)%h, i/c%w
			want := x.Data[i]
			if hidden.Data[b*6+row/patch*(w/patch)+col/patch] == 1 {
				want *= of
			}
			if diff := got - want; diff > 1e-12 || diff < -1e-12 {
				t.Fatalf("%s: number %d is %v, want %v", name, i, got, want)
			}
		}
	}
}
