//go:build !noasm

package kern

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

func detect() level {
	x := &cpu.X86
	switch {
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL:
		switch {
		case x.HasAVX512BF16 && hasAMX():
			return amx
		case x.HasAVX512BF16:
			return avx512bf16
		}
		return avx512
	case x.HasAVX2 && x.HasFMA:
		return avx2
	}
	return generic
}

// run computes tiles of mr <= dims().mr rows. The calls are direct, so that s may live on the caller's stack.
func (s *tower) run(mr int) {
	switch active {
	case avx512:
		if s.mask>>16 == 0 {
			tile512Half(s, mr)
		} else {
			tile512(s, mr)
		}
	case avx2:
		if s.mask == 1<<16-1 {
			tile256(s, mr)
		} else {
			tile256Edge(s, mr)
		}
	default:
		s.generic(mr)
	}
}

func tile512(s *tower, mr int) {
	p := (*byte)(unsafe.Pointer(s))
	switch mr {
	case 1:
		tile512x1x2(p)
	case 2:
		tile512x2x2(p)
	case 3:
		tile512x3x2(p)
	case 4:
		tile512x4x2(p)
	case 5:
		tile512x5x2(p)
	case 6:
		tile512x6x2(p)
	case 7:
		tile512x7x2(p)
	case 8:
		tile512x8x2(p)
	case 9:
		tile512x9x2(p)
	case 10:
		tile512x10x2(p)
	case 11:
		tile512x11x2(p)
	case 12:
		tile512x12x2(p)
	case 13:
		tile512x13x2(p)
	case 14:
		tile512x14x2(p)
	default:
		panic("kern: tile of more than 14 rows")
	}
}

// tile512Half is for tiles of at most 16 columns: one vector of B.
func tile512Half(s *tower, mr int) {
	p := (*byte)(unsafe.Pointer(s))
	switch mr {
	case 1:
		tile512x1x1(p)
	case 2:
		tile512x2x1(p)
	case 3:
		tile512x3x1(p)
	case 4:
		tile512x4x1(p)
	case 5:
		tile512x5x1(p)
	case 6:
		tile512x6x1(p)
	case 7:
		tile512x7x1(p)
	case 8:
		tile512x8x1(p)
	case 9:
		tile512x9x1(p)
	case 10:
		tile512x10x1(p)
	case 11:
		tile512x11x1(p)
	case 12:
		tile512x12x1(p)
	case 13:
		tile512x13x1(p)
	case 14:
		tile512x14x1(p)
	default:
		panic("kern: tile of more than 14 rows")
	}
}

func tile256(s *tower, mr int) {
	p := (*byte)(unsafe.Pointer(s))
	switch mr {
	case 1:
		tile256x1(p)
	case 2:
		tile256x2(p)
	case 3:
		tile256x3(p)
	case 4:
		tile256x4(p)
	case 5:
		tile256x5(p)
	case 6:
		tile256x6(p)
	default:
		panic("kern: tile of more than 6 rows")
	}
}

// tile256Edge computes full tiles aside and copies the columns that exist.
func tile256Edge(s *tower, mr int) {
	var full [6 * 16]float32
	for i := range s.count {
		t := s.at(i)
		u := tower{tile: t.aside(full[:], 16), count: 1}
		tile256(&u, mr)
		t.take(full[:], mr, 16)
	}
}

func transposeBlock(dst *float32, ldd uintptr, src *float32, lds uintptr) {
	if active == avx512 {
		transpose512(dst, ldd, src, lds)
	} else {
		transpose256(dst, ldd, src, lds)
	}
}

// addTo adds x[n] to y[n].
func addTo(y, x []float32) {
	if len(x) == 0 {
		return
	}
	y = y[:len(x)]
	switch active {
	case avx512:
		add512(&y[0], &x[0], uintptr(len(x)))
	case avx2:
		add256(&y[0], &x[0], uintptr(len(x)))
	default:
		addGeneric(y, x)
	}
}

// run computes the sums.
func (l *channelSum) run() {
	switch active {
	case avx512:
		depth512((*byte)(unsafe.Pointer(l)))
	case avx2:
		depth256((*byte)(unsafe.Pointer(l)))
	default:
		l.generic()
	}
}

// assembly applies the transform; strides are in bytes, n in channels.
func (k winogradTransform) assembly(dst *float32, to winogradStrides, src *float32, from winogradStrides, n,
	count int) {
	f, vectors := winogradAssembly[k].narrow, n/8
	if active == avx512 {
		f, vectors = winogradAssembly[k].wide, n/16
	}
	f(dst, bytes(to.row), bytes(to.column), bytes(to.next-n), src, bytes(from.row), bytes(from.column),
		bytes(from.next-n), uintptr(vectors), uintptr(count))
}

// winogradAssembly are the transforms' kernels, of vectors of 8 and of 16 floats.
var winogradAssembly = [winogradTransforms]struct {
	narrow, wide func(dst *float32, drow, dcol, dnext uintptr, src *float32, srow, scol, snext, n, count uintptr)
}{
	winogradInput:    {winogradInput256, winogradInput512},
	winogradOutput:   {winogradOutput256, winogradOutput512},
	winogradGradient: {winogradGradient256, winogradGradient512},
	winogradFilter:   {winogradFilter256, winogradFilter512},
	winogradWeights:  {winogradWeights256, winogradWeights512},
	stridedInputEE:   {stridedInputEE256, stridedInputEE512},
	stridedInputEO:   {stridedInputEO256, stridedInputEO512},
	stridedInputOE:   {stridedInputOE256, stridedInputOE512},
	stridedInputOO:   {stridedInputOO256, stridedInputOO512},
	stridedOutputEE:  {stridedOutputEE256, stridedOutputEE512},
	stridedOutputEO:  {stridedOutputEO256, stridedOutputEO512},
	stridedOutputOE:  {stridedOutputOE256, stridedOutputOE512},
	stridedOutputOO:  {stridedOutputOO256, stridedOutputOO512},
	stridedGradient:  {stridedGradient256, stridedGradient512},
	stridedFilterEE:  {stridedFilterEE256, stridedFilterEE512},
	stridedFilterEO:  {stridedFilterEO256, stridedFilterEO512},
	stridedFilterOE:  {stridedFilterOE256, stridedFilterOE512},
	stridedFilterOO:  {stridedFilterOO256, stridedFilterOO512},
	stridedWeightsEE: {stridedWeightsEE256, stridedWeightsEE512},
	stridedWeightsEO: {stridedWeightsEO256, stridedWeightsEO512},
	stridedWeightsOE: {stridedWeightsOE256, stridedWeightsOE512},
	stridedWeightsOO: {stridedWeightsOO256, stridedWeightsOO512},
}
