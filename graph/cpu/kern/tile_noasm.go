//go:build noasm || (!amd64 && !arm64)

package kern

import "runtime"

func detect() level { return generic }

func (s *tower) run(mr int) { s.generic(mr) }

func transposeBlock(*float32, uintptr, *float32, uintptr) {
	panic("kern: the generic level has no transpose kernel")
}

func (l *channelSum) run() { l.generic() }

func addTo(y, x []float32) { addGeneric(y[:len(x)], x) }

func pause() { runtime.Gosched() }

func (k winogradTransform) assembly(*float32, winogradStrides, *float32, winogradStrides, int, int) {
	panic("kern: the generic level has no transform kernel")
}
