//go:build noasm || !amd64

package kern

// No level here has these kernels.

const noHeads = "kern: this level has no kernels for attention"

func pairRowsAt(*uint16, uintptr, *uint16, uintptr, uintptr) { panic(noHeads) }

func headTilesAt(*float32, uintptr, *uint16, uintptr, *uint16, uintptr, uintptr, uintptr, uintptr) {
	panic(noHeads)
}

func softmaxRowsAt(*uint16, uintptr, *float32, uintptr, uintptr, uintptr, float32) { panic(noHeads) }

func softmaxGradRowsAt(*uint16, uintptr, *float32, *float32, uintptr, uintptr, uintptr, float32) {
	panic(noHeads)
}
