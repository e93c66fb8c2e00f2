package cuda

import (
	"fmt"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

var _ = add(map[string]lowering{
	"matmul": {takesMatMul, scratchMatMul, bindMatMul},
	"gram":   {nil, scratchGram, bindGram},
})

// The bits of kernels' flags, and the functions by whose derivatives products multiply: see kernels/finish.h.
const (
	finishBias = 1 << iota
	finishRelu
	finishPlus
	finishRounded
	roundInputs
	vectorA
	vectorB
	vectorY
	symmetric
	slopeBit = 12
)

var slopes = map[string]int{"gelu": 1, "gelu_tanh": 2, "silu": 3, "softplus": 4, "square": 5, "abs": 6}

// product is a batch of products [m,k]x[k,n] that kernels of tiles make.
type product struct {
	batch, m, n, k      int
	transA, transB      bool
	lda, ldb, ldy       int
	stepA, stepB, stepY int // from one product of the batch to the next
	flags               int // what finishes the result
	bf16                bool
	whole               bool // not to be split along k
}

// tiling is how a product is cut: tiles of bm x bn, each a block of threads, of parts along k, chunk long.
type tiling struct{ bm, bn, parts, chunk int }

func ceil(a, b int) int { return (a + b - 1) / b }

// The model by which tilings are chosen, in cycles of a multiprocessor: what it multiplies in one, how many bytes of
// results all of them together move in one, and what another launch takes. Figures of an H200, rounded; only their
// ratios matter.
const (
	multiplies     = 128.0 // in float32
	multipliesBF16 = 400.0 // on tensor cores, as fast as operands arrive
	multipliesTF32 = 250.0
	carries        = 2500.0
	relaunch       = 4000.0
	partsMemory    = 128 << 20 // bytes that the parts of a product may take
	leastChunk     = 128
	warpsWanted    = 12 // on a multiprocessor, to hide latencies
)

// tile chooses the tiling of a product for a device.
func (p *product) tile(fp precision) tiling {
	processors := fp.processors
	if processors <= 0 {
		processors = 100
	}
	_, rate, depth := p.engine(fp)
	best, least := tiling{}, 0.0
	for _, t := range []struct {
		bm, bn int
		eff    float64
	}{{128, 128, 1}, {128, 64, 0.9}, {64, 64, 0.75}} {
		if p.flags&symmetric != 0 && t.bm != t.bn {
			continue
		}
		tiles := p.batch * ceil(p.m, t.bm) * ceil(p.n, t.bn)
		for parts := 1; parts <= 256; parts *= 2 {
			chunk := ceil(ceil(p.k, parts), depth) * depth
			if parts > 1 && (p.whole || chunk < leastChunk || 4*parts*p.batch*p.m*p.n > partsMemory) {
				break
			}
			blocks := tiles * ceil(p.k, chunk)
			each := ceil(blocks, processors) // of a multiprocessor
			warps := float64(min(each*t.bm*t.bn/2048, 16))
			busy := min(1, warps/warpsWanted)
			cost := float64(each*t.bm*t.bn) * float64(chunk+4*depth) / (rate * t.eff * busy)
			if parts > 1 {
				cost += relaunch + 8*float64(ceil(p.k, chunk)*p.batch*p.m*p.n)/carries
			}
			if best.bm == 0 || cost < least {
				best, least = tiling{t.bm, t.bn, ceil(p.k, chunk), chunk}, cost
			}
		}
	}
	return best
}

// scratch is the bytes that the parts of a product take.
func (p *product) scratch(t tiling) int {
	if t.parts == 1 {
		return 0
	}
	return 4 * t.parts * p.batch * p.m * p.n
}

// matches reports whether vectors of four begin at every row of every matrix of a batch.
func matches(at Ptr, ld, step int) bool { return at%16 == 0 && ld%4 == 0 && step%4 == 0 }

// operandFlags are the flags about how operands are read.
func (p *product) operandFlags(a, b Ptr) (flags int) {
	if matches(a, p.lda, p.stepA) {
		flags |= vectorA
	}
	if matches(b, p.ldb, p.stepB) {
		flags |= vectorB
	}
	return flags
}

// resultFlags are the flags of storing the result, given what is added to it, or 0.
func (p *product) resultFlags(y, other Ptr) int {
	if matches(y, p.ldy, p.stepY) && other%16 == 0 {
		return p.flags | vectorY
	}
	return p.flags
}

// bind adds the launches of a product that is cut in tiles: of the kernel by name, the tiling and then, if it is split,
// of the sum of its parts. operands are the flags about operands, args the kernel's parameters for a target.
func (p *product) bind(c *call, kernel string, t tiling, parts, y, other Ptr, operands int, args func(target) []any) {
	name := fmt.Sprintf("%s_%dx%d", kernel, t.bm, t.bn)
	size := p.batch * p.m * p.n
	to := target{y: y, other: other, stepY: p.stepY, ldy: p.ldy, tilesM: ceil(p.m, t.bm), tilesN: ceil(p.n, t.bn),
		chunk: t.chunk, flags: operands | p.resultFlags(y, other)}
	if t.parts > 1 {
		packed := product{ldy: p.n, stepY: p.m * p.n, flags: p.flags & symmetric}
		to.y, to.other, to.stepY, to.ldy, to.stepZ = parts, 0, packed.stepY, packed.ldy, size
		to.flags = operands | packed.resultFlags(parts, 0)
	}
	c.launch(name, [3]int{p.batch * to.tilesM * to.tilesN, 1, t.parts}, t.bm*t.bn/64, 0, args(to)...)
	if t.parts > 1 {
		c.launch("product_sum", [3]int{ceil(size, threads), 1, 1}, threads, 0, y, parts, other, uint64(p.stepY), p.m,
			p.n, p.ldy, t.parts, p.flags&^symmetric, uint64(size))
	}
}

// target is where and how a kernel of tiles stores.
type target struct {
	y, other       Ptr
	stepY, stepZ   int
	ldy            int
	tilesM, tilesN int
	chunk, flags   int
}

// multiply adds the launches of a product of matrices.
func (p *product) multiply(c *call, y, a, b, other Ptr) {
	kernel, t := p.kernel(c)
	operands := p.operandFlags(a, b)
	if p.bf16 {
		operands |= roundInputs
	}
	p.bind(c, kernel, t, c.scratch, y, other, operands, func(to target) []any {
		return []any{to.y, a, b, to.other, uint64(p.stepA), uint64(p.stepB), uint64(to.stepY), uint64(to.stepZ), p.m,
			p.n, p.k, p.lda, p.ldb, to.ldy, to.tilesM, to.tilesN, to.chunk, to.flags}
	})
}

// engine is what multiplies: the suffix of kernels' names, what a multiprocessor multiplies in a cycle, and how much of
// k is taken at a time.
func (p *product) engine(fp precision) (suffix string, rate float64, depth int) {
	switch {
	case p.bf16 && fp.sm80:
		return "_bf16", multipliesBF16, 16
	case fp.tf32 && fp.sm80 && !p.bf16:
		return "_tf32", multipliesTF32, 16
	}
	return "", multiplies, 8
}

// kernel is the kernel of a product of matrices, without its tile's size, and the tiling.
func (p *product) kernel(c *call) (string, tiling) {
	side := func(t bool) string {
		if t {
			return "t"
		}
		return "n"
	}
	suffix, _, _ := p.engine(c.fp)
	return "gemm" + suffix + "_" + side(p.transA) + side(p.transB), p.tile(c.fp)
}

func matMulProduct(o op.MatMulOp, in []ir.Type) *product {
	p := &product{transA: o.TransA, transB: o.TransB, bf16: o.BF16}
	p.batch, p.m, p.n, p.k = o.Dims(in[0].Shape, in[1].Shape)
	p.lda, p.ldb, p.ldy = in[0].Shape.Last(), in[1].Shape.Last(), p.n
	p.stepA, p.stepB, p.stepY = p.m*p.k, p.k*p.n, p.m*p.n
	for flag, on := range map[int]bool{finishBias: o.Bias, finishRelu: o.Relu, finishPlus: o.Plus,
		finishRounded: o.Rounded} {
		if on {
			p.flags |= flag
		}
	}
	if o.Slope != "" {
		p.flags |= slopes[o.Slope] << slopeBit
	}
	return p
}

// takesMatMul refuses the derivatives of functions that no layer has behind a product.
func takesMatMul(s ir.Spec, in []ir.Type) bool {
	o := s.(op.MatMulOp)
	return o.Slope == "" || slopes[o.Slope] != 0
}

func scratchMatMul(c *call) int {
	p := matMulProduct(c.spec.(op.MatMulOp), c.in)
	_, t := p.kernel(c)
	return p.scratch(t)
}

func bindMatMul(c *call) {
	var other Ptr
	if len(c.x) > 2 {
		other = c.x[2]
	}
	matMulProduct(c.spec.(op.MatMulOp), c.in).multiply(c, c.y, c.x[0], c.x[1], other)
}

func gramProduct(o op.GramOp, in []ir.Type) *product {
	p := &product{batch: 1, transA: o.Columns, transB: !o.Columns, flags: symmetric}
	p.n, p.k = o.Dims(in[0].Shape)
	p.m, p.ldy = p.n, p.n
	p.lda, p.ldb = in[0].Shape.Last(), in[0].Shape.Last()
	return p
}

func scratchGram(c *call) int {
	p := gramProduct(c.spec.(op.GramOp), c.in)
	_, t := p.kernel(c)
	return p.scratch(t)
}

func bindGram(c *call) {
	gramProduct(c.spec.(op.GramOp), c.in).multiply(c, c.y, c.x[0], c.x[0], 0)
}
