package kern

// ScratchBF16 is how many elements of scratch a head wants, forward or backward.
func (h Head) ScratchBF16() int {
	s := h.sizes()
	return lineFloats + (4*s.lenRows+s.lenColumns+2*s.lenWeights)/2 + s.lenTurn + 2*s.lenScores + s.lenOut
}

// sizesBF16 are the sizes of a head and of its parts of scratch, in whole lines; turn, scores and out are float32.
type sizesBF16 struct {
	tw       int // T in whole tiles
	tp, dp   int // T and D in whole pairDepths
	ldr, ldw int // from row to row of operands and of weights

	lenRows, lenColumns, lenWeights, lenTurn, lenScores, lenOut int
}

func (h Head) sizes() sizesBF16 {
	s := sizesBF16{tw: roundUp(h.T, lineFloats), tp: roundUp(h.T, pairDepth), dp: roundUp(h.D, pairDepth)}
	s.ldr, s.ldw = pairStride(s.dp), pairStride(s.tp)
	s.lenRows, s.lenWeights = s.tw*s.ldr, s.tp*s.ldw
	s.lenColumns = s.tp * s.dp
	s.lenTurn = s.tp / 2 * s.tp
	s.lenScores, s.lenOut = s.tw*s.tp, s.tw*s.dp
	return s
}

// headBF16 is a head under way. What rows of a matrix behind T hold reaches no result, and neither do columns of scores
// behind T.
type headBF16 struct {
	Head
	sizesBF16
	q, k, v, dy     []uint16  // [tw][ldr], 0 behind column D
	columns         []uint16  // of a product, in pairs of rows: [dp/2][tp][2] or [tp/2][dp][2]
	weights, turned []uint16  // [tp][ldw], 0 behind column T: weights or their gradient, and the transpose
	turn            []float32 // [tp/2][tp]: pairs of rows of weights on the way to the transpose
	p, ds           []float32 // [tw][tp]
	out             []float32 // [tw][dp]: a result on the way to rows further apart
}

func (h Head) cutBF16(scratch []float32) headBF16 {
	b := headBF16{Head: h, sizesBF16: h.sizes()}
	scratch = align(scratch)
	for _, rows := range []*[]uint16{&b.q, &b.k, &b.v, &b.dy} {
		*rows = bf16s(take(&scratch, b.lenRows/2))
	}
	b.columns, b.weights, b.turned = bf16s(take(&scratch, b.lenColumns/2)), bf16s(take(&scratch, b.lenWeights/2)),
		bf16s(take(&scratch, b.lenWeights/2))
	b.turn, b.p, b.ds, b.out = take(&scratch, b.lenTurn), take(&scratch, b.lenScores), take(&scratch, b.lenScores),
		take(&scratch, b.lenOut)
	return b
}

// take makes rows the operand x, rows of which are ldx apart.
func (b *headBF16) take(rows []uint16, x Values, ldx int) {
	packRowsBF16(rows, b.ldr, x, ldx, b.T, b.D, b.dp)
}

// give writes out to rows of y, ldy apart.
func (b *headBF16) give(y Values, ldy int) {
	if y.BF16 != nil {
		roundRows(y.BF16, ldy, b.out, b.dp, b.T, b.D)
	} else {
		copyRows(y.F32, ldy, b.out, b.dp, b.T, b.D)
	}
}

// scoresOf is s = x y'.
func (b *headBF16) scoresOf(s []float32, x, y []uint16) {
	transpose(floats(b.columns), b.tp, floats(y), b.ldr/2, b.tw, b.dp/2)
	b.product(s, b.tp, x, b.ldr, b.tp, b.T, b.dp)
}

// times is c = w x, c [tw][dp].
func (b *headBF16) times(c []float32, w, x []uint16) {
	b.pairUp(floats(b.columns), b.dp, x, b.ldr, b.dp)
	b.product(c, b.dp, w, b.ldw, b.dp, b.D, b.tp)
}

// turnWeights makes turned the transpose of weights.
func (b *headBF16) turnWeights() {
	b.pairUp(b.turn, b.tp, b.weights, b.ldw, b.tp)
	transpose(floats(b.turned), b.ldw/2, b.turn, b.tp, b.tp/2, b.tw)
}

// pairUp makes dst [tp/2][n][2] pairs of rows of x [T,n], element by element, 0 behind row T; n is in whole pairDepths.
func (b *headBF16) pairUp(dst []float32, ldd int, x []uint16, ldx, n int) {
	pairs := ceil(b.T, 2)
	if b.T%2 == 1 {
		clear(x[b.T*ldx:][:n]) // the partner of the last row
	}
	for j := 0; j < n; j += pairColumns {
		pairRows(bf16s(dst[j:]), 2*ldd, x[j:], ldx, pairs)
	}
	clear(dst[pairs*ldd:])
}

// product is c = a b of a [T,k] and columns [k/2][ldb][2], of which n count. It writes whole tiles.
func (b *headBF16) product(c []float32, ldc int, a []uint16, lda, ldb, n, k int) {
	if chosen == amx {
		m, n := b.tw/lineFloats, ceil(n, lineFloats)
		_, _, _ = c[(b.tw-1)*ldc+n*lineFloats-1], a[(b.tw-1)*lda+k-1], b.columns[((k/2-1)*ldb+n*lineFloats)*2-1]
		headTilesAt(&c[0], bytes(ldc), &a[0], uintptr(lda*bf16Size), &b.columns[0], uintptr(ldb*pairSize), uintptr(m),
			uintptr(n), uintptr(k/pairDepth))
		return
	}
	t := pair{tile: tile{ldc: bytes(ldc), a: ptr16(a, 0), rs: uintptr(lda * bf16Size), bs: uintptr(ldb * pairSize)}}
	t.single()
	t.depth(k)
	for j := 0; j < n; j += pairColumns {
		t.columns(min(pairColumns, n-j))
		t.b, t.c = ptr16(b.columns, 2*j), ptr(c, j)
		t.run(b.T)
	}
}
