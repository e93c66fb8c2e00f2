package kern

// The operands of pair from matrices of float32, rounded, or of bfloat16. k is filled up with zeros to kp, a multiple
// of pairDepth.

// packRowsBF16 writes dst[i*ldd+j] = src[i*lds+j] for i < m and j < k, and 0 for k <= j < kp: rows of A.
func packRowsBF16(dst []uint16, ldd int, src Values, lds, m, k, kp int) {
	if src.BF16 == nil {
		roundRows(dst, ldd, src.F32, lds, m, k)
	} else {
		copyRows(dst, ldd, src.BF16, lds, m, k)
	}
	for i := 0; k < kp && i < m; i++ {
		clear(dst[i*ldd+k : i*ldd+kp])
	}
}

// packPairs writes the panel dst[kp/2][32][2] of src[k,n], n <= 32, zero behind its columns and rows: B as it is
// stored.
func packPairs(dst []uint16, src Values, lds, k, n, kp int) {
	packPanels(dst, kp*pairColumns, src, lds, k, n, kp)
}

// packPanels writes the panels [ceil(n/32)][kp/2][32][2] of src[k,n], step elements apart, zero behind its columns and
// rows. It reads along rows: columns of rows far apart would miss pages.
func packPanels(dst []uint16, step int, src Values, lds, k, n, kp int) {
	for i := 0; i < k; i += 2 {
		row := dst[i/2*pairPanel:]
		whole := 0
		if i+1 < k {
			whole = pairUpPanels(row, step, src.From(i*lds), lds, n)
		}
		for q := whole; q*pairColumns < n; q++ {
			j := q * pairColumns
			pairs, w := row[q*step:][:pairPanel], min(pairColumns, n-j)
			pairUp(pairs[:2*w], src.From(i*lds+j), lds, i+1 < k)
			clear(pairs[2*w:])
		}
	}
	for q := range ceil(n, pairColumns) {
		clear(dst[q*step+ceil(k, 2)*pairPanel : q*step+kp/2*pairPanel])
	}
}

// pairUpPanels writes one row of pairs, of src and the row lds behind it, of the whole panels of n columns, step
// elements apart, and returns how many there are; at levels without a kernel it does none.
func pairUpPanels(dst []uint16, step int, src Values, lds, n int) int {
	if src.BF16 == nil {
		return roundPanels(dst, step, src.F32[:n], src.F32[lds:lds+n])
	}
	panels := n / pairColumns
	if active < avx512 || panels == 0 {
		return 0
	}
	_, _ = dst[(panels-1)*step+pairPanel-1], src.BF16[lds+n-1]
	zipPanelsAt(&dst[0], uintptr(step*bf16Size), &src.BF16[0], &src.BF16[lds], uintptr(panels))
	return panels
}

// pairUp writes the pairs of a row and the row lds behind it, as many as dst holds; zeros in place of the second unless
// both are there.
func pairUp(dst []uint16, src Values, lds int, both bool) {
	n := len(dst) / 2
	switch {
	case src.BF16 == nil && both:
		roundPairs(dst, src.F32[:n], src.F32[lds:lds+n])
	case src.BF16 == nil:
		roundAlone(dst, src.F32[:n])
	case both:
		zip(dst, src.BF16[:n], src.BF16[lds:lds+n])
	default:
		for j, v := range src.BF16[:n] {
			dst[2*j], dst[2*j+1] = v, 0
		}
	}
}

// zip writes dst[2j] = even[j] and dst[2j+1] = odd[j] for j < len(even).
func zip(dst, even, odd []uint16) {
	dst, odd = dst[:2*len(even)], odd[:len(even)]
	at := 0
	if w := len(even) / pairColumns; active >= avx512 && w > 0 {
		at = w * pairColumns
		zipPanelsAt(&dst[0], pairPanel*bf16Size, &even[0], &odd[0], uintptr(w))
	}
	for j := at; j < len(even); j++ {
		dst[2*j], dst[2*j+1] = even[j], odd[j]
	}
}

// turnFloats is the temporary of the transposing packers: 16 rows of 256 elements of 32 bits, one line apart from
// powers of two.
const (
	turnRows   = 16
	turnWidth  = 256
	turnStride = turnWidth + lineFloats
	turnFloats = turnRows * turnStride
)

// packPairsTransposed writes the panel dst[kp/2][32][2] of the transpose of src[n,k], n <= 32, zero behind its columns
// and rows. tmp holds turnFloats elements.
func packPairsTransposed(dst []uint16, src Values, lds, k, n, kp int, tmp []float32) {
	panel, rows := floats(dst), bf16s(tmp)
	for j := 0; j < n; j += turnRows {
		h := min(turnRows, n-j)
		for p := 0; p < k; p += 2 * turnWidth {
			w := min(2*turnWidth, k-p)
			packRowsBF16(rows, 2*turnStride, src.From(j*lds+p), lds, h, w, roundUp(w, 2))
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

// packRowsTransposed writes dst[i*ldd+j] = src[j*lds+i] for i < m and j < k, and 0 for k <= j < kp; ldd is even: rows
// of A from the transpose of what is stored. tmp holds turnFloats elements.
func packRowsTransposed(dst []uint16, ldd int, src Values, lds, m, k, kp int, tmp []float32) {
	rows, pairs := floats(dst), bf16s(tmp)
	for p := 0; p < k; p += 2 * turnRows {
		h := min(2*turnRows, k-p)
		for i := 0; i < m; i += turnWidth {
			w := min(turnWidth, m-i)
			for r := 0; r < h; r += 2 {
				pairUp(pairs[r*turnStride:][:2*w], src.From((p+r)*lds+i), lds, r+1 < h)
			}
			transpose(rows[i*ldd/2+p/2:], ldd/2, tmp, turnStride, ceil(h, 2), w)
		}
	}
	for i := range m {
		clear(dst[i*ldd+roundUp(k, 2) : i*ldd+kp])
	}
}
