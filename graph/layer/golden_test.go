package layer_test

import (
	"fmt"
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
			eps, ratio := golden.Param[float64](c.T, c.F, "eps"), golden.Param[float64](c.T, c.F, "mlp_ratio")
			if eps != 1e-6 || ratio != 4 {
				c.T.Skipf("eps %v and MLPs %v times as wide; here they are 1e-6 and 4", eps, ratio)
			}
			weights(c)
			x := c.In("x", golden.Same)
			dim, n := heads(c, x)
			c.Y(layer.Block{Dim: dim, Heads: n}.New(c.Scope, nil)(x), golden.Same)
		},
		"layers/multihead_cross_attention": func(c *ongraph.Case) {
			heads, w, bias := golden.Param[int](c.T, c.F, "num_heads"), c.In("in_proj_weight", golden.Linear),
				c.In("in_proj_bias", golden.Same)
			project := func(i int, name string) *op.Node { // third i of the columns
				x := c.In(name, golden.Same)
				b, t, d := op.ShapeOf(x)[0], op.ShapeOf(x)[1], op.ShapeOf(x)[2]
				y := op.MatMul(op.Reshape(x, b*t, d), op.Slice(w, 1, i*d, (i+1)*d), false, false)
				return op.Reshape(op.Add(y, op.Slice(bias, 0, i*d, (i+1)*d)), b, t, heads, d/heads)
			}
			q, k, v := project(0, "query"), project(1, "key"), project(2, "value")
			c.Out("attn_mean", op.Mean(layer.AttendWeights(c.Scope, q, k, layer.Mask{}), false, 1), golden.Same)
			c.As("out/weight", "out_proj_weight", golden.Linear)
			c.As("out/bias", "out_proj_bias", golden.Same)
			y := layer.Attend(c.Scope, q, k, v, layer.Mask{})
			c.Y(layer.Dense(c.Scope.In("out"), op.ShapeOf(y).Last(), op.ShapeOf(y).Last())(y), golden.Same)
		},
		"layers/weight_norm_linear": func(c *ongraph.Case) {
			if golden.Param[int](c.T, c.F, "dim") != 0 {
				c.T.Skip("not by rows")
			}
			x, w := c.In("x", golden.Same), c.As("weight", "weight_v", golden.Same)
			c.As("gain", "weight_g", golden.Same)
			c.Y(layer.WeightNormLinear(c.Scope, op.ShapeOf(w)[1], op.ShapeOf(w)[0], true)(x), golden.Same)
		},
		"layers/groupnorm": func(c *ongraph.Case) {
			x := c.In("x", golden.Image)
			c.As("weight", "weight", golden.Same)
			c.As("bias", "bias", golden.Same)
			o := layer.GroupNorm{Channels: op.ShapeOf(x).Last(), Groups: golden.Param[int](c.T, c.F, "num_groups"),
				Eps: golden.Param[float64](c.T, c.F, "eps")}
			c.Y(o.New(c.Scope)(x), golden.Image)
		},
		"layers/layernorm_channels_first": func(c *ongraph.Case) {
			x := c.In("x", golden.Image)
			c.As("weight", "weight", golden.Same)
			c.As("bias", "bias", golden.Same)
			eps := golden.Param[float64](c.T, c.F, "eps")
			c.Y(layer.LayerNormEps(c.Scope, op.ShapeOf(x).Last(), eps)(x), golden.Image)
		},
		"layers/grn": func(c *ongraph.Case) {
			flat := func(x golden.Tensor) golden.Tensor {
				return golden.Tensor{Shape: []int{len(x.Data)}, Data: x.Data}
			}
			x := c.In("x", golden.Same)
			c.As("gamma", "gamma", flat)
			c.As("beta", "beta", flat)
			o := layer.ResponseNorm{Channels: op.ShapeOf(x).Last(), Eps: golden.Param[float64](c.T, c.F, "eps")}
			c.Y(o.New(c.Scope)(x), golden.Same)
		},
		"audio/cpc_gru":                             predictive,
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
		Antialias:    golden.Param[bool](c.T, c.F, "antialias"),
		AlignCorners: golden.Param[bool](c.T, c.F, "align_corners"),
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

// predictive is contrastive predictive coding: a step's context, by a GRU, tells the next ones of z from others.
func predictive(c *ongraph.Case) {
	z := c.In("z", golden.Same)
	b, steps, dim := op.ShapeOf(z)[0], op.ShapeOf(z)[1], op.ShapeOf(z)[2]
	hidden := golden.Param[int](c.T, c.F, "context_dim")
	c.As("gru/input/weight", "gru.weight_ih_l0", golden.Linear)
	c.As("gru/input/bias", "gru.bias_ih_l0", golden.Same)
	c.As("gru/state/weight", "gru.weight_hh_l0", golden.Linear)
	c.As("gru/state/bias", "gru.bias_hh_l0", golden.Same)
	context := layer.GRU(c.Scope.In("gru"), dim, hidden)(z)
	c.Out("context", context, golden.Same)

	ahead, negatives := golden.Param[int](c.T, c.F, "num_predictions"), golden.Param[int](c.T, c.F, "num_negatives")
	window := steps - ahead
	flat, seen := op.Reshape(z, b*steps, dim), op.Reshape(op.Slice(context, 1, 0, window), b*window, hidden)
	candidates := func(k int) *op.Node { // [B*window,1+negatives,dim], the right one first
		var ids []int32
		for i := range b * window {
			row, t := i/window, i%window
			ids = append(ids, int32(row*steps+t+k))
			for n := range negatives {
				at := (row*negatives+n)*window + t
				from, step := int(c.F.Inputs["batch_index"].Data[at]), int(c.F.Inputs["seq_index"].Data[at])
				ids = append(ids, int32(from*steps+(step+t)%steps))
			}
		}
		return op.Reshape(op.Gather(flat, c.Scope.Ints(fmt.Sprint("candidates", k), ids)), b*window, 1+negatives, dim)
	}
	first := c.Scope.Ints("first", make([]int32, b*window))
	var losses, right []*op.Node
	for k := 1; k <= ahead; k++ {
		predictor := c.In(fmt.Sprint("predictor", k), golden.Linear)
		guess := op.Reshape(op.MatMul(seen, predictor, false, false), b*window, 1, dim)
		scores := op.Mean(op.Mul(candidates(k), guess), false, 2) // [B*window,1+negatives]
		losses = append(losses, op.Reshape(op.MeanAll(op.CrossEntropy(scores, first, 0)), 1))
		right = append(right, op.Reshape(op.Accuracy(scores, first), 1))
	}
	per := op.Concat(0, losses...)
	c.Out("per_step", per, golden.Same)
	c.Out("accuracy", op.Concat(0, right...), golden.Same)
	c.Out("loss", op.SumAll(per), golden.Same)
}
