//go:build noasm || !amd64

package kern

func widenRowsAt(level, *float32, uintptr, *uint16, uintptr, uintptr, uintptr) {
	panic("kern: this level has no widening kernel")
}
