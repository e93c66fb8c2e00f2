package kern

import "fmt"

// Head is one head of an attention: T tokens of D channels, scores times Scale. Rows of q, k, v and their gradients are Step floats apart, those
// of y and its gradient StepY.
type Head struct {
	T, D        int
	Step, StepY int
	Scale       float32
}

// ScratchBF16 is how many elements of scratch a head wants, forward or backward.
func (h Head) ScratchBF16() int {
	s := h.sizes()
	return lineFloats + (s.lenRows+s.lenTurned+s.lenPanels+s.lenWeights)/2 + s.lenTurn + 2*s.lenScores
}

// ForwardBF16 is y = softmax(Scale q k') v with q, k, v and the weights rounded to bfloat16 as they are multiplied. It asks for the memory of the
// head to come, if there is one.
func (h Head) ForwardBF16(y, q, k, v, scratch []float32, next Operands) {
	h.check(y, q, k, v)
	b := h.cutBF16(scratch)
	b.scoresOf(b.p, q, h.Step, k)
	for i := range h.T {
		b.softmax(i)
		h.prefetch(i, h.StepY, y)
		h.prefetch(i, h.Step, next.Q, next.K, next.V)
	}
	roundRows(b.weights, b.ldw, b.p, b.tp, h.T, b.tp)
	b.times(y, h.StepY, v, h.Step)
}

// BackwardBF16 is the gradient by q, k and v from that by y: with p the weights, dp = dy v' and ds = Scale p (dp - sum of p*dp along a row), it is
// dq = ds k, dk = ds' q and dv = p' dy. Operands of products are rounded to bfloat16, the softmax and its gradient are not. It asks for the memory of the head to come, if there is one.
func (h Head) BackwardBF16(dq, dk, dv, dy, q, k, v, scratch []float32, next Operands) {
	h.check(dy, q, k, v)
	h.check(dy, dq, dk, dv)
	b := h.cutBF16(scratch)
	b.scoresOf(b.p, q, h.Step, k)
	for i := range h.T {
		b.softmax(i)
		h.prefetch(i, h.Step, dq, dk, dv)
	}
	b.scoresOf(b.ds, dy, h.StepY, v)
	for i := range h.T {
		p, d := b.p[i*b.tp:][:b.tw], b.ds[i*b.tp:][:b.tw]
		SoftmaxGrad(d, p, d, h.Scale, float32(Dot(p, d)))
		h.prefetch(i, h.StepY, next.Dy)
		h.prefetch(i, h.Step, next.Q, next.K, next.V)
	}
	b.turnWeights(b.p)
	b.times(dv, h.Step, dy, h.StepY)
	roundRows(b.weights, b.ldw, b.ds, b.tp, h.T, b.tp)
	b.times(dq, h.Step, k, h.Step)
	b.turnWeights(b.ds)
	b.times(dk, h.Step, q, h.Step)
}

// Operands are what a head reads; nil where nothing is to be read.
type Operands struct{ Q, K, V, Dy []float32 }

// prefetch asks for row i of matrices whose rows are step floats apart.
func (h Head) prefetch(i, step int, matrices ...[]float32) {
	for _, m := range matrices {
		if at := i * step; at < len(m) {
			prefetchLines(&m[at], uintptr(ceil(h.D, lineFloats)))
		}
	}
}

// check panics where a matrix is too short for the head; the kernels below do not look.
func (h Head) check(y, q, k, v []float32) {
	for i, s := range [][]float32{y, q, k, v} {
		step := h.Step
		if i == 0 {
			step = h.StepY
		}
		if need := (h.T-1)*step + h.D; h.T < 1 || h.D < 1 || step < h.D || len(s) < need {
			panic(fmt.Sprintf("kern: attention of [%d,%d]: matrix %d of y, q, k, v has %d elements and rows %d apart, want %d", h.T, h.D, i, len(s), step, need))
		}
	}
}

// sizesBF16 are the sizes of a head and of its parts of scratch, in whole lines; turn and scores are float32.
type sizesBF16 struct {
	tw       int // T in whole vectors
	tp, dp   int // T and D in whole pairDepths
	ldr, ldw int // from row to row of rows and of weights

	lenRows, lenTurned, lenPanels, lenWeights, lenTurn, lenScores int
}

