package kern

import "unsafe"

// pair is one call of the bfloat16 micro-kernel:
//
//	C[m,n] (+)= sum over blocks q < nb and k < K of A[aoff[q] + i*rs + 2k] * B[boff[q] + (k/2)*bs + 4j + 2(k%2)]
//
// with strides and offsets in bytes. A holds rows of bfloat16 at any stride and alignment, B pairs of rows,
// [K/2][32][2]: 128 readable bytes a pair whatever n is. C is float32 and touched in its m rows and n <= 32 columns
// only. K is a multiple of 32: callers fill up with zeros, on both sides, so that no NaN enters. Products are exact. An
// element's sum does not depend on m, n or the other elements, and is in float32; its order depends on the level, and
// so do subnormals: levels differ in the last bits. One call with many rows is cheaper than many calls.
type pair struct {
	tile // k counts pairs, set by depth; cs is set by run; mask by columns

	bands, rest uintptr // m: bands of 32 rows, and rows behind them
	full, last  tileConfig
	n           uint8

	fullShape, lastShape [2]uint8 // rows and columns the configurations are for
}

// pairColumns is the width of a panel of B, pairDepth the unit of K.
const (
	pairColumns = 32
	pairDepth   = 32
	pairSize    = 4  // bytes
	bf16Size    = 2  // bytes
	pairPanel   = 64 // elements of a pair row of a panel
)

// tileConfig is what LDTILECFG reads: the shapes of the tile registers 0 to 3 (sums), 4 and 5 (rows of A), 6 and 7
// (columns of B).
type tileConfig struct {
	palette, start uint8
	_              [14]uint8
	colsb          [16]uint16 // bytes of a row
	rows           [16]uint8
}

// set is for m, n <= 32.
func (c *tileConfig) set(m, n int) {
	c.palette = 1
	m0, n0 := uint8(min(m, 16)), uint16(min(n, 16))
	m1, n1 := uint8(m)-m0, uint16(n)-n0
	c.rows = [16]uint8{m0, m0, m1, m1, m0, m1, 16, 16}
	c.colsb = [16]uint16{4 * n0, 4 * n1, 4 * n0, 4 * n1, 64, 64, 4 * n0, 4 * n1}
	if n1 == 0 {
		c.rows[1], c.rows[3], c.rows[7] = 0, 0, 0
	}
	if m1 == 0 {
		c.colsb[2], c.colsb[3], c.colsb[5] = 0, 0, 0
	}
}

// depth sets K, a multiple of pairDepth.
func (t *pair) depth(k int) {
	if k%pairDepth != 0 {
		panic("kern: the depth of a bfloat16 product is not a multiple of 32")
	}
	t.k = uintptr(k / 2)
}

// columns sets n, 1 to 32.
func (t *pair) columns(n int) {
	t.n = uint8(n)
	t.mask = 1<<n - 1
}

// ptr16 is the address of s[i], checked.
func ptr16(s []uint16, i int) unsafe.Pointer { return unsafe.Pointer(&s[i]) }

// pairGeneric is the product in plain Go, four columns at a time.
func pairGeneric(t *pair, m int) {
	for i := range uintptr(m) {
		for j := uintptr(0); j < uintptr(t.n); j += 4 {
			var s [4]float32
			for q := range t.nb {
				a := unsafe.Add(t.a, offset(t.aoff, q)+i*t.rs)
				b := unsafe.Add(t.b, offset(t.boff, q)+j*pairSize)
				for k := range t.k {
					even, odd := unpair(*(*uint32)(unsafe.Add(a, k*pairSize)))
					r := (*[4]uint32)(unsafe.Add(b, k*t.bs))
					for l, v := range r {
						e, o := unpair(v)
						s[l] += even * e
						s[l] += odd * o
					}
				}
			}
			t.put(i, j, &s)
		}
	}
}
