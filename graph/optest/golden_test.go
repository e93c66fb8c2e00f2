package optest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

// TestGoldenComposites holds layers that are written here from many operations against the reference's: they put
// transposes, stacked products and views of views together as no single operation's fixture does.
func TestGoldenComposites(t *testing.T) {
	names, checked := golden.Names(t, "layers"), 0
	for name, build := range map[string]func(c *ongraph.Case){
		"layers/attention_qkv_fused": func(c *ongraph.Case) {
			y, attn := attention(c, c.In("x", golden.Same), "")
			c.Y(y, golden.Same)
			c.Out("attn", attn, golden.Same)
		},
		"layers/vit_block":     func(c *ongraph.Case) { c.Y(transformerBlock(c, c.In("x", golden.Same)), golden.Same) },
		"layers/pixel_shuffle": func(c *ongraph.Case) { c.Y(pixelShuffle(c, c.In("x", golden.Image)), golden.Image) },
	} {
		if !slices.Contains(names, name) {
			continue
		}
		checked++
		t.Run(name, func(t *testing.T) { ongraph.Check(t, golden.Load(t, name), true, build) })
	}
	fmt.Printf("golden layers, composites: checked %d\n", checked)
}

// linear is x [...,in] times the fixture's at+weight, plus at+bias.
func linear(c *ongraph.Case, x *op.Node, at string) *op.Node {
	w, s := c.In(at+"weight", golden.Linear), op.ShapeOf(x)
	y := op.Add(op.MatMul(op.Reshape(x, -1, s.Last()), w, false, false), c.In(at+"bias", golden.Same))
	return op.Reshape(y, append(slices.Clone(s[:len(s)-1]), op.ShapeOf(w).Last())...)
}

// attention is multi-head self-attention of x [B,T,D], and its weights [B,heads,T,T].
func attention(c *ongraph.Case, x *op.Node, at string) (y, attn *op.Node) {
	heads := golden.Param[int](c.T, c.F, "num_heads")
	s := op.ShapeOf(x)
	b, n, d := s[0], s[1], s[2]
	qkv := op.Reshape(linear(c, x, at+"qkv."), b, n, 3, heads, d/heads)
	qkv = op.Transpose(qkv, 2, 0, 3, 1, 4) // [3,B,heads,T,D/heads]
	q, k, v := op.Row(qkv, 0), op.Row(qkv, 1), op.Row(qkv, 2)
	attn = op.Softmax(op.Scale(op.MatMul(q, k, false, true), 1/math.Sqrt(float64(d/heads))))
	o := op.Transpose(op.MatMul(attn, v, false, false), 0, 2, 1, 3) // [B,T,heads,D/heads]
	return linear(c, op.Reshape(o, b, n, d), at+"proj."), attn
}

// transformerBlock is the pre-norm block of a ViT.
func transformerBlock(c *ongraph.Case, x *op.Node) *op.Node {
	norm := func(x *op.Node, at string) *op.Node {
		return op.LayerNorm(x, c.In(at+".weight", golden.Same), c.In(at+".bias", golden.Same),
			golden.Param[float64](c.T, c.F, "eps"))
	}
	a, _ := attention(c, norm(x, "norm1"), "attn.")
	x = op.Add(x, a)
	return op.Add(x, linear(c, op.Gelu(linear(c, norm(x, "norm2"), "mlp.fc1.")), "mlp.fc2."))
}

// pixelShuffle is [B,H,W,C*r*r] -> [B,H*r,W*r,C], the channel index first as in PyTorch.
func pixelShuffle(c *ongraph.Case, x *op.Node) *op.Node {
	r, s := golden.Param[int](c.T, c.F, "factor"), op.ShapeOf(x)
	channels := s[3] / (r * r)
	y := op.Transpose(op.Reshape(x, s[0]*s[1], s[2], channels, r, r), 0, 3, 1, 4, 2) // [B*H,r,W,r,C]
	return op.Reshape(y, s[0], s[1]*r, s[2]*r, channels)
}
