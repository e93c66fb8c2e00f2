package kern

import (
	"sync"
	"unsafe"
)

// lineFloats is a cache line in floats: the alignment of panels and the padding of copies.
const lineFloats = 16

// packRows copies src[k,n] (row stride lds) to a panel [k][nr], zero from column n on.
func packRows(panel []float32, nr int, src []float32, lds, k, n int) {
	copyRows(panel, nr, src, lds, k, n)
	for i := 0; n < nr && i < k; i++ {
		clear(panel[i*nr+n : (i+1)*nr])
	}
}

// copyRows writes dst[i*ldd+j] = src[i*lds+j] for i < m and j < n.
func copyRows(dst []float32, ldd int, src []float32, lds, m, n int) {
	if m == 0 || n == 0 {
		return
	}
	_, _ = dst[(m-1)*ldd+n-1], src[(m-1)*lds+n-1]
	if active >= avx2 {
		moveRowsAt((*byte)(ptr(dst, 0)), bytes(ldd), (*byte)(ptr(src, 0)), bytes(lds), uintptr(m), bytes(n))
		return
	}
	for i := range m {
		copy(dst[i*ldd:i*ldd+n], src[i*lds:i*lds+n])
	}
}

// moveRows is copyRows of bfloat16.
func moveRows(dst []uint16, ldd int, src []uint16, lds, m, n int) {
	if m == 0 || n == 0 {
		return
	}
	_, _ = dst[(m-1)*ldd+n-1], src[(m-1)*lds+n-1]
	if active >= avx2 {
		moveRowsAt((*byte)(ptr16(dst, 0)), uintptr(ldd*bf16Size), (*byte)(ptr16(src, 0)), uintptr(lds*bf16Size), uintptr(m), uintptr(n*bf16Size))
		return
	}
	for i := range m {
		copy(dst[i*ldd:i*ldd+n], src[i*lds:i*lds+n])
	}
}

// packTransposed copies src[n,k] (row stride lds), transposed, to a panel [k][nr], zero from column n on.
func packTransposed(panel []float32, nr int, src []float32, lds, k, n int) {
	transpose(panel, nr, src, lds, n, k)
	if n < nr {
		for i := range k {
			clear(panel[i*nr+n : (i+1)*nr])
		}
	}
}

// fetch asks for memory a piece at a time, between calls of kernels, so that it is in the core's own caches when its turn comes.
type fetch struct {
	rest  []float32
	piece int
}

// mostFetched is how many floats are asked for at a time: of more lines at once the last would only wait.
const mostFetched = 1 << 10

// fetchIn is the fetch of s in about so many pieces.
func fetchIn(s []float32, pieces int) fetch {
	return fetch{s, max(lineFloats, min(mostFetched, roundUp(ceil(len(s), max(pieces, 1)), lineFloats)))}
}

func (f *fetch) next() {
	if n := min(f.piece, len(f.rest)); n > 0 {
		fetchRows(f.rest, 0, 1, n)
		f.rest = f.rest[n:]
	}
}

// fetchRows asks for m rows of n of x, which go to the caches of the core.
func fetchRows(x []float32, ldx, m, n int) {
	if m > 0 && n > 0 {
		prefetchRowsAt((*byte)(ptr(x, 0)), bytes(ldx), uintptr(m), uintptr(ceil(n, lineFloats)))
	}
}

func ceil(a, b int) int { return (a + b - 1) / b }

func roundUp(a, b int) int { return (a + b - 1) / b * b }

// cut is part i of n things in as even parts as can be.
func cut(n, parts, i int) (from, to int) { return n * i / parts, n * (i + 1) / parts }

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
