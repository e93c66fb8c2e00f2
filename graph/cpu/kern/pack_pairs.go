package kern

// The operands of pair from float32 matrices. k is filled up with zeros to kp, a multiple of pairDepth.

// packRowsBF16 writes dst[i*ldd+j] = src[i*lds+j] rounded for i < m and j < k, and 0 for k <= j < kp: rows of A.
func packRowsBF16(dst []uint16, ldd int, src []float32, lds, m, k, kp int) {
	roundRows(dst, ldd, src, lds, m, k)
	for i := 0; k < kp && i < m; i++ {
		clear(dst[i*ldd+k : i*ldd+kp])
	}
}

// packPairs writes the panel dst[kp/2][32][2] of src[k,n], n <= 32, zero behind its columns and rows: B as it is stored.
func packPairs(dst []uint16, src []float32, lds, k, n, kp int) {
	packPanels(dst, kp*pairColumns, src, lds, k, n, kp)
}

// packPanels writes the panels [ceil(n/32)][kp/2][32][2] of src[k,n], step elements apart, zero behind its columns and rows. It reads along
// rows: columns of rows far apart would miss pages.
func packPanels(dst []uint16, step int, src []float32, lds, k, n, kp int) {
	for i := 0; i < k; i += 2 {
		row := dst[i/2*pairPanel:]
		whole := 0
		if i+1 < k {
			whole = roundPanels(row, step, src[i*lds:i*lds+n], src[(i+1)*lds:(i+1)*lds+n])
		}
		for q := whole; q*pairColumns < n; q++ {
			j := q * pairColumns
			packPairRow(row[q*step:][:pairPanel], src[i*lds+j:], lds, min(pairColumns, n-j), i+1 < k)
		}
	}
	for q := range ceil(n, pairColumns) {
		clear(dst[q*step+ceil(k, 2)*pairPanel : q*step+kp/2*pairPanel])
	}
}

// packPairRow is a pair row of n columns of one panel and the zeros behind them.
func packPairRow(dst []uint16, src []float32, lds, n int, odd bool) {
	if odd {
		roundPairs(dst, src[:n], src[lds:lds+n])
	} else {
		roundAlone(dst, src[:n])
	}
	clear(dst[2*n:])
}

// turnFloats is the temporary of the transposing packers: 16 rows of 256 elements of 32 bits, one line apart from powers of two.
const (
	turnRows   = 16
	turnWidth  = 256
	turnStride = turnWidth + lineFloats
	turnFloats = turnRows * turnStride
)

// packPairsTransposed writes the panel dst[kp/2][32][2] of the transpose of src[n,k], n <= 32, zero behind its columns and rows. tmp holds
// turnFloats elements.
func packPairsTransposed(dst []uint16, src []float32, lds, k, n, kp int, tmp []float32) {
	panel, rows := floats(dst), bf16s(tmp)
	for j := 0; j < n; j += turnRows {
		h := min(turnRows, n-j)
		for p := 0; p < k; p += 2 * turnWidth {
			w := min(2*turnWidth, k-p)
			packRowsBF16(rows, 2*turnStride, src[j*lds+p:], lds, h, w, roundUp(w, 2))
			transpose(panel[p/2*pairColumns+j:], pairColumns, tmp, turnStride, h, ceil(w, 2))
		}
	}
	if n < pairColumns {
		for i := range ceil(k, 2) {
			clear(dst[i*pairPanel+2*n : (i+1)*pairPanel])
		}
	}
	clear(dst[ceil(k, 2)*pairPanel : kp/2*pairPanel])
}

// packRowsTransposed writes dst[i*ldd+j] = src[j*lds+i] rounded for i < m and j < k, and 0 for k <= j < kp; ldd is even: rows of A from the
// transpose of what is stored. tmp holds turnFloats elements.
func packRowsTransposed(dst []uint16, ldd int, src []float32, lds, m, k, kp int, tmp []float32) {
	rows, pairs := floats(dst), bf16s(tmp)
	for p := 0; p < k; p += 2 * turnRows {
		h := min(2*turnRows, k-p)
		for i := 0; i < m; i += turnWidth {
			w := min(turnWidth, m-i)
			for r := 0; r < h; r += 2 {
				row, s := pairs[r*turnStride:][:2*w], src[(p+r)*lds+i:]
				if r+1 < h {
					roundPairs(row, s[:w], s[lds:lds+w])
				} else {
					roundAlone(row, s[:w])
				}
			}
			transpose(rows[i*ldd/2+p/2:], ldd/2, tmp, turnStride, ceil(h, 2), w)
		}
	}
	for i := range m {
		clear(dst[i*ldd+roundUp(k, 2) : i*ldd+kp])
	}
}
