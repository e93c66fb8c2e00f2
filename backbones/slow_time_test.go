package backbones

import (
	"math"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
)

// A convolution over time is that of plain loops, clip by clip, and its gradient is the central difference.
func TestThreeFrames(t *testing.T) {
	const clips, frames, side, in, out = 2, 4, 2, 3, 2
	pixels := make([]float64, clips*frames*side*side*in)
	for i := range pixels {
		pixels[i] = math.Sin(float64(3 * i))
	}
	build := func(s *graph.Scope) *graph.Node {
		return threeFrames(s, in, out, frames)(s.Floats("x", pixels, clips*frames, side, side, in))
	}
	g, err := graph.Build(graph.Options{DType: ir.F64}, func(s *graph.Scope) { s.Output("y", build(s)) })
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(1)
	p, err := g.Compile(ref.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	y, err := p.Output("y")
	if err != nil {
		t.Fatal(err)
	}
	w := st.Get("weight").F64 // [3,1,in,out]
	for i, got := range y.F64 {
		o, place, image := i%out, i/out%(side*side), i/out/(side*side)
		clip, f := image/frames, image%frames
		want := 0.0
		for k := range 3 {
			if at := f + k - 1; at >= 0 && at < frames {
				for c := range in {
					want += w[(k*in+c)*out+o] * pixels[((clip*frames+at)*side*side+place)*in+c]
				}
			}
		}
		if math.Abs(got-want) > 1e-12 {
			t.Fatalf("frame %d of clip %d, place %d, channel %d is %v, want %v", f, clip, place, o, got, want)
		}
	}
	optest.CheckGradients(t, func(s *graph.Scope) *graph.Node { return op.MeanAll(op.Square(build(s))) }, nil, 8, 1e-6)
}
