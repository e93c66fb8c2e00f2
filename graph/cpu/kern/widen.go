package kern

// WidenRows writes dst[i*ldd+j] = src[i*lds+j] in float32, for i < m and j < n.
func WidenRows(dst []float32, ldd int, src []uint16, lds, m, n int) {
	if m == 0 || n == 0 {
		return
	}
	_, _ = dst[(m-1)*ldd+n-1], src[(m-1)*lds+n-1]
	at := 0
	for l := active; l > generic; l-- {
		if w := (n - at) &^ (2*roundLanes[l] - 1); w > 0 {
			widenRowsAt(l, &dst[at], bytes(ldd), &src[at], uintptr(lds*bf16Size), uintptr(m), uintptr(w))
			at += w
		}
	}
	for i := 0; at < n && i < m; i++ {
		for j, v := range src[i*lds+at : i*lds+n] {
			dst[i*ldd+at+j] = wide(v)
		}
	}
}

// AddRows adds row to each of the m rows of c, ldc elements apart.
func AddRows(c []float32, ldc, m int, row []float32) {
	at := 0
	if active == avx512 && m > 0 && len(row) >= 16 {
		at = len(row) &^ 15
		_ = c[(m-1)*ldc+at-1]
		addRowsAt(&c[0], bytes(ldc), &row[0], uintptr(m), uintptr(at))
	}
	for i := 0; at < len(row) && i < m; i++ {
		Add(c[i*ldc+at:i*ldc+len(row)], c[i*ldc+at:], row[at:])
	}
}

// Widen is dst = src in float32, for len(dst) elements.
func Widen(dst []float32, src []uint16) { WidenRows(dst, len(dst), src, len(dst), 1, len(dst)) }

// Round is dst = src in bfloat16 (RoundBF16), for len(dst) elements.
func Round(dst []uint16, src []float32) { roundRows(dst, len(dst), src, len(dst), 1, len(dst)) }
