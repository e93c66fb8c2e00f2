package cpu

import (
	"selfsup/graph/cpu/kern"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// Temporaries in bfloat16: which operands kernels take so, and the passes that work on float32 chunks of them.

// Narrows reports whether the kernel of an operation on operands of types in takes one of them in bfloat16, or writes
// its result so, operand ir.Result.
func (Backend) Narrows(s ir.Spec, in []ir.Type, operand int) bool {
	switch o := s.(type) {
	case op.ConvForward:
		return o.BF16 && operand <= 0
	case op.ConvBackwardWeights:
		return o.BF16 && (operand == 0 || operand == 1)
	case op.ConvBackwardData:
		return o.BF16 && operand == 0
	case op.MatMulOp:
		return o.BF16 && narrowsProduct(o, in, operand)
	case op.SumToOp:
		return operand == 0 && planSum(&call{spec: s, in: in, out: ir.Type{Shape: o.To.Shape()}}).kind == sumColumns
	case op.Stats:
		return operand == 0
	case op.NormSums:
		return operand == 1
	case op.NormBackward: // a result in bfloat16 with x in it too
		return operand == 1 || operand == ir.Result && !o.Frozen && in[1].DType == ir.BF16
	case op.BatchNormOp:
		return operand <= 0 || o.Residual && operand == len(in)-1
	case op.RoundOp:
		return operand <= 0
	case op.LayerNormOp:
		return operand == ir.Result
	case op.AttentionOp:
		return o.BF16 && operand <= 0
	case op.AttentionGrad:
		return o.BF16 && (operand == 0 || operand == 1)
	case op.Unary:
		return operand <= 0
	case op.UnaryGrad:
		return operand >= 0
	case op.Binary:
		return o.Fn == "add" && in[0].Shape.Equal(in[1].Shape)
	}
	return false
}

// take cuts n floats off the scratch memory.
func (c *call) take(n int) []float32 {
	s := c.scratch[:n:n]
	c.scratch = c.scratch[n:]
	return s
}

const chunk = 2 << 10 // elements, so that a few chunks stay in L1

// chunkOf is the elements of a chunk.
func chunkOf(unit int) int { return (chunk + unit - 1) / unit * unit }

// scratchChunks is the floats that a pass over chunks wants.
func scratchChunks(c *call, unit int) int {
	n := 0
	for _, t := range append([]ir.Type{c.out}, c.in...) {
		if t.DType == ir.BF16 {
			n += chunkOf(unit)
		}
	}
	return kern.Threads() * n
}

// passChunks makes the function that covers an operation's result with calls f(y, x), y some whole units of so many
// elements and x the same of those operands. In place of what is kept in bfloat16, f gets float32 copies of some
// thousand elements.
func passChunks(c *call, operands []int, unit int, f func(y []float32, x [][]float32)) func() {
	size := chunkOf(unit)
	half, each := c.yh != nil, 0
	if half {
		each += size
	}
	for _, k := range operands {
		if c.xh[k] != nil {
			half, each = true, each+size
		}
	}
	task := max(unit, block/unit*unit) // elements of a task
	if !half {
		size = task
	}
	total := c.out.Shape.Size()
	limit := kern.Threads()
	if each > 0 {
		limit = min(limit, len(c.scratch)/each)
	}
	parts := make([][][]float32, limit) // of operands, by worker
	for i := range parts {
		parts[i] = make([][]float32, len(operands))
	}
	scratches := c.scratch
	run := func(i, worker int) {
		x := parts[worker]
		for from := i * task; from < min((i+1)*task, total); from += size {
			to := min(from+size, (i+1)*task, total)
			scratch := scratches[worker*each : (worker+1)*each]
			take := func() []float32 {
				s := scratch[:to-from]
				scratch = scratch[size:]
				return s
			}
			for i, k := range operands {
				if h := c.xh[k]; h != nil {
					x[i] = take()
					kern.Widen(x[i], h[from:to])
				} else {
					x[i] = c.x[k][from:to]
				}
			}
			if c.yh == nil {
				f(c.y[from:to], x)
				continue
			}
			y := take()
			f(y, x)
			kern.Round(c.yh[from:to], y)
		}
	}
	n := tasks(total, task)
	return func() { kern.RunWorkers(n, limit, run) }
}

// scratchElements is scratchChunks of passes over single elements.
func scratchElements(c *call) int { return scratchChunks(c, 1) }

// scratchRows is scratchChunks of passes over rows of the last axis.
func scratchRows(c *call) int { return scratchChunks(c, c.out.Shape.Last()) }

func bindRound(c *call) func() {
	return passChunks(c, []int{0}, 1, func(y []float32, x [][]float32) {
		copy(y, x[0])
		kern.RoundFloats(y)
	})
}

// roundedAfter is run and then a pass that rounds its result, y.
func roundedAfter(run func(), y []float32) func() {
	round := sweep(len(y), block, func(from, to int) { kern.RoundFloats(y[from:to]) })
	return func() {
		run()
		round()
	}
}

// narrowsProduct is Narrows of a product of bfloat16 precision.
func narrowsProduct(o op.MatMulOp, in []ir.Type, operand int) bool {
	batch, m, n, k := o.Dims(in[0].Shape, in[1].Shape)
	switch {
	case batch != 1:
		return false
	case operand == 2:
		return o.Slope == "gelu"
	}
	return operand != ir.Result || !kern.GemmSplits(m, n, k)
}

// halfRows is an operand that is kept in bfloat16, as float32 for sums down its columns: so many rows at a time as are
// added before they move on to float64.
type halfRows struct {
	x    []uint16
	c    int
	rows []float32 // [worker][tall][c]
}

func newHalfRows(x []uint16, c int, scratch []float32) *halfRows {
	return &halfRows{x, c, scratch[:kern.Threads()*tall*c]}
}

// scratchHalfRows is the floats that an operand of rows of c wants, 0 if it is in float32.
func scratchHalfRows(t ir.Type, c int) int {
	if t.DType != ir.BF16 {
		return 0
	}
	return kern.Threads() * tall * c
}

// each calls f for rows row0 to row1, at most tall at a time: their first, columns col0 to col1 of them, and how many
// they are.
func (h *halfRows) each(worker, row0, row1, col0, col1 int, f func(first int, rows []float32, n int)) {
	rows := h.rows[worker*tall*h.c:][:tall*h.c]
	for r := row0; r < row1; r += tall {
		n := min(tall, row1-r)
		kern.WidenRows(rows[col0:], h.c, h.x[r*h.c+col0:], h.c, n, col1-col0)
		f(r, rows, n)
	}
}
