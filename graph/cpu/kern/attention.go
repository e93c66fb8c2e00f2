package kern

import "fmt"

// Head is one head of an attention: T tokens of D channels, scores times Scale. Rows of q, k, v and their gradients are
// Step elements apart, those of y and its gradient StepY.
type Head struct {
	T, D        int
	Step, StepY int
	Scale       float32
	Causal      bool // query t attends to keys 0 to t
}

// Forward is y = softmax(Scale q k') v, in float32. It asks for the memory of the head to come, if there is one.
func (h Head) Forward(y []float32, x Operands, scratch []float32, next Operands) {
	h.check(Values{F32: y}, x.Q, x.K, x.V)
	b := h.cut(scratch)
	b.scores(b.p, x.Q.F32, h.Step, x.K.F32)
	for i := 0; i < h.T; i += headRows {
		rows := min(headRows, h.T-i)
		b.softmax(i, rows, &x)
		h.prefetch(i, rows, h.StepY, Values{F32: y})
		h.prefetch(i, rows, h.Step, next.Q, next.K, next.V)
	}
	b.times(y, h.StepY, false, b.p, x.V.F32, h.Step)
}

// Backward is the gradient by q, k and v from that by y, in float32: with p the weights, dp = dy v' and ds = Scale p
// (dp - sum of p*dp along a row), it is dq = ds k, dk = ds' q and dv = p' dy. It asks for the memory of the head to
// come, if there is one.
func (h Head) Backward(dq, dk, dv []float32, x Operands, scratch []float32, next Operands) {
	h.check(x.Dy, x.Q, x.K, x.V)
	h.check(x.Dy, Values{F32: dq}, Values{F32: dk}, Values{F32: dv})
	b := h.cut(scratch)
	b.scores(b.p, x.Q.F32, h.Step, x.K.F32)
	b.scores(b.ds, x.Dy.F32, h.StepY, x.V.F32)
	for i := 0; i < h.T; i += headRows {
		rows := min(headRows, h.T-i)
		b.softmax(i, rows, &x)
		h.prefetch(i, rows, h.Step, Values{F32: dq}, Values{F32: dk}, Values{F32: dv})
	}
	b.times(dv, h.Step, true, b.p, x.Dy.F32, h.StepY)
	for i := 0; i < h.T; i += headRows {
		rows := min(headRows, h.T-i)
		b.softmaxGrad(i, rows)
		x.DBias.add(b.ds, b.ld, i, rows, h.T)
		h.prefetch(i, rows, h.StepY, next.Dy)
		h.prefetch(i, rows, h.Step, next.Q, next.K, next.V)
	}
	b.times(dq, h.Step, false, b.ds, x.K.F32, h.Step)
	b.times(dk, h.Step, true, b.ds, x.Q.F32, h.Step)
}

// Scratch is how many elements of scratch Forward and Backward want.
func (h Head) Scratch() int {
	b := h.sizes32()
	return lineFloats + b.panelFloats() + 2*b.scoreFloats()
}

// head32 is a head under way.
type head32 struct {
	Head
	level blocking
	ld    int       // from row to row of scores: T in whole vectors
	panel []float32 // of an operand of a product, one at a time
	p, ds []float32 // [T][ld]: scores, then weights; their gradient. Columns behind T are 0
}

func (h Head) sizes32() head32 {
	b := head32{Head: h, level: *dims()}
	b.ld = roundUp(h.T, min(b.level.nr, lineFloats))
	return b
}

func (b *head32) panelFloats() int { return roundUp(max(b.D, b.T)*b.level.nr, lineFloats) }

func (b *head32) scoreFloats() int { return roundUp(b.T*b.ld, lineFloats) }

func (h Head) cut(scratch []float32) head32 {
	b := h.sizes32()
	scratch = align(scratch)
	b.panel, b.p, b.ds = take(&scratch, b.panelFloats()), take(&scratch, b.scoreFloats()),
		take(&scratch, b.scoreFloats())
	return b
}

// causalRows is how many rows of weights make a product by themselves, of those columns that one of them attends to.
const causalRows = 32

// scores is s = x y', rows of x ldx apart, those of y Step. Columns behind T are computed too, with 0 for y. Where the
// head is causal, only columns up to a row's are.
func (b *head32) scores(s, x []float32, ldx int, y []float32) {
	nr := b.level.nr
	t := b.product(b.D, b.ld)
	t.rs, t.cs = bytes(ldx), floatSize
	for j := 0; j < b.T; j += nr {
		panel := b.panel[:b.D*nr]
		packTransposed(panel, nr, y[j*b.Step:], b.Step, b.D, min(nr, b.T-j))
		t.columns(min(nr, b.ld-j))
		t.b = ptr(panel, 0)
		from := 0
		if b.Causal {
			from = j
		}
		t.a, t.c = ptr(x, from*ldx), ptr(s, from*b.ld+j)
		t.rows(b.T - from)
	}
}

