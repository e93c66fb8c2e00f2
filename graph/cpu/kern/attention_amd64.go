//go:build !noasm

package kern

// Direct calls: what lies on the caller's stack would escape through a table.

func pairRowsAt(dst *uint16, ldd uintptr, src *uint16, lds, pairs uintptr) {
	pairRows512(dst, ldd, src, lds, pairs)
}

func headTilesAt(c *float32, ldc uintptr, a *uint16, lda uintptr, b *uint16, ldb, m, n, k uintptr) {
	headTiles(c, ldc, a, lda, b, ldb, m, n, k)
}

func softmaxRowsAt(w *uint16, ldw uintptr, p *float32, ldp, rows, n uintptr, scale float32) {
	softmaxRows512(w, ldw, p, ldp, rows, n, scale)
}

func softmaxGradRowsAt(w *uint16, ldw uintptr, p, d *float32, ldp, rows, n uintptr, scale float32) {
	softmaxGradRows512(w, ldw, p, d, ldp, rows, n, scale)
}
