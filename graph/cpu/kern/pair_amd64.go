//go:build !noasm

package kern

import "unsafe"

// run computes the product with m rows. The calls are direct, so that t may live on the caller's stack.
func (t *pair) run(m int) {
	t.cs = pairSize
	switch chosen {
	case amx:
		t.tiles(m)
	case avx512bf16, avx512:
		t.parts(m, 12)
	case avx2:
		t.halves(m)
	default:
		pairGeneric(t, m)
	}
}

// parts computes the rows in even parts of at most mr.
func (t *pair) parts(m, mr int) {
	u := t.tile
	parts := ceil(m, mr)
	for p := range parts {
		r0, r1 := cut(m, parts, p)
		u.a, u.c = unsafe.Add(t.a, uintptr(r0)*t.rs), unsafe.Add(t.c, uintptr(r0)*t.ldc)
		switch {
		case chosen == avx512bf16:
			pairDot(&u, r1-r0)
		case chosen == avx512:
			pair512(&u, r1-r0)
		case u.mask == 1<<16-1:
			pair256(&u, r1-r0)
		default:
			pair256Edge(&u, r1-r0)
		}
	}
}

func (t *pair) tiles(m int) {
	t.bands, t.rest = uintptr(m/32), uintptr(m%32)
	if shape := [2]uint8{32, t.n}; t.bands > 0 && t.fullShape != shape {
		t.full.set(32, int(t.n))
		t.fullShape = shape
	}
	if shape := [2]uint8{uint8(m % 32), t.n}; t.rest > 0 && t.lastShape != shape {
		t.last.set(m%32, int(t.n))
		t.lastShape = shape
	}
	p := (*byte)(unsafe.Pointer(t))
	if t.n <= 16 {
		pairTilesx1(p)
	} else {
		pairTilesx2(p)
	}
}

// halves computes 16 columns at a time.
func (t *pair) halves(m int) {
	u := *t
	for j := uintptr(0); j < uintptr(t.n); j += 16 {
		u.mask = t.mask >> j & (1<<16 - 1)
		u.b, u.c = unsafe.Add(t.b, j*pairSize), unsafe.Add(t.c, j*floatSize)
		u.parts(m, 4)
	}
}

// pair256Edge computes full columns aside and copies those that exist.
func pair256Edge(t *tile, rows int) {
	var full [4 * 16]float32
	u := t.aside(full[:], 16)
	pair256(&u, rows)
	t.take(full[:], rows, 16)
}

func roundRowsAt(l level, dst *uint16, ldd uintptr, src *float32, lds, m, n uintptr) {
	if l == avx512 && chosen >= avx512bf16 {
		narrowRows512(dst, ldd, src, lds, m, n)
	} else if l == avx512 {
		roundRows512(dst, ldd, src, lds, m, n)
	} else {
		roundRows256(dst, ldd, src, lds, m, n)
	}
}

func roundPairsAt(l level, dst *uint16, even, odd *float32, n uintptr) {
	if l == avx512 && chosen >= avx512bf16 {
		narrowPairs512(dst, even, odd, n)
	} else if l == avx512 {
		roundPairs512(dst, even, odd, n)
	} else {
		roundPairs256(dst, even, odd, n)
	}
}

func roundPanelsAt(l level, dst *uint16, step uintptr, even, odd *float32, panels uintptr) {
	if l == avx512 && chosen >= avx512bf16 {
		narrowPanels512(dst, step, even, odd, panels)
	} else if l == avx512 {
		roundPanels512(dst, step, even, odd, panels)
	} else {
		roundPanels256(dst, step, even, odd, panels)
	}
}

func pairDot(t *tile, rows int) {
	p := (*byte)(unsafe.Pointer(t))
	switch rows {
	case 1:
		pairDotx1(p)
	case 2:
		pairDotx2(p)
	case 3:
		pairDotx3(p)
	case 4:
		pairDotx4(p)
	case 5:
		pairDotx5(p)
	case 6:
		pairDotx6(p)
	case 7:
		pairDotx7(p)
	case 8:
		pairDotx8(p)
	case 9:
		pairDotx9(p)
	case 10:
		pairDotx10(p)
	case 11:
		pairDotx11(p)
	case 12:
		pairDotx12(p)
	default:
		panic("kern: tile of more than 12 rows")
	}
}

func pair512(t *tile, rows int) {
	p := (*byte)(unsafe.Pointer(t))
	switch rows {
	case 1:
		pair512x1(p)
	case 2:
		pair512x2(p)
	case 3:
		pair512x3(p)
	case 4:
		pair512x4(p)
	case 5:
		pair512x5(p)
	case 6:
		pair512x6(p)
	case 7:
		pair512x7(p)
	case 8:
		pair512x8(p)
	case 9:
		pair512x9(p)
	case 10:
		pair512x10(p)
	case 11:
		pair512x11(p)
	case 12:
		pair512x12(p)
	default:
		panic("kern: tile of more than 12 rows")
	}
}

func pair256(t *tile, rows int) {
	p := (*byte)(unsafe.Pointer(t))
	switch rows {
	case 1:
		pair256x1(p)
	case 2:
		pair256x2(p)
	case 3:
		pair256x3(p)
	case 4:
		pair256x4(p)
	default:
		panic("kern: tile of more than 4 rows")
	}
}
