package contrastive

import (
	"testing"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

// The terms of single frames and of two cameras, of given triples, are those of the paper's formula.
func TestGoldenTCN(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "video/temporal_triplet"), true, func(c *ongraph.Case) {
		z := make([]*graph.Node, 2)
		for i, name := range []string{"view1", "view2"} {
			x := unit(c.In(name, golden.Same))
			z[i] = op.Reshape(x, 1, op.ShapeOf(x)[0], op.ShapeOf(x)[1])
		}
		at := func(name string, i int) int { return int(c.F.Inputs[name].Data[i]) }
		var single, multi [][3]int
		for i := range c.F.Inputs["anchor"].Data {
			a, n := at("anchor", i), at("negative", i)
			single = append(single, [3]int{a, at("positive", i), n})
			multi = append(multi, [3]int{a, a, n})
		}
		m := &TCN{Near: golden.Param[int](c.T, c.F, "positive_range"),
			Far:    golden.Param[int](c.T, c.F, "negative_range"),
			Margin: golden.Param[float64](c.T, c.F, "margin"), Cameras: 1}
		drawn := func(all, of [][3]int) {
			for _, o := range of {
				found := false
				for _, p := range all {
					found = found || p == o
				}
				if !found {
					c.T.Errorf("%d cameras: the triple %v is not among ours", m.Cameras, o)
				}
			}
		}
		frames := op.ShapeOf(z[0])[1]
		drawn(m.triples(frames), single)
		one, _ := m.triplets(c.Scope, z[0], z[0], single)
		m.Cameras = 2
		drawn(m.triples(frames), multi)
		two, _ := m.triplets(c.Scope, z[0], z[1], multi)
		c.Out("single_view", one, golden.Same)
		c.Out("multi_view", two, golden.Same)
		c.Out("loss", op.Add(one, two), golden.Same)
	})
}
