package experiment

import (
	"slices"
	"testing"

	"selfsup/graph"
	"selfsup/graph/op"
)

// Everything goes through the sum of a residual block, and not through its branches.
func TestPasses(t *testing.T) {
	_, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		x := g.Input("x", 4, 3)
		first := op.Relu(x)
		branch := op.Scale(op.Relu(op.Neg(first)), 2)
		sum := op.Add(first, branch)
		aside := op.Relu(g.Constant(1)) // does not depend on x
		y := op.Mul(sum, aside)
		if got, want := passes(x, y), []*graph.Node{first, sum, y}; !slices.Equal(got, want) {
			t.Errorf("passes %v, want %v", got, want)
		}
		g.Output("y", y)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLayerName(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string
	}{
		{[]string{"0/conv/weight"}, "0/conv"},
		{[]string{"blocks/3/norm1/weight", "blocks/3/attn/qkv/weight", "blocks/3/attn/proj/bias"}, "blocks/3"},
		{[]string{"patch/weight", "patch/bias", "position"}, "patch"},
		{[]string{"layer1/0/conv1/weight", "layer1/0/conv2/weight"}, "layer1/0"},
		{[]string{"blocks/1/w", "blocks/10/w"}, "blocks"},
		{nil, ""},
	} {
		if got := layerName(c.names); got != c.want {
			t.Errorf("%v: %q, want %q", c.names, got, c.want)
		}
	}
}
