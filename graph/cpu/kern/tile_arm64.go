//go:build !noasm

package kern

import "runtime"

// detect is neon: every arm64 processor has it.
func detect() level { return neon }

// run computes tiles of mr <= dims().mr rows. The calls are direct, so that s may live on the caller's stack.
func (s *tower) run(mr int) {
	if active != neon {
		s.generic(mr)
		return
	}
	for i := range s.count {
		t := s.at(i)
		if t.mask == 1<<8-1 {
			tileNeon(&t, mr)
		} else {
			tileNeonEdge(&t, mr)
		}
	}
}

func tileNeon(t *tile, mr int) {
	switch mr {
	case 1:
		tileNeon1(t)
	case 2:
		tileNeon2(t)
	case 3:
		tileNeon3(t)
	case 4:
		tileNeon4(t)
	case 5:
		tileNeon5(t)
	case 6:
		tileNeon6(t)
	case 7:
		tileNeon7(t)
	case 8:
		tileNeon8(t)
	default:
		panic("kern: tile of more than 8 rows")
	}
}

// tileNeonEdge computes a full tile aside and copies the columns that exist.
func tileNeonEdge(t *tile, mr int) {
	var full [8 * 8]float32
	u := t.aside(full[:], 8)
	tileNeon(&u, mr)
	t.take(full[:], mr, 8)
}

// tileNeon1 to tileNeon8 are the tile with as many rows and 8 columns, whatever the mask.

//go:noescape
func tileNeon1(t *tile)

//go:noescape
func tileNeon2(t *tile)

//go:noescape
func tileNeon3(t *tile)

//go:noescape
func tileNeon4(t *tile)

//go:noescape
func tileNeon5(t *tile)

//go:noescape
func tileNeon6(t *tile)

//go:noescape
func tileNeon7(t *tile)

//go:noescape
func tileNeon8(t *tile)

// transposeNeon turns a 4x4 square; strides are in bytes.
//
//go:noescape
func transposeNeon(dst *float32, ldd uintptr, src *float32, lds uintptr)

func transposeBlock(dst *float32, ldd uintptr, src *float32, lds uintptr) {
	transposeNeon(dst, ldd, src, lds)
}

func addTo(y, x []float32) { addGeneric(y[:len(x)], x) }

func (l *channelSum) run() { l.generic() }

func pause() { runtime.Gosched() }

// assembly has no NEON version: the plain transforms serve neon too.
func (k winogradTransform) assembly(*float32, winogradStrides, *float32, winogradStrides, int, int) {
	panic("kern: the neon level has no transform kernel")
}
