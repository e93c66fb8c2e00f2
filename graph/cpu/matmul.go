package cpu

import (
	"selfsup/graph/cpu/kern"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// product is the sizes of a matrix product as package kern wants them.
type product struct {
	op.MatMulOp
	batch, m, n, k int
	lda, ldb       int
}

func newProduct(c *call) product {
	p := product{MatMulOp: c.spec.(op.MatMulOp)}
	p.batch, p.m, p.n, p.k = p.Dims(c.in[0].Shape, c.in[1].Shape)
	p.lda, p.ldb = c.in[0].Shape.Last(), c.in[1].Shape.Last()
	return p
}

// gemms are batches of products in the wanted precision, and what scratch they want.
type gemms struct {
	batch func(batch int, transA, transB bool, m, n, k int, a []float32, lda, strideA int, b []float32, ldb,
		strideB int, c []float32, ldc, strideC int, beta float32, scratch []float32)
	batchScratch func(batch int, transA, transB bool, m, n, k int) int
}

func gemmsOf(bf16 bool) gemms {
	if bf16 {
		return gemms{kern.GemmBatchBF16, kern.GemmBatchBF16Scratch}
	}
	return gemms{kern.GemmBatch, kern.GemmBatchScratch}
}

func scratchMatMul(c *call) int {
	p := newProduct(c)
	switch {
	case p.batch == 1 && p.BF16:
		return kern.GemmHalfScratch(p.TransA, p.TransB, p.m, p.n, p.k, c.out.DType == ir.BF16)
	case p.batch == 1:
		return kern.GemmScratch(p.TransA, p.TransB, p.m, p.n, p.k)
	}
	return gemmsOf(p.BF16).batchScratch(p.batch, p.TransA, p.TransB, p.m, p.n, p.k)
}

func bindMatMul(c *call) func() {
	p := newProduct(c)
	a, b, y, scratch, finish := c.x[0], c.x[1], c.y, c.scratch, p.finish(c)
	if p.batch == 1 && p.BF16 {
		a, b, y := c.values(0), c.values(1), kern.Values{F32: c.y, BF16: c.yh}
		return func() {
			kern.GemmHalf(p.TransA, p.TransB, p.m, p.n, p.k, a, p.lda, b, p.ldb, y, p.n, 0, scratch, finish)
		}
	}
	if p.batch == 1 {
		return func() {
			kern.GemmThen(p.TransA, p.TransB, p.m, p.n, p.k, a, p.lda, b, p.ldb, y, p.n, 0, scratch, finish)
		}
	}
	g := gemmsOf(p.BF16)
	run := func() {
		g.batch(p.batch, p.TransA, p.TransB, p.m, p.n, p.k, a, p.lda, p.m*p.k, b, p.ldb, p.k*p.n, y, p.n, p.m*p.n, 0,
			scratch)
	}
	if finish == nil {
		return run
	}
	pass := sweep(p.batch*p.m, rowsOf(p.n), func(from, to int) { finish(y[from*p.n:], p.n, from, to, 0, p.n) })
	return func() {
		run()
		pass()
	}
}

// finish is what is fused behind a product, nil where nothing is. A result that is stored in bfloat16 is rounded by the
// product.
func (p *product) finish(c *call) kern.Finish {
	f := p.exact(c)
	if !p.Rounded || c.yh != nil {
		return f
	}
	return func(y []float32, ldc, i0, i1, j0, j1 int) {
		if f != nil {
			f(y, ldc, i0, i1, j0, j1)
		}
		for i := range i1 - i0 {
			kern.RoundFloats(y[i*ldc:][:j1-j0])
		}
	}
}

// exact is finish before anything is rounded.
func (p *product) exact(c *call) kern.Finish {
	n, relu := p.n, p.Relu
	if p.Slope != "" {
		f, x := unaryGrads[p.Slope], c.x[2]
		if x := c.xh[2]; x != nil {
			return func(y []float32, ldc, i0, i1, j0, j1 int) {
				for i := i0; i < i1; i++ {
					row := y[(i-i0)*ldc:][:j1-j0]
					kern.GeluGradsHalf(row, row, x[i*n+j0:i*n+j1])
				}
			}
		}
		return func(y []float32, ldc, i0, i1, j0, j1 int) {
			for i := i0; i < i1; i++ {
				row := y[(i-i0)*ldc:][:j1-j0]
				f(row, row, x[i*n+j0:i*n+j1])
			}
		}
	}
	if p.Plus {
		x := c.x[2]
		return func(y []float32, ldc, i0, i1, j0, j1 int) {
			for i := i0; i < i1; i++ {
				row := y[(i-i0)*ldc:][:j1-j0]
				kern.Add(row, row, x[i*n+j0:i*n+j1])
			}
		}
	}
	var bias []float32
	switch {
	case p.Bias:
		bias = c.x[2]
	case !relu:
		return nil
	}
	return func(y []float32, ldc, i0, i1, j0, j1 int) {
		if bias != nil {
			kern.AddRows(y, ldc, i1-i0, bias[j0:j1])
		}
		for i := 0; relu && i < i1-i0; i++ {
			row := y[i*ldc:][:j1-j0]
			kern.Relu(row, row)
		}
	}
}

// convOf is a convolution of images x with weights w in package kern's terms.
func convOf(c *call, o op.Conv, x, w ir.Shape) kern.Conv {
	k := kern.Conv{
		B: x[0], H: x[1], W: x[2], Ci: x[3], KH: w[0], KW: w[1], Co: w[3],
		SH: o.Stride[0], SW: o.Stride[1], PH: o.Pad[0], PW: o.Pad[1], DH: o.Dilation[0], DW: o.Dilation[1],
		Groups: o.Groups,
		BF16:   o.BF16,
	}
	k.OH, k.OW = o.OutSize(k.H, k.W, k.KH, k.KW)
	if c.direct {
		k.Algorithm = kern.Direct
	}
	return k
}

func forwardConv(c *call) kern.Conv {
	o := c.spec.(op.ConvForward)
	k := convOf(c, o.Conv, c.in[0].Shape, c.in[1].Shape)
	k.Prologue = prologueOf(o.Norm, k.Ci)
	k.HalfX, k.HalfY = c.in[0].DType == ir.BF16, c.out.DType == ir.BF16
	return k
}

func scratchConv(c *call) int { return forwardConv(c).ForwardScratch() }

func bindConv(c *call) func() {
	k, x, w, y, scratch := forwardConv(c), c.values(0), c.x[1], kern.Values{F32: c.y, BF16: c.yh}, c.scratch
	o := c.spec.(op.ConvForward)
	run := func() {
		setPrologue(k.Prologue, o.Norm, c)
		k.ForwardHalf(x, w, y, scratch)
	}
	if o.Rounded && !k.HalfY {
		return roundedAfter(run, c.y)
	}
	return run
}

func dataConv(c *call) kern.Conv {
	k := convOf(c, c.spec.(op.ConvBackwardData).Conv, c.out.Shape, c.in[1].Shape)
	k.HalfY = c.in[0].DType == ir.BF16
	return k
}

func scratchConvData(c *call) int { return dataConv(c).BackwardDataScratch() }

func bindConvData(c *call) func() {
	k, dy, w, dx, scratch := dataConv(c), c.values(0), c.x[1], c.y, c.scratch
	return func() { k.BackwardDataHalf(dy, w, dx, scratch) }
}

func weightsConv(c *call) kern.Conv {
	o := c.spec.(op.ConvBackwardWeights)
	k := convOf(c, o.Conv, c.in[0].Shape, c.out.Shape)
	k.Prologue = prologueOf(o.Norm, k.Ci)
	k.HalfX, k.HalfY = c.in[0].DType == ir.BF16, c.in[1].DType == ir.BF16
	if o.Behind.On {
		k.Behind = normGradientOf(o.Behind.Of, k.Co, make([]float32, normGradientFloats(k.Co)))
	}
	return k
}

func scratchConvWeights(c *call) int { return weightsConv(c).BackwardWeightsScratch() }

func bindConvWeights(c *call) func() {
	k, x, dy, dw, scratch := weightsConv(c), c.values(0), c.values(1), c.y, c.scratch
	o := c.spec.(op.ConvBackwardWeights)
	if o.Behind.On {
		k.Behind.Y = c.x[2]
	}
	return func() {
		setPrologue(k.Prologue, o.Norm, c)
		if o.Behind.On {
			setNormGradient(k.Behind, o.Behind.Of, c.x[1:])
		}
		k.BackwardWeightsHalf(x, dy, dw, scratch)
	}
}
