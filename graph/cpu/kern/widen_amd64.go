//go:build !noasm

package kern

func widenRowsAt(l level, dst *float32, ldd uintptr, src *uint16, lds, m, n uintptr) {
	if l == avx512 {
		widenRows512(dst, ldd, src, lds, m, n)
	} else {
		widenRows256(dst, ldd, src, lds, m, n)
	}
}
