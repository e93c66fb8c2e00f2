package kern

import (
	"sync"
	"unsafe"
)

// lineFloats is a cache line in floats: the alignment of panels and the padding of copies.
const lineFloats = 16

// packRows copies src[k,n] (row stride lds) to a panel [k][nr], zero from column n on.
func packRows(panel []float32, nr int, src []float32, lds, k, n int) {
	copyStrips(panel, nr, src, lds, k, 1, n)
	clearBehind(panel, nr, k, n)
}

// packTransposed copies src[n,k] (row stride lds), transposed, to a panel [k][nr], zero from column n on.
func packTransposed(panel []float32, nr int, src []float32, lds, k, n int) {
	transpose(panel, nr, src, lds, n, k)
	clearBehind(panel, nr, k, n)
}

// clearBehind makes columns n to nr of a panel [k][nr] zero.
func clearBehind(panel []float32, nr, k, n int) {
	for i := 0; n < nr && i < k; i++ {
		clear(panel[i*nr+n : (i+1)*nr])
	}
}

func ceil(a, b int) int { return (a + b - 1) / b }

func roundUp(a, b int) int { return (a + b - 1) / b * b }

// cut is part i of n things in as even parts as can be.
func cut(n, parts, i int) (from, to int) { return n * i / parts, n * (i + 1) / parts }

// take cuts n elements off scratch.
func take(scratch *[]float32, n int) (part []float32) {
	part, *scratch = (*scratch)[:n:n], (*scratch)[n:]
	return part
}

// fits is how many buffers of each elements s holds.
func fits(s []float32, each int) int { return len(s) / max(each, 1) }

// align drops the elements before the first cache line.
func align(s []float32) []float32 {
	if len(s) < lineFloats {
		return s
	}
	past := int(uintptr(unsafe.Pointer(&s[0]))%(lineFloats*floatSize)) / floatSize
	return s[(lineFloats-past)%lineFloats:]
}

// pile keeps jobs with their bound functions, so that a call allocates nothing once its kind has run.
type pile[T any] struct {
	mu   sync.Mutex
	free []*T
	bind func(*T) // run once per new job
}

func (p *pile[T]) get() *T {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		v := p.free[n-1]
		p.free = p.free[:n-1]
		return v
	}
	v := new(T)
	p.bind(v)
	return v
}

func (p *pile[T]) put(v *T) {
	p.mu.Lock()
	p.free = append(p.free, v)
	p.mu.Unlock()
}
