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
	whole               bool   // not to be split along k
	inA, inB            matrix // operands as they lie in memory
	eights              bool   // operands may be rounded beforehand: kernels read them in vectors of eight
}

// matrix is the size of an operand in memory.
type matrix struct{ rows, cols int }

// tiling is how a product is made: by an engine, in tiles of bm x bn, each a block of threads, of parts along k, chunk
// long.
type tiling struct {
	engine
	bm, bn, parts, chunk int
	cost                 float64 // in cycles of a multiprocessor
}

// engine is what multiplies.
type engine struct {
	suffix string  // of kernels' names
	rate   float64 // what a multiprocessor multiplies in a cycle
	depth  int     // how much of k is taken at a time
	halves bool    // operands are rounded to bfloat16 beforehand
}

// The engines of kernels/tile.h, tensor.h and halves.h. The rate in float32 was measured on an H200 (31 TFLOP/s), those
// of tensor cores are estimates of how fast operands arrive.
var (
	float32Engine = engine{"", 60, 8, false}
	bf16Engine    = engine{"_bf16", 300, 16, false}
	tf32Engine    = engine{"_tf32", 180, 16, false}
	halvesEngine  = engine{"_halves", 550, 32, true}
)

func ceil(a, b int) int { return (a + b - 1) / b }

// The model by which tilings are chosen, in cycles of a multiprocessor: how many bytes of results all of them together
// move in one, and what another launch takes. Estimates for an H200; only their ratios matter.
const (
	carries     = 2500.0
	relaunch    = 4000.0
	partsMemory = 128 << 20 // bytes that the parts of a product may take
	leastChunk  = 128
	warpsWanted = 12 // on a multiprocessor, to hide latencies
)

// tile chooses the tiling of a product for a device.
func (p *product) tile(fp precision) tiling {
	switch {
	case p.bf16 && fp.sm80:
		t := p.tileBy(bf16Engine, fp)
		if p.eights {
			h := p.tileBy(halvesEngine, fp)
			h.cost += 2*relaunch + 6*float64(p.inA.rows*p.inA.cols+p.inB.rows*p.inB.cols)/carries
			if h.cost < t.cost {
				return h
			}
		}
		return t
	case fp.tf32 && fp.sm80 && !p.bf16:
		return p.tileBy(tf32Engine, fp)
	}
	return p.tileBy(float32Engine, fp)
}

// tileBy chooses the tiling for an engine.
func (p *product) tileBy(e engine, fp precision) (best tiling) {
	processors := fp.processors
	if processors <= 0 {
		processors = 100
	}
	for _, t := range []struct {
		bm, bn int
		eff    float64
	}{{128, 128, 1}, {128, 64, 0.9}, {64, 64, 0.75}} {
		if p.flags&symmetric != 0 && t.bm != t.bn {
			continue
		}
		tiles := p.batch * ceil(p.m, t.bm) * ceil(p.n, t.bn)
		for parts := 1; parts <= 256; parts *= 2 {
			chunk := ceil(ceil(p.k, parts), e.depth) * e.depth
			if parts > 1 && (p.whole || chunk < leastChunk || 4*parts*p.batch*p.m*p.n > partsMemory) {
				break
			}
			blocks := tiles * ceil(p.k, chunk)
			each := ceil(blocks, processors) // of a multiprocessor
			warps := float64(min(each*t.bm*t.bn/2048, 16))
			busy := min(1, warps/warpsWanted)
			cost := float64(each*t.bm*t.bn) * float64(chunk+4*e.depth) / (e.rate * t.eff * busy)
			if parts > 1 {
				cost += relaunch + 8*float64(ceil(p.k, chunk)*p.batch*p.m*p.n)/carries
			}
			if best.bm == 0 || cost < best.cost {
				best = tiling{e, t.bm, t.bn, ceil(p.k, chunk), chunk, cost}
			}
		}
	}
	return best
}

// scratch is the bytes of operands that are rounded beforehand, and of the parts of a product.
func (p *product) scratch(t tiling) (bytes int) {
	if t.halves {
		bytes = p.inA.halves() + p.inB.halves()
	}
	if t.parts > 1 {
		bytes += 4 * t.parts * p.batch * p.m * p.n
	}
	return bytes
}

// ld is the elements from row to row of a matrix that is rounded beforehand.
func (x matrix) ld() int { return ceil(x.cols, 8) * 8 }

// halves is the bytes of such a matrix.
func (x matrix) halves() int { return aligned(2 * x.rows * x.ld()) }

