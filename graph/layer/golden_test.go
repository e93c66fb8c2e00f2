package layer_test

import (
	"math"
	"strings"
	"testing"

	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

// weights declares the fixture's parameters where a layer looks for them: attn.qkv.weight at attn/qkv/weight.
func weights(c *ongraph.Case) {
	for name, x := range c.F.Inputs {
		if !strings.HasSuffix(name, ".weight") && !strings.HasSuffix(name, ".bias") {
			continue
		}
		layout := golden.Same
		if len(x.Shape) == 2 {
			layout = golden.Linear
		}
		c.As(strings.ReplaceAll(name, ".", "/"), name, layout)
	}
}

func heads(c *ongraph.Case, x *op.Node) (dim, n int) {
	return op.ShapeOf(x).Last(), golden.Param[int](c.T, c.F, "num_heads")
}

// TestGolden compares the layers of transformers with the reference's; what else the group holds is checked elsewhere.
func TestGolden(t *testing.T) {
	for name, build := range map[string]func(c *ongraph.Case){
		"layers/attention_qkv_fused": func(c *ongraph.Case) {
			weights(c)
			x := c.In("x", golden.Same)
			dim, n := heads(c, x)
			c.Y(layer.Attention(c.Scope, dim, n)(x), golden.Same)
		},
		"layers/vit_block": func(c *ongraph.Case) {
			if eps, ratio := golden.Param[float64](c.T, c.F, "eps"), golden.Param[float64](c.T, c.F, "mlp_ratio"); eps != 1e-6 || ratio != 4 {
				c.T.Skipf("eps %v and MLPs %v times as wide; here they are 1e-6 and 4", eps, ratio)
			}
			weights(c)
			x := c.In("x", golden.Same)
			dim, n := heads(c, x)
			c.Y(layer.Block{Dim: dim, Heads: n}.New(c.Scope, nil)(x), golden.Same)
		},
		"layers/interpolate_bicubic_antialias":      interpolate,
		"layers/interpolate_bicubic_antialias_up":   interpolate,
		"layers/interpolate_bicubic_down":           interpolate,
		"layers/interpolate_bicubic_up":             interpolate,
		"layers/interpolate_bilinear_align_corners": interpolate,
		"layers/interpolate_bilinear_antialias":     interpolate,
		"layers/interpolate_bilinear_down":          interpolate,
		"layers/interpolate_bilinear_up":            interpolate,
		"layers/interpolate_nearest":                interpolate,
		"layers/interpolate_pos_encoding": func(c *ongraph.Case) {
			x := c.In("pos_embed", golden.Same)
			side := int(math.Sqrt(float64(op.ShapeOf(x)[1])))
			// DINO's code hands the number of columns over as that of rows.
			to := [2]int{golden.Param[int](c.T, c.F, "w0"), golden.Param[int](c.T, c.F, "h0")}
			c.Y(layer.Positions(c.Scope, x, [2]int{side, side}, to), golden.Same)
		},
	} {
		t.Run(name, func(t *testing.T) { ongraph.Check(t, golden.Load(t, name), true, build) })
	}
}

func interpolate(c *ongraph.Case) {
	size := golden.Pair(c.T, c.F, "size")
	c.Y(layer.Interpolate2D(c.Scope, c.In("x", golden.Image), layer.Interpolation{
		Mode: golden.Param[string](c.T, c.F, "mode"), Height: size[0], Width: size[1],
		Antialias: golden.Param[bool](c.T, c.F, "antialias"), AlignCorners: golden.Param[bool](c.T, c.F, "align_corners"),
	}), golden.Image)
}

func TestGoldenSinCos(t *testing.T) {
	f := golden.Load(t, "layers/sincos_pos_embed_2d")
	dim, n := golden.Param[int](t, f, "embed_dim"), golden.Param[int](t, f, "grid_size")
	a := ir.NewArray(ir.Type{Shape: ir.Shape{n * n, dim}, DType: ir.F64})
	layer.SinCos2D(dim, n, n)(a, nil)
	got := a.F64
	if golden.Param[bool](t, f, "cls_token") {
		got = append(make([]float64, dim), got...)
	}
	golden.Compare(t, "pos_embed", got, f.Outputs["pos_embed"], f.Tolerance(false, 0))
}

// Patches are numbered by rows, and so are the pixels of each.
func TestPatchify(t *testing.T) {
	got := run(t, ir.F64, map[string][]float64{"x": {
		0, 1, 2, 3,
		4, 5, 6, 7,
	}}, func(s *scope) *op.Node { return layer.Patchify(s.Input("x", 1, 2, 4, 1), 2) })
	want := []float64{0, 1, 4, 5, 2, 3, 6, 7}
	for i, w := range want {
		if got[i] != w {
			t.Fatalf("patches of 2x2 of 0..3, 4..7: got %v, want %v", got, want)
		}
	}
}
