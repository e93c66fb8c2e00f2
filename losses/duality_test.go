package losses_test

import (
	"math"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
	"selfsup/losses"
)

// Squared products of different rows, which contrastive methods push down, and squared products of different columns,
// which methods on the covariance push down, add up to the same number up to the lengths of rows and columns: section
// 3 of Garrido et al. 2023, arXiv:2206.02574. With columns of mean 0 the latter is Decorrelation.
func TestContrastiveAndCovarianceAreDual(t *testing.T) {
	for _, size := range [][2]int{{7, 4}, {4, 7}, {6, 6}} {
		n, d := size[0], size[1]
		g, err := graph.Build(graph.Options{DType: ir.F64, Training: true}, func(s *graph.Scope) {
			z := losses.Centred(s.Random("z").Normal(n, d))
			lengths := func(axis int) *graph.Node {
				return op.SumAll(op.Square(op.SumAxes(op.Square(z), false, axis)))
			}
			s.Output("rows", op.Add(op.SumAll(op.Square(op.OffDiagonal(op.Gram(z)))), lengths(1)))
			columns := op.Scale(losses.Decorrelation(z), float64(d)*float64(n-1)*float64(n-1))
			s.Output("columns", op.Add(columns, lengths(0)))
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Compile(ref.Backend{}, graph.NewStore(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		rows, err := p.Output("rows")
		if err != nil {
			t.Fatal(err)
		}
		columns, err := p.Output("columns")
		if err != nil {
			t.Fatal(err)
		}
		if a, b := rows.At(0), columns.At(0); !(math.Abs(a-b) <= 1e-12*a) {
			t.Errorf("%d embeddings of %d dimensions: by rows %v, by columns %v", n, d, a, b)
		}
	}
}
