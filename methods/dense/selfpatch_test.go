package dense

import (
	"slices"
	"testing"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/distillation"
)

// Both terms, their sum, its gradients and the centres after a step against the authors' code.
func TestGoldenSelfPatch(t *testing.T) {
	f := golden.Load(t, "dense/selfpatch_loss")
	param := func(key string) float64 { return golden.Param[float64](t, f, key) }
	ongraph.Check(t, f, true, func(c *ongraph.Case) {
		rows := func(name string) *graph.Node {
			x := c.In(name, golden.Same)
			return op.Reshape(x, -1, op.ShapeOf(x).Last())
		}
		of := func(who string) named {
			return named{[]*graph.Node{rows(who + "_cls_global"), rows(who + "_cls_local")},
				[]*graph.Node{rows(who + "_loc_global"), rows(who + "_loc_local")}}
		}
		m := &SelfPatch{DINO: distillation.DINO{Temperature: param("student_temp")}, Patches: 0.1}
		answers, said := of("student"), of("teacher")
		centre, centre2 := c.In("center", golden.Same), c.In("patch_center", golden.Same)
		k, l := op.ShapeOf(centre).Last(), op.ShapeOf(centre2).Last()
		now, now2 := op.Reshape(op.StopGradient(centre), k), op.Reshape(op.StopGradient(centre2), l)
		whole, patches, _ := m.terms(answers, said, now, now2, c.Constant(param("teacher_temp")), 2, 2)
		c.Out("cls", whole, golden.Same)
		c.Out("patch", patches, golden.Same)
		c.Out("loss", methods.Objective{Terms: []methods.Term{{Weight: 1, Value: whole},
			{Weight: m.Patches, Value: patches}}}.Loss(), golden.Same)
		next := func(name string, centre *graph.Node, y []*graph.Node, shape ...int) {
			c.Out(name, op.Reshape(losses.NextCentre(c.Scope, centre, op.Concat(0, y...), param("center_momentum")),
				shape...), golden.Same)
		}
		next("center_after", now, said.class, 1, 1, k)
		next("patch_center_after", now2, said.patches, 1, l)
	})
}

// Neighbourhoods, the most similar of them and their mean are the authors'.
func TestGoldenSelfPatchNeighbours(t *testing.T) {
	f := golden.Load(t, "dense/selfpatch_neighbours")
	ids := f.Outputs["local_index"]
	got := around(4, 4)
	for i, v := range ids.Data {
		if got[i] != int32(v) {
			t.Fatalf("neighbours %v, want %v", got, ids.Data)
		}
	}
	ongraph.Check(t, f, false, func(c *ongraph.Case) {
		m := &SelfPatch{Neighbours: golden.Param[int](t, f, "k_num")}
		x := op.StopGradient(c.In("x", golden.Same))
		n, tokens, d := op.ShapeOf(x)[0], op.ShapeOf(x)[1], op.ShapeOf(x)[2]
		near := op.GatherTokens(x, op.Reshape(c.Scope.Ints("ids", slices.Repeat(got, n)), n, -1))
		at := m.mostAlike(x, near)
		all := op.Reshape(c.Scope.Ints("ids", slices.Repeat(got, n)), n*tokens, neighbourhood, 1)
		chosen := c.Scope.Float(op.Reshape(op.GatherTokens(all, at), n, tokens, -1))
		c.Out("neighbours", chosen, golden.Same)
		mean := op.Mean(m.nearest(c.Scope, x, 4, 4), false, 1)
		c.Out("neighbour_features_mean", op.Reshape(mean, n, tokens, d), golden.Same)
	})
}