func (h Head) sizes() sizesBF16 {
	s := sizesBF16{tw: roundUp(h.T, lineFloats), tp: roundUp(h.T, pairDepth), dp: roundUp(h.D, pairDepth)}
	s.ldr, s.ldw = pairStride(s.dp), pairStride(s.tp)
	s.lenRows, s.lenWeights = s.tw*s.ldr, s.tw*s.ldw
	s.lenTurned, s.lenPanels = s.dp*s.tp, s.tp*s.dp
	s.lenTurn = s.tp / 2 * s.turnStride()
	s.lenScores = roundUp(h.T, 2) * s.tp
	return s
}

// turnStride is an odd number of lines.
func (s *sizesBF16) turnStride() int { return (s.tw/lineFloats | 1) * lineFloats }

// headBF16 is a head under way. Scores are 0 behind their rows and columns, so that what is made of them needs no care at the ends.
type headBF16 struct {
	Head
	sizesBF16
	rows    []uint16  // [tw][ldr]: rows of the product that makes scores, 0 behind column D
	turned  []uint16  // [dp/2][tp][2]: and its columns
	panels  []uint16  // [dp/32][tp/2][32][2]: columns of the products that take weights
	weights []uint16  // [tw][ldw]: and their rows, 0 behind column T
	turn    []float32 // [tp/2][turnStride]: pairs of rows of weights on the way to the columns of weights
	p, ds   []float32 // [T][tp]
}

func (h Head) cutBF16(scratch []float32) headBF16 {
	b := headBF16{Head: h, sizesBF16: h.sizes()}
	scratch = align(scratch)
	next := func(n int) (part []float32) {
		part, scratch = scratch[:n:n], scratch[n:]
		return part
	}
	b.rows, b.turned = bf16s(next(b.lenRows/2)), bf16s(next(b.lenTurned/2))
	b.panels, b.weights = bf16s(next(b.lenPanels/2)), bf16s(next(b.lenWeights/2))
	b.turn, b.p, b.ds = next(b.lenTurn), next(b.lenScores), next(b.lenScores)
	clear(b.p)
	clear(b.ds)
	return b
}

// scoresOf is s = x y' of x and y [T,D], rows of y Step apart.
func (b *headBF16) scoresOf(s, x []float32, ldx int, y []float32) {
	packRowsBF16(b.rows, b.ldr, y, b.Step, b.T, b.D, b.dp)
	transpose(floats(b.turned), b.tp, floats(b.rows), b.ldr/2, b.tw, b.dp/2)
	packRowsBF16(b.rows, b.ldr, x, ldx, b.T, b.D, b.dp)
	t := pair{tile: tile{ldc: bytes(b.tp), a: ptr16(b.rows, 0), rs: uintptr(b.ldr * bf16Size), bs: uintptr(b.tp * pairSize)}}
	t.single()
	t.depth(b.dp)
	for j := 0; j < b.T; j += pairColumns {
		t.columns(min(pairColumns, b.T-j))
		t.b, t.c = ptr16(b.turned, 2*j), ptr(s, j)
		t.run(b.T)
	}
}

// softmax turns row i of the scores into weights.
func (b *headBF16) softmax(i int) {
	row := b.p[i*b.tp:][:b.T]
	Softmax(row, row, b.Scale)
}

// turnWeights makes weights the transpose of scores.
func (b *headBF16) turnWeights(scores []float32) {
	ld := b.turnStride()
	for i := 0; i < b.T; i += 2 {
		even, odd := scores[i*b.tp:], scores[(i+1)*b.tp:]
		roundPairs(bf16s(b.turn[i/2*ld:][:b.tw]), even[:b.tw], odd[:b.tw])
	}
	clear(b.turn[ceil(b.T, 2)*ld:])
	transpose(floats(b.weights), b.ldw/2, b.turn, ld, b.tp/2, b.tw)
}

// times is c = weights x of x [T,D].
func (b *headBF16) times(c []float32, ldc int, x []float32, ldx int) {
	packPanels(b.panels, b.tp*pairColumns, x, ldx, b.T, b.D, b.tp)
	t := pair{tile: tile{ldc: bytes(ldc), a: ptr16(b.weights, 0), rs: uintptr(b.ldw * bf16Size), bs: pairPanel * bf16Size}}
	t.single()
	t.depth(b.tp)
	for j := 0; j < b.D; j += pairColumns {
		t.columns(min(pairColumns, b.D-j))
		t.b, t.c = ptr16(b.panels, j*b.tp), ptr(c, j)
		t.run(b.T)
	}
}
