package kern

// ScratchBF16 is how many elements of scratch a head wants, forward or backward.
func (h Head) ScratchBF16() int {
	s := h.sizes()
	return lineFloats + (4*s.lenRows+s.lenTurned+s.lenPanels+s.lenWeights)/2 + s.lenTurn + 2*s.lenScores + s.lenOut
}

// sizesBF16 are the sizes of a head and of its parts of scratch, in whole lines; turn, scores and out are float32.
type sizesBF16 struct {
	tw       int // T in whole vectors
	tp, dp   int // T and D in whole pairDepths
	ldr, ldw int // from row to row of operands and of weights

	lenRows, lenTurned, lenPanels, lenWeights, lenTurn, lenScores, lenOut int
}

func (h Head) sizes() sizesBF16 {
	s := sizesBF16{tw: roundUp(h.T, lineFloats), tp: roundUp(h.T, pairDepth), dp: roundUp(h.D, pairDepth)}
	s.ldr, s.ldw = pairStride(s.dp), pairStride(s.tp)
	s.lenRows, s.lenWeights = s.tw*s.ldr, s.tw*s.ldw
	s.lenTurned, s.lenPanels = s.dp*s.tp, s.tp*s.dp
	s.lenTurn = s.tp / 2 * s.turnStride()
	s.lenScores = roundUp(h.T, 2) * s.tp
	s.lenOut = s.tw * s.dp
	return s
}

// turnStride is an odd number of lines.
func (s *sizesBF16) turnStride() int { return (s.tw/lineFloats | 1) * lineFloats }

// headBF16 is a head under way. Scores are 0 behind their rows and columns, so that what is made of them needs no care at the ends.
type headBF16 struct {
	Head
	sizesBF16
	q, k, v, dy []uint16  // [tw][ldr], 0 behind column D; what rows behind T hold reaches no result
	turned      []uint16  // [dp/2][tp][2]: columns of the product that makes scores
	panels      []uint16  // [dp/32][tp/2][32][2]: columns of the products that take weights
	weights     []uint16  // [tw][ldw]: and their rows, 0 behind column T
	turn        []float32 // [tp/2][turnStride]: pairs of rows of weights on the way to the columns of weights
	p, ds       []float32 // [T][tp]
	out         []float32 // [tw][dp]: y on the way to bfloat16
}

func (h Head) cutBF16(scratch []float32) headBF16 {
	b := headBF16{Head: h, sizesBF16: h.sizes()}
	scratch = align(scratch)
	next := func(n int) (part []float32) {
		part, scratch = scratch[:n:n], scratch[n:]
		return part
	}
	for _, rows := range []*[]uint16{&b.q, &b.k, &b.v, &b.dy} {
		*rows = bf16s(next(b.lenRows / 2))
	}
	b.turned, b.panels, b.weights = bf16s(next(b.lenTurned/2)), bf16s(next(b.lenPanels/2)), bf16s(next(b.lenWeights/2))
	b.turn, b.p, b.ds, b.out = next(b.lenTurn), next(b.lenScores), next(b.lenScores), next(b.lenOut)
	clear(b.p)
	clear(b.ds)
	return b
}

// take makes rows the operand x, rows of which are ldx apart.
func (b *headBF16) take(rows []uint16, x Values, ldx int) {
	if x.BF16 == nil {
		roundRows(rows, b.ldr, x.F32, ldx, b.T, b.D)
	} else {
		moveRows(rows, b.ldr, x.BF16, ldx, b.T, b.D)
	}
	for i := 0; b.D < b.dp && i < b.T; i++ {
		clear(rows[i*b.ldr+b.D : i*b.ldr+b.dp])
	}
}

// scoresOf is s = x y'.
func (b *headBF16) scoresOf(s []float32, x, y []uint16) {
	transpose(floats(b.turned), b.tp, floats(y), b.ldr/2, b.tw, b.dp/2)
	t := pair{tile: tile{ldc: bytes(b.tp), a: ptr16(x, 0), rs: uintptr(b.ldr * bf16Size), bs: uintptr(b.tp * pairSize)}}
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

// times is c = weights x.
func (b *headBF16) times(c []float32, ldc int, x []uint16) {
	b.pairUp(x)
	t := pair{tile: tile{ldc: bytes(ldc), a: ptr16(b.weights, 0), rs: uintptr(b.ldw * bf16Size), bs: pairPanel * bf16Size}}
	t.single()
	t.depth(b.tp)
	for j := 0; j < b.D; j += pairColumns {
		t.columns(min(pairColumns, b.D-j))
		t.b, t.c = ptr16(b.panels, j*b.tp), ptr(c, j)
		t.run(b.T)
	}
}

// pairUp makes the panels of an operand.
func (b *headBF16) pairUp(x []uint16) {
	clear(x[b.T*b.ldr : roundUp(b.T, 2)*b.ldr]) // the partner of an odd last row
	pairs, step := ceil(b.T, 2), b.tp*pairColumns
	for j := 0; j < b.dp; j += pairColumns {
		panel := b.panels[j/pairColumns*step:][:step]
		pairRows(panel, x[j:], b.ldr, pairs)
		clear(panel[pairs*pairPanel:])
	}
}

// moveRows writes dst[i*ldd+j] = src[i*lds+j] for i < m and j < n.
func moveRows(dst []uint16, ldd int, src []uint16, lds, m, n int) {
	for i := range m {
		copy(dst[i*ldd:i*ldd+n], src[i*lds:i*lds+n])
	}
}

// pairRows writes dst[pairs][32][2] from src[2*pairs][32], rows of src lds apart.
func pairRows(dst, src []uint16, lds, pairs int) {
	_, _ = dst[pairs*pairPanel-1], src[(2*pairs-1)*lds+pairColumns-1]
	if active == avx512 {
		pairRowsAt(&dst[0], &src[0], uintptr(lds*bf16Size), uintptr(pairs))
		return
	}
	for i := range pairs {
		even, odd, to := src[2*i*lds:][:pairColumns], src[(2*i+1)*lds:][:pairColumns], dst[i*pairPanel:][:pairPanel]
		for j, v := range even {
			to[2*j], to[2*j+1] = v, odd[j]
		}
	}
}
