//go:build unix

package layer_test

import (
	"fmt"
	"syscall"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// BenchmarkMasked is what self-attention with masks and biases costs forwards and backwards as one operation, and by
// products and a softmax of its weights. The two run in turn, and the least processor time of each is told, which a
// busy machine hardly moves.
func BenchmarkMasked(b *testing.B) {
	for _, c := range []struct {
		name              string
		batch, t, n, d, g int // images, tokens, heads and their channels, windows of an image
		keys, bias        bool
		causal            bool
	}{
		{"ViT-Tiny, 65 tokens, relative", 16, 65, 3, 64, 1, false, true, false},
		{"ViT-Tiny, 197 tokens, relative", 4, 197, 3, 64, 1, false, true, false},
		{"Swin, 64 windows of 49, relative", 64, 49, 3, 32, 1, false, true, false},
		{"Swin, 128 windows of 49, shifted", 128, 49, 3, 32, 64, false, true, false},
		{"BERT-small, 128 words, padding", 2, 128, 8, 64, 1, true, false, false},
		{"BERT-small, 256 words, causal", 2, 256, 8, 64, 1, false, false, true},
		{"BERT-small, 1024 words, causal", 1, 1024, 1, 64, 1, false, false, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			program := func(fused bool) *graph.Program {
				g, err := graph.Build(graph.Options{Training: true}, func(s *scope) {
					x := s.Param("x", graph.Normal(1), c.batch, c.t, 3, c.n, c.d)
					m := layer.Mask{Causal: c.causal}
					if c.keys {
						m.Keys = s.Input("keys", c.batch, c.t)
					}
					if c.bias {
						m.Bias = s.Param("bias", graph.Normal(1), c.g, c.n, c.t, c.t)
					}
					var y *op.Node
					if fused {
						y = layer.AttendPacked(s, x, m)
					} else {
						part := func(i int) *op.Node {
							return op.Reshape(op.Slice(x, 2, i, i+1), c.batch, c.t, c.n, c.d)
						}
						y = layer.Attend(s, part(0), part(1), part(2), m)
					}
					loss := op.SumAll(op.Square(y))
					for i, d := range s.Gradients(loss, s.Params()) {
						s.Output(fmt.Sprint(i), d)
					}
				})
				if err != nil {
					b.Fatal(err)
				}
				p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
				if err != nil {
					b.Fatal(err)
				}
				return p
			}
			programs, least := []*graph.Program{program(false), program(true)}, []float64{1e9, 1e9}
			for b.Loop() {
				for i, p := range programs {
					begin := processorTime()
					if err := p.Run(); err != nil {
						b.Fatal(err)
					}
					least[i] = min(least[i], processorTime()-begin)
				}
			}
			b.ReportMetric(least[0]*1e3, "apart-ms")
			b.ReportMetric(least[1]*1e3, "one-ms")
			b.ReportMetric(least[0]/least[1], "times-as-fast")
		})
	}
}

// processorTime is what the process has taken so far, seconds.
func processorTime() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
