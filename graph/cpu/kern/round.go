package kern

import (
	"math"
	"unsafe"
)

// RoundBF16 is v in bfloat16, the upper half of a float32, rounded to the nearest, ties to even. A NaN stays one;
// subnormals are kept, but count as 0 to the instruction that machines with products of pairs have.
func RoundBF16(v float32) uint16 {
	b := math.Float32bits(v)
	if v != v {
		return uint16(b>>16 | 0x40)
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// unpair is the even and the odd half of a pair.
func unpair(pair uint32) (even, odd float32) {
	return math.Float32frombits(pair << 16), math.Float32frombits(pair &^ 0xffff)
}

// bf16s is s as twice as many bfloat16.
func bf16s(s []float32) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(s))), 2*len(s))
}

// floats is s, of even length and aligned to 4 bytes, as half as many elements of 32 bits, whatever they mean.
func floats(s []uint16) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(s))), len(s)/2)
}

// roundRows writes dst[i*ldd+j] = src[i*lds+j] rounded, for i < m and j < n.
func roundRows(dst []uint16, ldd int, src []float32, lds, m, n int) {
	if m == 0 || n == 0 {
		return
	}
	_, _ = dst[(m-1)*ldd+n-1], src[(m-1)*lds+n-1]
	at := 0
	for l := active; l > generic; l-- {
		if w := (n - at) &^ (2*roundLanes[l] - 1); w > 0 {
			roundRowsAt(l, &dst[at], uintptr(ldd*bf16Size), &src[at], bytes(lds), uintptr(m), uintptr(w))
			at += w
		}
	}
	for i := 0; at < n && i < m; i++ {
		for j, v := range src[i*lds+at : i*lds+n] {
			dst[i*ldd+at+j] = RoundBF16(v)
		}
	}
}

// RoundFloats makes every element of s the number that bfloat16 holds in its place. It rounds pairs of zero and a
// number: such a pair is the rounded number as a float32.
func RoundFloats(s []float32) {
	for len(s) > 0 {
		n := min(len(s), roundFloats)
		roundPairs(bf16s(s[:n]), zeroFloats[:n], s[:n])
		s = s[n:]
	}
}

// roundPairs writes dst[2j] = even[j] and dst[2j+1] = odd[j], rounded, for j < len(even).
func roundPairs(dst []uint16, even, odd []float32) {
	dst, odd = dst[:2*len(even)], odd[:len(even)]
	at := 0
	for l := active; l > generic; l-- {
		if n := (len(even) - at) &^ (roundLanes[l] - 1); n > 0 {
			roundPairsAt(l, &dst[2*at], &even[at], &odd[at], uintptr(n))
			at += n
		}
	}
	for i := at; i < len(even); i++ {
		dst[2*i], dst[2*i+1] = RoundBF16(even[i]), RoundBF16(odd[i])
	}
}

// roundPanels writes one row of pairs of the whole panels of even and odd, step elements apart in dst, and returns how
// many there are; at levels without a kernel it does none.
func roundPanels(dst []uint16, step int, even, odd []float32) int {
	panels := len(even) / pairColumns
	if roundLanes[active] == 0 || panels == 0 {
		return 0
	}
	_, _ = dst[(panels-1)*step+pairPanel-1], odd[len(even)-1]
	roundPanelsAt(active, &dst[0], uintptr(step*bf16Size), &even[0], &odd[0], uintptr(panels))
	return panels
}

// roundLanes are the floats of a vector at each level, 0 where there is no kernel.
var roundLanes = [...]int{generic: 0, neon: 0, avx2: 8, avx512: 16}

// roundAlone writes dst[2j] = even[j] rounded and dst[2j+1] = 0: the last row of an odd number.
func roundAlone(dst []uint16, even []float32) {
	for j, v := range even {
		dst[2*j], dst[2*j+1] = RoundBF16(v), 0
	}
}