// halve adds the launch that rounds a matrix to bfloat16, behind a norm if there is one: scale is its scale and shift,
// flags the flags of the images' norm.
func (x matrix) halve(c *call, to, from, scale Ptr, flags int) {
	size := x.rows * x.ld() / 8
	c.launch("halve", [3]int{ceil(size, threads), 1, 1}, threads, 0, to, from, scale, x.cols, x.ld(),
		flags&imagesNormedRelu != 0, matches(from, x.cols, 0), uint64(size))
}

// operands rounds a and b to bfloat16 if the tiling says so, b being the second operand and a behind a norm if there is
// one. It returns where kernels find them, and where there is working memory left.
func (p *product) operands(c *call, t tiling, room, a, b, scale Ptr, flags int) (Ptr, Ptr, Ptr) {
	if !t.halves {
		return room, a, b
	}
	ah, bh := room, room+Ptr(p.inA.halves())
	p.inA.halve(c, ah, a, scale, flags)
	p.inB.halve(c, bh, b, 0, 0)
	return bh + Ptr(p.inB.halves()), ah, bh
}

// shared is the bytes of shared memory that a block asks for: of engines that have slices under way, three slices of 32
// along k of both operands, which are padded, or 32 rows of the result.
func (p *product) shared(t tiling) int {
	if !t.halves {
		return 0
	}
	slice := func(size int, along bool) int {
		if along {
			return 2 * size * (32 + 8)
		}
		return 2 * 32 * (size + 8)
	}
	return max(3*(slice(t.bm, !p.transA)+slice(t.bn, p.transB)), 4*32*(t.bn+4))
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
	c.launch(name, [3]int{p.batch * to.tilesM * to.tilesN, 1, t.parts}, t.bm*t.bn/64, p.shared(t), args(to)...)
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
	t := p.tile(c.fp)
	flags := p.operandFlags(a, b)
	if p.bf16 {
		flags |= roundInputs
	}
	room, a, b := p.operands(c, t, c.scratch, a, b, 0, 0)
	lda, ldb, stepA, stepB := p.lda, p.ldb, p.stepA, p.stepB
	if t.halves {
		lda, ldb = p.inA.ld(), p.inB.ld()
		stepA, stepB = p.inA.rows/p.batch*lda, p.inB.rows/p.batch*ldb
	}
	side := map[bool]string{false: "n", true: "t"}
	p.bind(c, "gemm"+t.suffix+"_"+side[p.transA]+side[p.transB], t, room, y, other, flags, func(to target) []any {
		return []any{to.y, a, b, to.other, uint64(stepA), uint64(stepB), uint64(to.stepY), uint64(to.stepZ), p.m, p.n,
			p.k, lda, ldb, to.ldy, to.tilesM, to.tilesN, to.chunk, to.flags}
	})
}

// matrices says how the operands of a product of matrices lie in memory.
func (p *product) matrices() *product {
	p.inA, p.inB = matrix{p.batch * p.m, p.k}, matrix{p.batch * p.k, p.n}
	if p.transA {
		p.inA = matrix{p.batch * p.k, p.m}
	}
	if p.transB {
		p.inB = matrix{p.batch * p.n, p.k}
	}
	p.lda, p.ldb, p.ldy, p.eights = p.inA.cols, p.inB.cols, p.n, true
	p.stepA, p.stepB, p.stepY = p.m*p.k, p.k*p.n, p.m*p.n
	return p
}

func matMulProduct(o op.MatMulOp, in []ir.Type) *product {
	p := &product{transA: o.TransA, transB: o.TransB, bf16: o.BF16}
	p.batch, p.m, p.n, p.k = o.Dims(in[0].Shape, in[1].Shape)
	for flag, on := range map[int]bool{finishBias: o.Bias, finishRelu: o.Relu, finishPlus: o.Plus,
		finishRounded: o.Rounded} {
		if on {
			p.flags |= flag
		}
	}
	if o.Slope != "" {
		p.flags |= slopes[o.Slope] << slopeBit
	}
	return p.matrices()
}

// takesMatMul refuses the derivatives of functions that no layer has behind a product.
func takesMatMul(s ir.Spec, in []ir.Type) bool {
	o := s.(op.MatMulOp)
	return o.Slope == "" || slopes[o.Slope] != 0
}

func scratchMatMul(c *call) int {
	p := matMulProduct(c.spec.(op.MatMulOp), c.in)
	return p.scratch(p.tile(c.fp))
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
	p.m = p.n
	return p.matrices()
}

func scratchGram(c *call) int {
	p := gramProduct(c.spec.(op.GramOp), c.in)
	return p.scratch(p.tile(c.fp))
}

func bindGram(c *call) {
	gramProduct(c.spec.(op.GramOp), c.in).multiply(c, c.y, c.x[0], c.x[0], 0)
}
