package kern

// The operands of pair from matrices of bfloat16: pack_pairs.go without the rounding.

// packRowsHalf writes dst[i*ldd+j] = src[i*lds+j] for i < m and j < k, and 0 for k <= j < kp: rows of A.
func packRowsHalf(dst []uint16, ldd int, src []uint16, lds, m, k, kp int) {
	for i := range m {
		copy(dst[i*ldd:i*ldd+k], src[i*lds:])
		clear(dst[i*ldd+k : i*ldd+kp])
	}
}

// packPanelsHalf writes the panels [ceil(n/32)][kp/2][32][2] of src[k,n], step elements apart, zero behind its columns and rows.
func packPanelsHalf(dst []uint16, step int, src []uint16, lds, k, n, kp int) {
	for i := 0; i < k; i += 2 {
		row := dst[i/2*pairPanel:]
		whole := 0
		if i+1 < k && active == avx512 && n >= pairColumns {
			whole = n / pairColumns
			_, _ = row[(whole-1)*step+pairPanel-1], src[(i+1)*lds+whole*pairColumns-1]
			zipPanelsAt(&row[0], uintptr(step*bf16Size), &src[i*lds], &src[(i+1)*lds], uintptr(whole))
		}
		for q := whole; q*pairColumns < n; q++ {
			j := q * pairColumns
			pairs, w := row[q*step:][:pairPanel], min(pairColumns, n-j)
			zip(pairs[:2*w], src[i*lds+j:], src[min(i+1, k-1)*lds+j:], i+1 < k)
			clear(pairs[2*w:])
		}
	}
	for q := range ceil(n, pairColumns) {
		clear(dst[q*step+ceil(k, 2)*pairPanel : q*step+kp/2*pairPanel])
	}
}

// zip writes dst[2j] = even[j] and dst[2j+1] = odd[j], or 0 where both is not set.
func zip(dst, even, odd []uint16, both bool) {
	at := 0
	if w := len(dst) / (2 * pairColumns); both && active == avx512 && w > 0 {
		at = w * pairColumns
		_, _ = even[at-1], odd[at-1]
		zipPanelsAt(&dst[0], pairPanel*bf16Size, &even[0], &odd[0], uintptr(w))
	}
	for j := at; j < len(dst)/2; j++ {
		dst[2*j], dst[2*j+1] = even[j], 0
		if both {
			dst[2*j+1] = odd[j]
		}
	}
}

// packPairsTransposedHalf writes the panel dst[kp/2][32][2] of the transpose of src[n,k], n <= 32, zero behind its columns and rows. tmp holds
// turnFloats elements.
func packPairsTransposedHalf(dst []uint16, src []uint16, lds, k, n, kp int, tmp []float32) {
	panel, rows := floats(dst), bf16s(tmp)
	for j := 0; j < n; j += turnRows {
		h := min(turnRows, n-j)
		for p := 0; p < k; p += 2 * turnWidth {
			w := min(2*turnWidth, k-p)
			packRowsHalf(rows, 2*turnStride, src[j*lds+p:], lds, h, w, roundUp(w, 2))
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

// packRowsTransposedHalf writes dst[i*ldd+j] = src[j*lds+i] for i < m and j < k, and 0 for k <= j < kp; ldd is even. tmp holds turnFloats
// elements.
func packRowsTransposedHalf(dst []uint16, ldd int, src []uint16, lds, m, k, kp int, tmp []float32) {
	rows, pairs := floats(dst), bf16s(tmp)
	for p := 0; p < k; p += 2 * turnRows {
		h := min(2*turnRows, k-p)
		for i := 0; i < m; i += turnWidth {
			w := min(turnWidth, m-i)
			for r := 0; r < h; r += 2 {
				s := src[(p+r)*lds+i:]
				zip(pairs[r*turnStride:][:2*w], s, s[min(1, h-r-1)*lds:], r+1 < h)
			}
			transpose(rows[i*ldd/2+p/2:], ldd/2, tmp, turnStride, ceil(h, 2), w)
		}
	}
	for i := range m {
		clear(dst[i*ldd+roundUp(k, 2) : i*ldd+kp])
	}
}
