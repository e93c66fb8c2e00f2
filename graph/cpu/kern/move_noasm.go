//go:build noasm || !amd64

package kern

func moveRowsAt(*byte, uintptr, *byte, uintptr, uintptr, uintptr) {
	panic("kern: this level has no kernel that moves rows")
}

func prefetchRowsAt(*byte, uintptr, uintptr, uintptr) {}
