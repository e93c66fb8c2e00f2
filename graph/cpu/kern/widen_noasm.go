//go:build noasm || !amd64

package kern

func zipPanelsAt(*uint16, uintptr, *uint16, *uint16, uintptr) {
	panic("kern: this level has no kernel for pairs of bfloat16")
}

func addRowsAt(*float32, uintptr, *float32, uintptr, uintptr) {
	panic("kern: this level has no kernel for sums of rows")
}

func widenRowsAt(level, *float32, uintptr, *uint16, uintptr, uintptr, uintptr) {
	panic("kern: this level has no widening kernel")
}
