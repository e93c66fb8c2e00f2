package kern

import "math"

// unseen is the score of keys behind a causal query: its weight is 0.
const unseen = -1e30

// softmax turns rows of the scores from row i on into weights, in float32 and rounded.
func (b *headBF16) softmax(i, rows int, x *Operands) {
	p, w, scale := b.p[i*b.tp:][:rows*b.tp], b.weights[i*b.ldw:][:rows*b.ldw], b.Scale
	if x.biased(p, b.tp, i, rows, b.T, scale) {
		scale = 1
	}
	for r := 0; b.Causal && r < rows; r++ {
		behind := p[r*b.tp+i+r+1 : r*b.tp+b.T]
		for j := range behind {
			behind[j] = unseen
		}
	}
	if active == avx512 {
		softmaxRowsAt(&w[0], uintptr(b.ldw*bf16Size), &p[0], bytes(b.tp), uintptr(rows), uintptr(b.T),
			float32(float64(scale)*math.Log2E))
		return
	}
	SoftmaxRows(p, p, b.tp, rows, b.T, scale)
	b.round(w, p, rows)
}

// softmaxGrad makes the gradient by the weights, ds, that by the scores, rounded; what is for a bias is not.
func (b *headBF16) softmaxGrad(i, rows int, x *Operands) {
	p, d, w := b.p[i*b.tp:][:rows*b.tp], b.ds[i*b.tp:][:rows*b.tp], b.weights[i*b.ldw:][:rows*b.ldw]
	if active == avx512 && x.DBias.F32 == nil {
		softmaxGradRowsAt(&w[0], uintptr(b.ldw*bf16Size), &p[0], &d[0], bytes(b.tp), uintptr(rows), uintptr(b.T),
			b.Scale)
		return
	}
	for r := range rows {
		p, d := p[r*b.tp:][:b.T], d[r*b.tp:][:b.T]
		SoftmaxGrad(d, p, d, b.Scale, float32(Dot(p, d)))
	}
	x.DBias.add(b.ds, b.tp, i, rows, b.T)
	b.round(w, d, rows)
}

// round makes w rows of weights, 0 behind column T.
func (b *headBF16) round(w []uint16, p []float32, rows int) {
	packRowsBF16(w, b.ldw, Values{F32: p}, b.tp, rows, b.T, b.tp)
}

// pairRows writes dst[i*ldd+2j] = src[2i*lds+j] and dst[i*ldd+2j+1] = src[(2i+1)*lds+j] for i < pairs and j < 32.
func pairRows(dst []uint16, ldd int, src []uint16, lds, pairs int) {
	_, _ = dst[(pairs-1)*ldd+pairPanel-1], src[(2*pairs-1)*lds+pairColumns-1]
	if active == avx512 {
		pairRowsAt(&dst[0], uintptr(ldd*bf16Size), &src[0], uintptr(lds*bf16Size), uintptr(pairs))
		return
	}
	for i := range pairs {
		zip(dst[i*ldd:], src[2*i*lds:][:pairColumns], src[(2*i+1)*lds:])
	}
}
