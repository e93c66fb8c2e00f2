//go:build noasm || !amd64

package kern

// No level here has these kernels: NormBlock.fast is never true.

func blockSum(_, _ *float32, _, _ uintptr)       { panic("kern: this level has no kernels for blocks") }
func blockSpread(_, _, _ *float32, _, _ uintptr) { panic("kern: this level has no kernels for blocks") }
func blockSlopes(_, _, _, _, _, _ *float32, _, _ uintptr) {
	panic("kern: this level has no kernels for blocks")
}
func blockNorm(_, _, _, _, _, _ *float32, _, _ uintptr) {
	panic("kern: this level has no kernels for blocks")
}
func blockNormGrad(_, _, _, _, _, _, _, _ *float32, _, _ uintptr) {
	panic("kern: this level has no kernels for blocks")
}
func blockColumns(_, _, _, _, _, _ *float32, _, _ uintptr) {
	panic("kern: this level has no kernels for blocks")
}
