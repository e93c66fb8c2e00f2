//go:build !noasm

package kern

func zipPanelsAt(dst *uint16, step uintptr, even, odd *uint16, panels uintptr) {
	zipPanels512(dst, step, even, odd, panels)
}

func addRowsAt(c *float32, ldc uintptr, row *float32, m, n uintptr) { addRows512(c, ldc, row, m, n) }

func widenRowsAt(l level, dst *float32, ldd uintptr, src *uint16, lds, m, n uintptr) {
	if l == avx512 {
		widenRows512(dst, ldd, src, lds, m, n)
	} else {
		widenRows256(dst, ldd, src, lds, m, n)
	}
}
