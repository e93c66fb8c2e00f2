package graph_test

import (
	"testing"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

type node = *graph.Node

// elementwise is a function of x and nothing else, of one layout.
func elementwise(f func(c *ongraph.Case, x node) node) func(*ongraph.Case) {
	return func(c *ongraph.Case) { c.Y(f(c, c.In("x", golden.Same)), golden.Same) }
}

func unary(f func(node) node) func(*ongraph.Case) {
	return elementwise(func(_ *ongraph.Case, x node) node { return f(x) })
}

// lastAxis is a function of rows; a fixture along another axis has none.
func lastAxis(f func(c *ongraph.Case, x node) node) func(*ongraph.Case) {
	return elementwise(func(c *ongraph.Case, x node) node {
		rank := len(op.ShapeOf(x))
		if d := golden.Param[int](c.T, c.F, "dim"); d != -1 && d != rank-1 {
			c.T.Skipf("along axis %d of %d; only the last is here", d, rank)
		}
		return f(c, x)
	})
}

func conv(c *ongraph.Case) {
	y := op.Conv2D(c.In("x", golden.Image), c.In("weight", golden.Kernel), op.Conv{
		Stride: golden.Pair(c.T, c.F, "stride"), Pad: golden.Pair(c.T, c.F, "padding"),
		Dilation: golden.Pair(c.T, c.F, "dilation"), Groups: golden.Param[int](c.T, c.F, "groups"),
	})
	if _, ok := c.F.Inputs["bias"]; ok {
		y = op.Add(y, c.In("bias", golden.Same))
	}
	c.Y(y, golden.Image)
}

func convTranspose(c *ongraph.Case) {
	y := op.ConvTranspose2D(c.In("x", golden.Image), c.In("weight", golden.Kernel), op.Conv{
		Stride: golden.Pair(c.T, c.F, "stride"), Pad: golden.Pair(c.T, c.F, "padding"),
		Dilation: golden.Pair(c.T, c.F, "dilation"), Groups: golden.Param[int](c.T, c.F, "groups"),
	}, golden.Pair(c.T, c.F, "output_padding"))
	if _, ok := c.F.Inputs["bias"]; ok {
		y = op.Add(y, c.In("bias", golden.Same))
	}
	c.Y(y, golden.Image)
}

func window(c *ongraph.Case) op.Pool {
	return op.Pool{Kernel: golden.Pair(c.T, c.F, "kernel"), Stride: golden.Pair(c.T, c.F, "stride"),
		Pad:      golden.Pair(c.T, c.F, "padding"),
		CountPad: golden.ParamOr(c.T, c.F, "count_include_pad", true)}
}

func pooled(f func(c *ongraph.Case, x node) node, out golden.Layout) func(*ongraph.Case) {
	return func(c *ongraph.Case) { c.Y(f(c, c.In("x", golden.Image)), out) }
}

// batchNorm checks train and evaluation mode, with and without an affine map, of rows and of images.
func batchNorm(train bool) func(*ongraph.Case) {
	return func(c *ongraph.Case) {
		layout := golden.Same
		if len(c.F.Inputs["x"].Shape) == 4 {
			layout = golden.Image
		}
		x := c.In("x", layout)
		channels := op.ShapeOf(x).Last()
		var affine []node
		if _, ok := c.F.Inputs["weight"]; ok {
			affine = []node{c.In("weight", golden.Same), c.In("bias", golden.Same)}
		}
		o := op.BN{Eps: golden.Param[float64](c.T, c.F, "eps"), Frozen: !train}
		mean, running := c.F.Inputs["running_mean"], node(nil)
		if mean.Data != nil {
			both := golden.Tensor{Data: append(append([]float64(nil), mean.Data...), c.F.Inputs["running_var"].Data...)}
			running = c.State("running", ongraph.Hold(both), 2, channels)
		}
		if !train {
			c.Y(op.BatchNorm(x, running, o, affine...), layout)
			return
		}
		stats := op.BatchStats(x)
		c.Y(op.BatchNorm(x, stats, o, affine...), layout)
		if running != nil {
			after := op.RunningStats(running, stats, golden.Param[float64](c.T, c.F, "momentum"),
				op.ShapeOf(x).Size()/channels)
			c.Out("running_mean_after", op.Row(after, 0), golden.Same)
			c.Out("running_var_after", op.Row(after, 1), golden.Same)
		}
	}
}

// linear is x w + b by weights as a fixture names them; without a bias of that name there is none.
func linear(c *ongraph.Case, x node, prefix string) node {
	y := op.MatMul(x, c.In(prefix+"weight", golden.Linear), false, false)
	if _, ok := c.F.Inputs[prefix+"bias"]; ok {
		y = op.Add(y, c.In(prefix+"bias", golden.Same))
	}
	return y
}

func meanCrossEntropy(c *ongraph.Case) {
	x := c.In("logits", golden.Same)
	if golden.ParamOr(c.T, c.F, "reduction", "mean") != "mean" {
		c.T.Skip("not a mean")
	}
	labels := c.Ints("target")
	c.Out("loss", op.MeanAll(op.CrossEntropy(x, labels, golden.ParamOr(c.T, c.F, "label_smoothing", 0.0))), golden.Same)
}

var layers = map[string]func(c *ongraph.Case){
	"conv2d_asymmetric": conv, "conv2d_basic": conv, "conv2d_depthwise": conv, "conv2d_dilation": conv,
	"conv2d_groups":   conv,
	"conv2d_patchify": conv, "conv2d_pointwise": conv, "conv2d_stem7": conv, "conv2d_stride": conv,

	"conv_transpose2d_basic": convTranspose, "conv_transpose2d_groups": convTranspose,
	"conv_transpose2d_stride": convTranspose,

	"batchnorm1d_train": batchNorm(true), "batchnorm1d_noaffine_train": batchNorm(true),
	"batchnorm2d_train": batchNorm(true),
	"batchnorm1d_eval":  batchNorm(false), "batchnorm2d_eval": batchNorm(false),

	"avg_pool2d": pooled(func(c *ongraph.Case, x node) node { return op.AvgPool2D(x, window(c)) },
		golden.Image),
	"avg_pool2d_exclude_pad": pooled(func(c *ongraph.Case, x node) node { return op.AvgPool2D(x, window(c)) },
		golden.Image),
	"max_pool2d": pooled(func(c *ongraph.Case, x node) node { return op.MaxPool2D(x, window(c)) },
		golden.Image),
	"global_avg_pool2d": pooled(func(_ *ongraph.Case, x node) node { return op.GlobalAvgPool(x) }, golden.Same),
	"adaptive_avg_pool2d": pooled(func(c *ongraph.Case, x node) node {
		s := golden.Pair(c.T, c.F, "output_size")
		return op.AdaptiveAvgPool2D(x, s[0], s[1])
	}, golden.Image),
	"adaptive_max_pool2d": pooled(func(c *ongraph.Case, x node) node {
		s := golden.Pair(c.T, c.F, "output_size")
		return op.AdaptiveMaxPool2D(x, s[0], s[1])
	}, golden.Image),

	"relu": unary(op.Relu), "gelu_erf": unary(op.Gelu), "gelu_tanh": unary(op.GeluTanh), "silu": unary(op.Silu),
	"sigmoid": unary(op.Sigmoid), "softplus": unary(op.Softplus), "tanh": unary(op.Tanh),
	"leaky_relu": elementwise(func(c *ongraph.Case, x node) node {
		return op.LeakyRelu(x, golden.Param[float64](c.T, c.F, "negative_slope"))
	}),

	"softmax":     lastAxis(func(_ *ongraph.Case, x node) node { return op.Softmax(x) }),
	"log_softmax": lastAxis(func(_ *ongraph.Case, x node) node { return op.LogSoftmax(x) }),
	"logsumexp":   lastAxis(func(_ *ongraph.Case, x node) node { return op.LogSumExp(x) }),
	"l2_normalize": lastAxis(func(c *ongraph.Case, x node) node {
		return op.Normalize(x, golden.Param[float64](c.T, c.F, "eps"))
	}),

	"layernorm": elementwise(func(c *ongraph.Case, x node) node {
		if s := golden.Param[[]int](c.T, c.F, "normalized_shape"); len(s) != 1 {
			c.T.Skipf("over %d axes; only the last is here", len(s))
		}
		return op.LayerNorm(x, c.In("weight", golden.Same), c.In("bias", golden.Same), golden.Param[float64](c.T, c.F,
			"eps"))
	}),
	"layernorm_channels_first": pooled(func(c *ongraph.Case, x node) node {
		return op.LayerNorm(x, c.In("weight", golden.Same), c.In("bias", golden.Same), golden.Param[float64](c.T, c.F,
			"eps"))
	}, golden.Image),

	"linear": elementwise(func(c *ongraph.Case, x node) node { return linear(c, x, "") }),
	"mlp_gelu": elementwise(func(c *ongraph.Case, x node) node {
		return linear(c, op.Gelu(linear(c, x, "fc1.")), "fc2.")
	}),
	"projection_head_bn": elementwise(func(c *ongraph.Case, x node) node {
		h := linear(c, x, "0.")
		o := op.BN{Eps: golden.Param[float64](c.T, c.F, "eps")}
		h = op.BatchNorm(h, op.BatchStats(h), o, c.In("1.weight", golden.Same), c.In("1.bias", golden.Same))
		return linear(c, op.Relu(h), "3.")
	}),
	"embedding": func(c *ongraph.Case) {
		table := c.In("table", golden.Same)
		at := append(append([]int(nil), c.F.Inputs["index"].Shape...), op.ShapeOf(table).Last())
		c.Y(op.Reshape(op.Gather(table, c.Ints("index")), at...), golden.Same)
	},

	"cross_entropy": meanCrossEntropy, "cross_entropy_label_smoothing": meanCrossEntropy,
	"cross_entropy_soft_targets": func(c *ongraph.Case) {
		x, target := c.In("logits", golden.Same), c.In("target", golden.Same)
		c.Out("loss", op.MeanAll(op.CrossEntropySoft(x, target)), golden.Same)
		// Targets come from teachers here and get no gradient; written out they do.
		c.GradientOf("target", op.Scale(op.SumAll(op.Mul(op.LogSoftmax(x), target)), -1/float64(op.ShapeOf(x)[0])))
	},
	"kl_div_batchmean": func(c *ongraph.Case) { // cross-entropy less the target's entropy
		x, target := c.In("logits", golden.Same), c.In("target", golden.Same)
		entropy := op.Scale(op.SumAll(op.Mul(target, op.Log(target))), 1/float64(op.ShapeOf(x)[0]))
		c.Out("loss", op.Add(op.MeanAll(op.CrossEntropySoft(x, target)), entropy), golden.Same)
	},
	"bce_with_logits": func(c *ongraph.Case) { // softplus(x) - x*target
		x := c.In("logits", golden.Same)
		c.Out("loss", op.MeanAll(op.Sub(op.Softplus(x), op.Mul(x, c.In("target", golden.Same)))), golden.Same)
	},
}

// TestGoldenLayers compares values and gradients of operations with PyTorch's.
func TestGoldenLayers(t *testing.T) {
	golden.Each(t, "layers", layers, func(t *testing.T, f *golden.Fixture, build func(*ongraph.Case)) {
		ongraph.Check(t, f, true, build)
	})
}
