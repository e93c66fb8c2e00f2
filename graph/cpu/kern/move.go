package kern

import "unsafe"

// copyRows writes dst[i*ldd+j] = src[i*lds+j] for i < m and j < n.
func copyRows[T float32 | uint16](dst []T, ldd int, src []T, lds, m, n int) {
	if m == 0 || n == 0 {
		return
	}
	_, _ = dst[(m-1)*ldd+n-1], src[(m-1)*lds+n-1]
	if active >= avx2 {
		size := unsafe.Sizeof(dst[0])
		moveRowsAt((*byte)(unsafe.Pointer(&dst[0])), uintptr(ldd)*size, (*byte)(unsafe.Pointer(&src[0])),
			uintptr(lds)*size, uintptr(m), uintptr(n)*size)
		return
	}
	for i := range m {
		copy(dst[i*ldd:i*ldd+n], src[i*lds:i*lds+n])
	}
}

// Rows far apart are copied so many at a time and asked for two such runs ahead: the processor does not foresee them.
const stripRun = 8

// copyStrips copies count strips of width columns each, side by side in k rows of src, one behind the other to [k][ldd]
// each. It goes along the rows: each strip by itself would read most lines twice.
func copyStrips(dst []float32, ldd int, src []float32, lds, k, count, width int) {
	for from := 0; from < k; from += stripRun {
		if next := from + 2*stripRun; next < k {
			fetchRows(src[next*lds:], lds, min(stripRun, k-next), count*width)
		}
		for s := range count {
			copyRows(dst[(s*k+from)*ldd:], ldd, src[from*lds+s*width:], lds, min(stripRun, k-from), width)
		}
	}
}

// fetchRows asks for m rows of n of x, which go to the caches of the core.
func fetchRows[T float32 | uint16](x []T, ldx, m, n int) {
	if m > 0 && n > 0 {
		size := int(unsafe.Sizeof(x[0]))
		prefetchRowsAt((*byte)(unsafe.Pointer(&x[0])), uintptr(ldx*size), uintptr(m),
			uintptr(ceil(n*size, lineFloats*floatSize)))
	}
}
