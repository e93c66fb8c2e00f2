//go:build noasm || !amd64

package kern

// No level here has these kernels.

func pairRowsAt(_, _ *uint16, _, _ uintptr) { panic("kern: this level has no kernels for attention") }
