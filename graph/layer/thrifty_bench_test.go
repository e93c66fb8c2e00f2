package layer_test

import (
	"fmt"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// BenchmarkThrifty is what a block's attention costs forwards and backwards beside full attention: one sequence of
// 128 channels in 4 heads. The table of layer.Thrifty is of it.
func BenchmarkThrifty(b *testing.B) {
	for _, length := range []int{128, 512, 2048} {
		for _, o := range []*layer.Thrifty{nil, {Kind: "window", Size: 32}, {Kind: "linformer", Size: 64},
			{Kind: "performer", Size: 64}} {
			kind := "full"
			if o != nil {
				kind = o.Kind
			}
			b.Run(fmt.Sprintf("%d/%s", length, kind), func(b *testing.B) {
				g, err := graph.Build(graph.Options{Training: true}, func(s *scope) {
					block := layer.Block{Dim: 128, Heads: 4, Hidden: 1, Thrifty: o, Length: length}
					x := s.Param("x", graph.Normal(1), 1, length, 128)
					loss := op.SumAll(op.Square(block.New(s.In("block"), nil)(x)))
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
				for b.Loop() {
					if err := p.Run(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
