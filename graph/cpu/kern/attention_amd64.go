//go:build !noasm

package kern

func pairRowsAt(dst, src *uint16, lds, pairs uintptr) { pairRows512(dst, src, lds, pairs) }
