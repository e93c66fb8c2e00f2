//go:build !noasm

package kern

func moveRowsAt(dst *byte, ldd uintptr, src *byte, lds, m, n uintptr) {
	moveRows256(dst, ldd, src, lds, m, n)
}

func prefetchRowsAt(x *byte, ldx, rows, lines uintptr) { prefetchRows(x, ldx, rows, lines) }
