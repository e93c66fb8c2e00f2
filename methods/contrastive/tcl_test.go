package contrastive

import (
	"fmt"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/layer"
	"selfsup/graph/optest"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// rowsOfTable is 10 rows of 5 numbers in the order of time.
func rowsOfTable() methods.Data { return methodtest.Data(feed.Field{Name: "view", Shape: []int{5}}) }

// The loss through a small MLP against central differences in float64.
func TestTCLGradients(t *testing.T) {
	optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
		b := methods.NewBatch(s, 6, rowsOfTable())
		m := &TCL{Segments: 4}
		return m.Build(s, methods.EncoderOf(&backbones.MLP{Widths: []int{6, 4}}, b.Of("view0")), b).Loss()
	}, nil, 8, 2e-5)
}

// The loss is the surprise at the segment in which a sample's row lies, by plain loops.
func TestTCLFormula(t *testing.T) {
	const b, width, segments = 4, 5, 3
	rows := []int32{9, 0, 4, 6}
	m := &TCL{Segments: segments}
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		numbers := methods.Encoder{Dim: width, New: func(*graph.Scope) layer.Func {
			return func(x *graph.Node) *graph.Node { return x }
		}}
		s.Output("loss", m.Build(s, numbers, methods.NewBatch(s, b, rowsOfTable())).Loss())
	})
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(1)
	p, err := g.Compile(cpu.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	h := p.Inputs()["view0"]
	optest.Fill(h, "view0")
	copy(p.Inputs()["rows"].I32, rows)
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	w, bias, want := st.Get("classifier/weight"), st.Get("classifier/bias"), 0.0
	for i, row := range rows {
		var scores []float64
		for k := range segments {
			sum := bias.At(k)
			for j := range width {
				sum += h.At(i*width+j) * w.At(j*segments+k)
			}
			scores = append(scores, sum)
		}
		want += (logSum(scores...) - scores[map[int32]int{0: 0, 4: 1, 6: 1, 9: 2}[row]]) / b
	}
	loss, err := p.Output("loss")
	if err != nil {
		t.Fatal(err)
	}
	close(t, "loss", loss.At(0), want)
	if got, want := fmt.Sprint(m.segments(10)), "[0 0 0 0 1 1 1 2 2 2]"; got != want {
		t.Errorf("three segments of ten samples: got %s, want %s", got, want)
	}
}

// More segments than samples, and fewer than two, are refused.
func TestTCLRefuses(t *testing.T) {
	wantError(t, (&TCL{Segments: 1}).Validate(), "segments: 1")
	_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 4, rowsOfTable())
		(&TCL{Segments: 11}).Build(s, methods.EncoderOf(backbones.DefaultMLP(), b.Of("view0")), b)
	})
	wantError(t, err, "segments = 11 of 10 training samples; want at most one a sample")
	if err := DefaultTCL().Validate(); err != nil {
		t.Error(err)
	}
}
