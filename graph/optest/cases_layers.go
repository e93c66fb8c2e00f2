package optest

import (
	"fmt"
	"math/rand/v2"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// ramp fills n elements evenly from lo to hi.
func ramp(lo, hi float64, n int) func(*rand.Rand, int) float64 {
	return func(_ *rand.Rand, i int) float64 { return lo + (hi-lo)*(float64(i)+0.5)/float64(n) }
}

// convShapes are the convolutions that are tried, in float32 and in bfloat16.
var convShapes = []struct {
	name string
	x, w ir.Shape
	c    op.Conv
}{
	{"one", ir.Shape{1, 1, 1, 1}, ir.Shape{1, 1, 1, 1}, op.Conv{}},
	{"pointwise", ir.Shape{2, 5, 4, 7}, ir.Shape{1, 1, 7, 3}, op.Conv{}},
	{"pointwise stride", ir.Shape{2, 5, 6, 8}, ir.Shape{1, 1, 8, 16}, op.Conv{Stride: [2]int{2, 2}}},
	{"3x3", ir.Shape{2, 6, 5, 3}, ir.Shape{3, 3, 3, 4}, op.Conv{Pad: [2]int{1, 1}}},
	{"3x3 valid", ir.Shape{2, 6, 5, 3}, ir.Shape{3, 3, 3, 4}, op.Conv{}},
	{"3x3 stride", ir.Shape{2, 7, 8, 5}, ir.Shape{3, 3, 5, 6}, op.Conv{Stride: [2]int{2, 2}, Pad: [2]int{1, 1}}},
	{"3x3 channels", ir.Shape{2, 8, 8, 16}, ir.Shape{3, 3, 16, 32}, op.Conv{Pad: [2]int{1, 1}}},
	{"3x3 wide", ir.Shape{1, 9, 9, 64}, ir.Shape{3, 3, 64, 64}, op.Conv{Pad: [2]int{1, 1}}},
	{"stem", ir.Shape{2, 14, 14, 3}, ir.Shape{7, 7, 3, 8}, op.Conv{Stride: [2]int{2, 2}, Pad: [2]int{3, 3}}},
	{"grey", ir.Shape{2, 8, 8, 1}, ir.Shape{3, 3, 1, 8}, op.Conv{Pad: [2]int{1, 1}}},
	{"patchify", ir.Shape{2, 8, 12, 3}, ir.Shape{4, 4, 3, 10}, op.Conv{Stride: [2]int{4, 4}}},
	{"asymmetric", ir.Shape{2, 6, 7, 3}, ir.Shape{3, 2, 3, 4}, op.Conv{Stride: [2]int{2, 1}, Pad: [2]int{1, 0},
		Dilation: [2]int{1, 2}}},
	{"dilation", ir.Shape{1, 9, 9, 2}, ir.Shape{3, 3, 2, 3}, op.Conv{Pad: [2]int{2, 2}, Dilation: [2]int{2, 2}}},
	{"big pad", ir.Shape{1, 3, 3, 2}, ir.Shape{3, 3, 2, 2}, op.Conv{Pad: [2]int{3, 4}}},
	{"long stride", ir.Shape{1, 9, 8, 2}, ir.Shape{2, 2, 2, 3}, op.Conv{Stride: [2]int{3, 4}}},
	{"groups", ir.Shape{2, 5, 5, 6}, ir.Shape{3, 3, 2, 9}, op.Conv{Pad: [2]int{1, 1}, Groups: 3}},
	{"depthwise", ir.Shape{2, 6, 6, 5}, ir.Shape{3, 3, 1, 5}, op.Conv{Pad: [2]int{1, 1}, Groups: 5}},
	{"depthwise 7x7", ir.Shape{1, 9, 8, 16}, ir.Shape{7, 7, 1, 16}, op.Conv{Pad: [2]int{3, 3}, Groups: 16}},
	{"depthwise multiplier", ir.Shape{1, 5, 5, 3}, ir.Shape{3, 3, 1, 6}, op.Conv{Stride: [2]int{2, 2},
		Pad: [2]int{1, 1}, Groups: 3}},
	{"whole image", ir.Shape{3, 4, 5, 6}, ir.Shape{4, 5, 6, 7}, op.Conv{}},
}

func convCases() (cs []Case) {
	for _, s := range convShapes {
		cs = append(cs, Case{Name: "conv2d/" + s.name, In: []Input{normal(s.x...), normal(s.w...)},
			Build: two(func(x, w *op.Node) *op.Node { return op.Conv2D(x, w, s.c) })})
	}
	for _, s := range convShapes { // back from what the convolution gives to images of the size that it takes
		o, c := op.ConvForward{Conv: s.c}, s.c
		for i := range 2 {
			o.Stride[i], o.Dilation[i] = max(1, c.Stride[i]), max(1, c.Dilation[i])
		}
		o.Groups = max(1, c.Groups)
		y, err := o.Infer([]ir.Type{{Shape: s.x}, {Shape: s.w}})
		if err != nil {
			panic(err)
		}
		var more [2]int
		for i := range 2 {
			more[i] = (s.x[1+i] + 2*c.Pad[i] - o.Dilation[i]*(s.w[i]-1) - 1) % o.Stride[i]
		}
		cs = append(cs, Case{Name: "conv_transpose2d/" + s.name, In: []Input{normal(y.Shape...), normal(s.w...)},
			Build: two(func(x, w *op.Node) *op.Node { return op.ConvTranspose2D(x, w, s.c, more) })})
	}
	return cs
}

func poolCases() (cs []Case) {
	for _, s := range []struct {
		x ir.Shape
		p op.Pool
	}{
		{ir.Shape{1, 1, 1, 1}, op.Pool{Kernel: [2]int{1, 1}}},
		{ir.Shape{2, 6, 4, 3}, op.Pool{Kernel: [2]int{2, 2}}},
		{ir.Shape{2, 7, 6, 3}, op.Pool{Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Pad: [2]int{1, 1}}},
		{ir.Shape{2, 7, 6, 3}, op.Pool{Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Pad: [2]int{1, 1}, CountPad: true}},
		{ir.Shape{2, 5, 7, 17}, op.Pool{Kernel: [2]int{3, 2}, Stride: [2]int{1, 3}, Pad: [2]int{1, 0}}},
		{ir.Shape{2, 5, 7, 4}, op.Pool{Kernel: [2]int{2, 4}, Stride: [2]int{3, 1}, Pad: [2]int{0, 2}, CountPad: true}},
		{ir.Shape{4, 16, 16, 65}, op.Pool{Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Pad: [2]int{1, 1}}},
	} {
		cs = append(cs, Case{Name: fmt.Sprintf("avg_pool/%v%v", s.x, s.p), In: []Input{normal(s.x...)},
			Build: one(func(x *op.Node) *op.Node { return op.AvgPool2D(x, s.p) })})
		if !s.p.CountPad {
			cs = append(cs, Case{Name: fmt.Sprintf("max_pool/%v%v", s.x, s.p), In: []Input{normal(s.x...)},
				Build: one(func(x *op.Node) *op.Node { return op.MaxPool2D(x, s.p) })})
		}
	}
	for _, s := range []struct{ h, w, oh, ow int }{{7, 6, 3, 4}, {5, 5, 1, 1}, {4, 6, 2, 3}, {3, 2, 5, 2},
		{1, 1, 1, 1}} {
		cs = append(cs,
			Case{Name: fmt.Sprintf("adaptive_avg_pool/%v", s), In: []Input{normal(2, s.h, s.w, 3)},
				Build: one(func(x *op.Node) *op.Node { return op.AdaptiveAvgPool2D(x, s.oh, s.ow) })},
			Case{Name: fmt.Sprintf("adaptive_max_pool/%v", s), In: []Input{normal(2, s.h, s.w, 3)},
				Build: one(func(x *op.Node) *op.Node { return op.AdaptiveMaxPool2D(x, s.oh, s.ow) })},
		)
	}
	return append(cs,
		Case{Name: "global_avg_pool", In: []Input{normal(3, 4, 5, 7)}, Build: one(op.GlobalAvgPool)},
		Case{Name: "global_avg_pool/large", In: []Input{normal(9, 7, 7, 65)}, Build: one(op.GlobalAvgPool)},
	)
}

func normCases() (cs []Case) {
	bn := op.BN{Eps: 1e-5}
	frozen := op.BN{Eps: 1e-3, Frozen: true}
	for _, s := range []ir.Shape{{6, 5}, {3, 1}, {2, 3, 4, 7}, {17, 33}, {5, 9, 9, 64}} {
		c := s.Last()
		cs = append(cs,
			Case{Name: fmt.Sprintf("batch_stats/%v", s), In: []Input{normal(s...)}, Inactive: []int{0},
				Build: one(op.BatchStats)},
			Case{Name: fmt.Sprintf("batch_norm/%v", s), In: []Input{normal(s...), normal(c), normal(c)},
				Build: func(in nodes) *op.Node {
					return op.BatchNorm(in[0], op.BatchStats(in[0]), bn, in[1], in[2])
				}},
			Case{Name: fmt.Sprintf("batch_norm/plain%v", s), In: []Input{normal(s...)}, Build: func(in nodes) *op.Node {
				return op.BatchNorm(in[0], op.BatchStats(in[0]), bn)
			}},
			Case{Name: fmt.Sprintf("batch_norm/frozen%v", s), In: []Input{normal(s...), positive(2, c), normal(c),
				normal(c)}, Inactive: []int{1}, Build: func(in nodes) *op.Node {
				return op.BatchNorm(in[0], in[1], frozen, in[2], in[3])
			}},
			Case{Name: fmt.Sprintf("batch_norm/frozen plain%v", s), In: []Input{normal(s...), positive(2, c)},
				Inactive: []int{1}, Build: func(in nodes) *op.Node {
					return op.BatchNorm(in[0], in[1], frozen)
				}},
			Case{Name: fmt.Sprintf("layer_norm/%v", s), In: []Input{normal(s...), normal(c), normal(c)}, Tol: 3e-5,
				Build: func(in nodes) *op.Node {
					return op.LayerNorm(in[0], in[1], in[2], 1e-3)
				}},
			Case{Name: fmt.Sprintf("normalize/%v", s), In: []Input{away(s...)}, Build: one(func(x *op.Node) *op.Node {
				return op.Normalize(x, 1e-12)
			})},
			Case{Name: fmt.Sprintf("normalize/short%v", s), In: []Input{normal(s...)},
				Build: one(func(x *op.Node) *op.Node { return op.Normalize(x, 100) })},
		)
	}
	return append(cs,
		Case{Name: "batch_stats/far", In: []Input{around(100, 64, 33)}, Inactive: []int{0}, Build: one(op.BatchStats)},
		Case{Name: "batch_norm/far", In: []Input{around(30, 64, 17), normal(17), normal(17)}, Tol: 1e-4,
			Build: func(in nodes) *op.Node {
				return op.BatchNorm(in[0], op.BatchStats(in[0]), bn, in[1], in[2])
			}},
		Case{Name: "batch_norm/one value", In: []Input{normal(1, 3), normal(3), normal(3)},
			Build: func(in nodes) *op.Node {
				return op.BatchNorm(in[0], op.BatchStats(in[0]), bn, in[1], in[2])
			}},
		Case{Name: "layer_norm/one row", In: []Input{normal(7), normal(7), normal(7)}, Build: func(in nodes) *op.Node {
			return op.LayerNorm(in[0], in[1], in[2], 1e-6)
		}},
		Case{Name: "normalize/zero", In: []Input{always(0, 2, 5)}, Build: one(func(x *op.Node) *op.Node {
			return op.Normalize(x, 1e-3)
		})},
		Case{Name: "running_stats", In: []Input{positive(2, 5), positive(2, 5)}, Inactive: []int{0, 1},
			Build: two(func(r, s *op.Node) *op.Node { return op.RunningStats(r, s, 0.1, 12) })},
		Case{Name: "running_stats/one value", In: []Input{positive(2, 5), positive(2, 5)}, Inactive: []int{0, 1},
			Build: two(func(r, s *op.Node) *op.Node { return op.RunningStats(r, s, 0.1, 1) })},
	)
}

func softmaxCases() (cs []Case) {
	for _, s := range []ir.Shape{{5}, {3, 1}, {3, 7}, {2, 3, 17}, {257, 67}} {
		cs = append(cs,
			Case{Name: fmt.Sprintf("softmax/%v", s), In: []Input{normal(s...)}, Build: one(op.Softmax)},
			Case{Name: fmt.Sprintf("log_softmax/%v", s), In: []Input{normal(s...)}, Build: one(op.LogSoftmax)},
			Case{Name: fmt.Sprintf("logsumexp/%v", s), In: []Input{normal(s...)}, Build: one(op.LogSumExp)},
		)
	}
	for _, s := range [][2]int{{1, 1}, {5, 6}, {7, 1}, {257, 67}} {
		n, k := s[0], s[1]
		cs = append(cs,
			Case{Name: fmt.Sprintf("cross_entropy/%v", s), In: []Input{normal(n, k), ints(0, k, n)},
				Build: two(func(x, l *op.Node) *op.Node { return op.CrossEntropy(x, l, 0) })},
			Case{Name: fmt.Sprintf("cross_entropy/smooth%v", s), In: []Input{normal(n, k), ints(0, k, n)},
				Build: two(func(x, l *op.Node) *op.Node { return op.CrossEntropy(x, l, 0.1) })},
			Case{Name: fmt.Sprintf("cross_entropy/soft%v", s), In: []Input{normal(n, k), shares(n, k)},
				Inactive: []int{1}, Build: two(op.CrossEntropySoft)},
			Case{Name: fmt.Sprintf("accuracy/%v", s), In: []Input{normal(n, k), ints(0, k, n)}, Inactive: []int{0},
				Build: two(op.Accuracy)},
		)
	}
	return append(cs,
		Case{Name: "softmax/large", In: []Input{{Shape: ir.Shape{3, 8}, Value: ramp(-300, 300, 24)}},
			Build: one(op.Softmax)},
		Case{Name: "log_softmax/large", In: []Input{{Shape: ir.Shape{3, 8}, Value: ramp(-300, 300, 24)}},
			Build: one(op.LogSoftmax)},
		Case{Name: "logsumexp/large", In: []Input{{Shape: ir.Shape{3, 8}, Value: ramp(-300, 300, 24)}},
			Build: one(op.LogSumExp)},
		Case{Name: "cross_entropy/ignored", In: []Input{normal(9, 4), ints(-2, 4, 9)},
			Build: two(func(x, l *op.Node) *op.Node { return op.CrossEntropy(x, l, 0) })},
		Case{Name: "cross_entropy/smooth ignored", In: []Input{normal(9, 4), ints(-2, 4, 9)},
			Build: two(func(x, l *op.Node) *op.Node { return op.CrossEntropy(x, l, 0.2) })},
		Case{Name: "cross_entropy/masked", In: []Input{normal(6, 6), ints(0, 6, 6)},
			Build: two(func(x, l *op.Node) *op.Node {
				return op.CrossEntropy(op.MaskDiagonal(x, -30), l, 0)
			})},
		Case{Name: "mask_diagonal", In: []Input{normal(5, 5)}, Build: one(func(x *op.Node) *op.Node {
			return op.MaskDiagonal(x, -50)
		})},
		Case{Name: "off_diagonal", In: []Input{normal(67, 67)}, Build: one(op.OffDiagonal)},
		Case{Name: "off_diagonal/one", In: []Input{normal(1, 1)}, Build: one(op.OffDiagonal)},
		Case{Name: "accuracy/ignored", In: []Input{normal(29, 4), ints(-2, 4, 29)}, Inactive: []int{0},
			Build: two(op.Accuracy)},
		Case{Name: "of_labelled", In: []Input{normal(), ints(-2, 4, 29)}, Build: two(op.OfLabelled)},
		Case{Name: "of_labelled/all", In: []Input{normal(), ints(0, 4, 29)}, Build: two(op.OfLabelled)},
		Case{Name: "of_labelled/none", In: []Input{normal(), ints(-2, -1, 29)}, Build: two(op.OfLabelled)},
		Case{Name: "of_labelled/mean of cross-entropy", In: []Input{normal(9, 4), ints(-2, 4, 9)},
			Build: two(func(x, l *op.Node) *op.Node {
				return op.OfLabelled(op.MeanAll(op.CrossEntropy(x, l, 0)), l)
			})},
		Case{Name: "accuracy/ties", In: []Input{levels(2, 40, 3), ints(0, 3, 40)}, Inactive: []int{0},
			Build: two(op.Accuracy)},
	)
}

func updateCases() (cs []Case) {
	wd, lr, ratio := always(0.05), always(0.1), always(0.3)
	for _, s := range []ir.Shape{{}, {1}, {3, 5}, {131, 127}} {
		add := func(name string, in []Input, f func(in nodes) *op.Node) {
			c := Case{Name: fmt.Sprintf("%s/%v", name, s), In: in, Build: f}
			for k := range in {
				c.Inactive = append(c.Inactive, k)
			}
			cs = append(cs, c)
		}
		x := func() Input { return normal(s...) }
		add("lerp", []Input{x(), x(), always(0.99)}, func(in nodes) *op.Node { return op.Lerp(in[0], in[1], in[2]) })
		add("lerp/itself", []Input{x(), always(0.99)}, func(in nodes) *op.Node { return op.Lerp(in[0], in[0], in[1]) })
		add("first_moment", []Input{x(), x()}, func(in nodes) *op.Node { return op.FirstMoment(in[0], in[1], 0.9) })
		add("second_moment", []Input{positive(s...), x()}, func(in nodes) *op.Node {
			return op.SecondMoment(in[0], in[1], 0.999)
		})
		add("momentum", []Input{x(), x(), x(), wd, ratio}, func(in nodes) *op.Node {
			return op.NextMomentum(in[0], in[1], in[2], in[3], in[4], 0.9)
		})
		add("descend", []Input{x(), x(), lr}, func(in nodes) *op.Node { return op.Step(in[0], in[1], in[2]) })
		add("descend_nesterov", []Input{x(), x(), x(), lr, wd, ratio}, func(in nodes) *op.Node {
			return op.NesterovStep(in[0], in[1], in[2], in[3], in[4], in[5], 0.9)
		})
		for _, step := range []float64{1, 2, 100000} {
			add(fmt.Sprintf("adam/step%v", step), []Input{x(), x(), positive(s...), lr, wd, always(step)},
				func(in nodes) *op.Node {
					return op.AdamStep(in[0], in[1], in[2], in[3], in[4], in[5], op.Adam{Beta1: 0.9, Beta2: 0.999,
						Eps: 1e-8})
				})
		}
		for _, o := range []op.TrustRatio{
			{Eta: 0.02, Variant: "official"},
			{Eta: 0.02, Eps: 1e-8, Variant: "solo"},
			{Eta: 0.02, Variant: "official", Clip: true},
			{Eta: 5, Eps: 1e-8, Variant: "solo", Clip: true},
		} {
			trust := func(in nodes) *op.Node { return op.Trust(in[0], in[1], in[2], in[3], o) }
			add(fmt.Sprintf("trust_ratio/%+v", o), []Input{x(), x(), wd, lr}, trust)
			add(fmt.Sprintf("trust_ratio/no parameter%+v", o), []Input{always(0, s...), x(), wd, lr}, trust)
			add(fmt.Sprintf("trust_ratio/no gradient%+v", o), []Input{x(), always(0, s...), always(0), lr}, trust)
		}
		add("sum_squares", []Input{x()}, func(in nodes) *op.Node { return op.SumSquares(in[0]) })
	}
	return cs
}
