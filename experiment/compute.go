package experiment

import (
	"context"
	"fmt"

	"selfsup/datasets/feed"
	"selfsup/encoder"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
)

// computeBatch is how many samples a job's network reads at once: its output may be as large as a training step's.
const computeBatch = 32

// Compute implements methods.Host.
func (h *host) Compute(ctx context.Context, n int, build func(s *graph.Scope, b *methods.Batch) *graph.Node) ([]float32,
	error) {
	s := h.r.Setup
	maker := s.Kind.Evaluation(s.Seen)
	var wants []string
	g, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		b := methods.NewBatch(g, computeBatch, methods.Data{Maker: maker, Samples: s.Seen.Len()})
		g.Output(encoder.Output, op.Affine(build(g, b), 1, 0))
		wants = b.Wants()
	})
	if err != nil {
		return nil, err
	}
	p, err := g.CompileOver(s.Device, h.r.Store)
	if err != nil {
		return nil, err
	}
	out, err := p.Output(encoder.Output)
	if err != nil {
		return nil, err
	}
	all := s.Seen.Len()
	n = min(n, all)
	width := out.Shape.Size() / computeBatch
	result := make([]float32, 0, n*width)
	for from := 0; from < n; from += computeBatch {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		var rows []int32
		for i := from; i < min(from+computeBatch, n); i++ {
			rows = append(rows, int32(i*all/n))
		}
		for _, name := range wants {
			in, err := p.Input(name)
			if err != nil { // asked for, and not read
				continue
			}
			clear(in.F32)
			clear(in.I32)
			if err := feed.Fill(maker, name, feed.Slot{F32: in.F32, I32: in.I32}, rows,
				uint64(s.Recipe.Seed)); err != nil {
				return nil, &DataError{fmt.Errorf("%s: %w", name, err)}
			}
		}
		if err := p.Run(); err != nil {
			return nil, err
		}
		result = append(result, out.F32[:len(rows)*width]...)
	}
	return result, nil
}