// times is c = w x or, turned, c = w' x for weights w; rows of x are ldx apart, those of c ldc.
func (b *head32) times(c []float32, ldc int, turned bool, w, x []float32, ldx int) {
	nr, rows := b.level.nr, b.T
	if b.Causal {
		rows = min(causalRows, b.T)
	}
	t := b.product(b.T, ldc)
	t.rs, t.cs = bytes(b.ld), floatSize
	if turned {
		t.rs, t.cs = t.cs, t.rs
	}
	for j := 0; j < b.D; j += nr {
		n, panel := min(nr, b.D-j), b.panel[:b.T*nr]
		packRows(panel, nr, x[j:], ldx, b.T, n)
		t.columns(n)
		for i := 0; i < b.T; i += rows {
			m, from, to := min(rows, b.T-i), 0, b.T // of the columns of w or, turned, its rows
			switch {
			case !b.Causal:
			case turned:
				from = i
			default:
				to = i + m
			}
			t.a = ptr(w, i*b.ld)
			if turned {
				t.a = ptr(w, from*b.ld+i)
			}
			t.k = uintptr(to - from)
			t.b, t.c = ptr(panel, from*nr), ptr(c, i*ldc+j)
			t.rows(m)
		}
	}
}

// product is the tower of a product over k.
func (b *head32) product(k, ldc int) tower {
	t := tower{tile: tile{k: uintptr(k), bs: bytes(b.level.nr), ldc: bytes(ldc)}}
	t.single()
	return t
}

// softmax turns rows of the scores from row i on into weights.
func (b *head32) softmax(i, rows int, x *Operands) {
	p, scale := b.p[i*b.ld:], b.Scale
	if x.biased(p, b.ld, i, rows, b.T, scale) {
		scale = 1
	}
	if !b.Causal {
		SoftmaxRows(p, p, b.ld, rows, b.T, scale)
		return
	}
	for r := range rows {
		row := p[r*b.ld:][:b.ld]
		SoftmaxRows(row, row, b.ld, 1, i+r+1, scale)
		clear(row[i+r+1:])
	}
}

// softmaxGrad makes the gradient by the weights, ds, that by the scores.
func (b *head32) softmaxGrad(i, rows int) {
	for r := i; r < i+rows; r++ {
		n := b.ld
		if b.Causal {
			n = r + 1
			clear(b.ds[r*b.ld+n : (r+1)*b.ld])
		}
		p, d := b.p[r*b.ld:][:n], b.ds[r*b.ld:][:n]
		SoftmaxGrad(d, p, d, b.Scale, float32(Dot(p, d)))
	}
}

// Operands are what a head reads; empty where nothing is to be read. Those of a product that are bfloat16 already give
// the same bits as the same numbers in float32. Biases are added to the scaled scores, and Scale times the gradient by
// them is added to DBias.
type Operands struct {
	Q, K, V, Dy Values
	Bias        [2]Bias
	DBias       Bias
}

// Bias is a matrix [T,T] whose rows are Step elements apart, 0: one row for all. An empty one is none.
type Bias struct {
	F32  []float32
	Step int
}

// biased makes rows of scores from row i on, ld apart, n of each, scaled scores with biases, if there are any.
func (x *Operands) biased(p []float32, ld, i, rows, n int, scale float32) bool {
	any := false
	for _, b := range x.Bias {
		if b.F32 == nil {
			continue
		}
		for r := range rows {
			row := p[r*ld:][:n]
			Mix(row, row, b.F32[(i+r)*b.Step:][:n], scale, 1)
		}
		any, scale = true, 1
	}
	return any
}

// add adds rows from row i on of s, ld apart, n of each.
func (b Bias) add(s []float32, ld, i, rows, n int) {
	if b.F32 == nil {
		return
	}
	for r := i; r < i+rows; r++ {
		to := b.F32[r*b.Step:][:n]
		Add(to, to, s[r*ld:][:n])
	}
}

// headRows is how many rows of scores are done between requests for memory.
const headRows = 8

// prefetch asks for rows from row i on of matrices whose rows are step elements apart.
func (h Head) prefetch(i, rows, step int, matrices ...Values) {
	for _, m := range matrices {
		switch at := i * step; {
		case at < len(m.F32):
			fetchRows(m.F32[at:], step, rows, h.D)
		case at < len(m.BF16):
			fetchRows(m.BF16[at:], step, rows, h.D)
		}
	}
}

// check panics where a matrix is too short for the head; the kernels below do not look.
func (h Head) check(y, q, k, v Values) {
	for i, s := range [...]Values{y, q, k, v} {
		step := h.Step
		if i == 0 {
			step = h.StepY
		}
		if need := (h.T-1)*step + h.D; h.T < 1 || h.D < 1 || step < h.D || s.Len() < need {
			panic(fmt.Sprintf("kern: attention of [%d,%d]: matrix %d of y, q, k, v has %d elements and rows %d "+
				"apart, want %d", h.T, h.D, i, s.Len(), step, need))
		}
	}
}
