package dense

import (
	"fmt"
	"testing"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

// Assignments, loss and its gradients against the authors' code, with the boxes of the file.
func TestGoldenLeopart(t *testing.T) {
	f := golden.Load(t, "dense/leopart_spatial_loss")
	param := func(key string) float64 { return golden.Param[float64](t, f, key) }
	ongraph.Check(t, f, true, func(c *ongraph.Case) {
		m := &Leopart{Temperature: param("temperature"), Epsilon: param("epsilon"),
			Iterations: golden.Param[int](t, f, "sinkhorn_iterations"),
			Align:      golden.Param[int](t, f, "roi_align_kernel_size")}
		const n = 2
		crops := func(name string, count, side int) (list []*graph.Node) {
			x := c.In(name, golden.Same)
			k := op.ShapeOf(x).Last()
			for v := range count {
				rows := op.Slice(x, 0, v*n*side*side, (v+1)*n*side*side)
				list = append(list, op.Reshape(rows, n, side, side, k))
			}
			return list
		}
		said := crops("teacher", 2, 4)
		given := append(crops("student_global", 2, 4), crops("student_local", 1, 2)...)
		box := func(name string, side float64, first, second int) *graph.Node { // [B,first,second,4], pixels
			of, edges := f.Inputs[name], []float64{}
			for b := range n {
				at := ((b*of.Shape[1]+first)*of.Shape[2] + second) * 4
				for _, e := range of.Data[at : at+4] {
					edges = append(edges, e/param("patch_size")/side)
				}
			}
			return c.Floats(fmt.Sprint(name, first, second), edges, n, 4)
		}
		both := func(i, v int) overlap {
			return overlap{first: box("boxes_gc", 4, i, v), second: box("boxes_all", []float64{4, 4, 2}[v], v, i)}
		}
		loss, codes := m.loss(c.Scope, said, given, nil, both)
		c.Out("assignments_crop0", codes[0], golden.Same)
		c.Out("loss", loss, golden.Same)
	})
}
