package heads_test

import (
	"fmt"
	"testing"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

// The head's values and gradients are those of DINO's code.
func TestGoldenDINO(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "layers/dino_head"), true, func(c *ongraph.Case) {
		x, h := c.In("x", golden.Same), heads.DINO{Gain: !golden.Param[bool](c.T, c.F, "norm_last_layer")}
		for ; ; h.Layers++ {
			theirs, ours := fmt.Sprintf("mlp.%d.", 2*h.Layers), fmt.Sprintf("mlp/%d/", h.Layers)
			if _, more := c.F.Inputs[theirs+"weight"]; !more {
				break
			}
			h.Hidden, h.Bottleneck = h.Bottleneck, op.ShapeOf(c.As(ours+"weight", theirs+"weight", golden.Linear))[1]
			c.As(ours+"bias", theirs+"bias", golden.Same)
		}
		h.K = op.ShapeOf(c.As("last/weight", "last_layer.weight_v", golden.Same))[0]
		if h.Gain {
			c.As("last/gain", "last_layer.weight_g", golden.Same)
		}
		c.Y(h.New(c.Scope, op.ShapeOf(x).Last())(x), golden.Same)
	})
}

// The head has the parameters that its settings say: one layer is linear, and a gain only where it is asked for.
func TestDINOParameters(t *testing.T) {
	for _, c := range []struct {
		head heads.DINO
		want string
	}{
		{heads.DINO{Layers: 1, Hidden: 9, Bottleneck: 3, K: 7}, "mlp/0/weight[5,3] mlp/0/bias[3] last/weight[7,3] "},
		{heads.DINO{Layers: 2, Hidden: 9, Bottleneck: 3, K: 7, Gain: true},
			"mlp/0/weight[5,9] mlp/0/bias[9] mlp/1/weight[9,3] mlp/1/bias[3] last/weight[7,3] last/gain[7,1] "},
		{heads.DINO{Layers: 2, Hidden: 9, Bottleneck: 3, K: 7, Norm: true},
			"mlp/0/weight[5,9] mlp/0/bias[9] mlp/0/norm/weight[9] " +
				"mlp/0/norm/bias[9] mlp/1/weight[9,3] mlp/1/bias[3] last/weight[7,3] "},
	} {
		_, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
			if y := op.ShapeOf(c.head.New(s, 5)(s.Input("x", 2, 5))); y[0] != 2 || y[1] != 7 {
				t.Errorf("%+v gives %v, want [2,7]", c.head, y)
			}
			got := ""
			for _, p := range s.Params() {
				got += s.Name(p) + op.ShapeOf(p).String() + " "
			}
			if got != c.want {
				t.Errorf("%+v has %s, want %s", c.head, got, c.want)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
