//go:build noasm || !amd64

package kern

func (t *pair) run(m int) { pairGeneric(t, m) }

func roundRowsAt(level, *uint16, uintptr, *float32, uintptr, uintptr, uintptr) {
	panic("kern: the generic level has no rounding kernel")
}

func roundPairsAt(level, *uint16, *float32, *float32, uintptr) {
	panic("kern: the generic level has no rounding kernel")
}

func roundPanelsAt(level, *uint16, uintptr, *float32, *float32, uintptr) {
	panic("kern: the generic level has no rounding kernel")
}
