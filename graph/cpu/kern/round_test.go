package kern

import (
	"fmt"
	"math"
	"testing"
)

// roundingCases are float32 bits and the bfloat16 they round to.
var roundingCases = []struct {
	bits uint32
	want uint16
}{
	{0, 0}, {0x80000000, 0x8000},
	{0x3f800000, 0x3f80},
	{0x3f807fff, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f808001, 0x3f81}, // around a tie below an even number
	{0x3f817fff, 0x3f81}, {0x3f818000, 0x3f82}, {0x3f818001, 0x3f82}, // and above an odd one
	{0xbf818000, 0xbf82}, {0x3fffffff, 0x4000},
	// subnormals
	{0x00000001, 0}, {0x00008000, 0}, {0x00008001, 1}, {0x00018000, 2}, {0x007fffff, 0x0080}, {0x80018000, 0x8002},
	{0x7f7fffff, 0x7f80}, {0x7f7f7fff, 0x7f7f}, {0xff7fffff, 0xff80}, // the largest numbers
	{0x7f800000, 0x7f80}, {0xff800000, 0xff80},
	{0x7f800001, 0x7fc0}, {0xffffffff, 0xffff}, {0x7fc12345, 0x7fc1}, {0xff812345, 0xffc1}, // NaN
}

// rounds says whether a level may round the float32 of these bits to got: to the machine's own instruction, subnormals
// are 0.
func rounds(bits uint32, got, want uint16) bool {
	subnormal := bits&0x7f800000 == 0
	return got == want || chosen >= avx512bf16 && subnormal && got == uint16(bits>>16&0x8000)
}

func TestRoundings(t *testing.T) {
	eachPairLevel(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 7, 8, 15, 16, 17, 31, 33, 64, 100} {
			src, other := newGuarded("src", n), newGuarded("other", n)
			row, pairs := newGuarded("row", ceil(n, 2)), newGuarded("pairs", n)
			for first := range roundingCases {
				for i := range n {
					src.v[i] = math.Float32frombits(roundingCases[(first+i)%len(roundingCases)].bits)
					other.v[i] = math.Float32frombits(roundingCases[(first+3*i+1)%len(roundingCases)].bits)
				}
				roundRows(bf16s(row.v)[:n], n, src.v, n, min(n, 1), n)
				roundPairs(bf16s(pairs.v), src.v, other.v)
				for i := range n {
					c, d := roundingCases[(first+i)%len(roundingCases)], roundingCases[(first+3*i+1)%len(roundingCases)]
					if got := bf16s(row.v)[i]; !rounds(c.bits, got, c.want) {
						t.Fatalf("row of %d: %#08x rounds to %#04x, want %#04x", n, c.bits, got, c.want)
					}
					if even, odd := bf16s(pairs.v)[2*i], bf16s(pairs.v)[2*i+1]; !rounds(c.bits, even, c.want) ||
						!rounds(d.bits, odd, d.want) {
						t.Fatalf("pairs of %d: %#08x, %#08x round to %#04x, %#04x, want %#04x, %#04x", n, c.bits,
							d.bits, even, odd, c.want, d.want)
					}
				}
				for _, g := range []*guarded{src, other, row, pairs} {
					g.check(t)
				}
			}
		}
	})
}

func TestPackBF16(t *testing.T) {
	eachPairLevel(t, func(t *testing.T) {
		tmp := newGuarded("tmp", turnFloats)
		for _, k := range []int{1, 2, 7, 31, 32, 33, 65, 600} {
			for _, n := range []int{1, 7, 16, 17, 31, 32, 300} {
				t.Run(fmt.Sprint(k, "x", n), func(t *testing.T) {
					r := newRand(k, n)
					kp := roundUp(k, pairDepth)
					// x is [k,n], y its transpose, both with padded rows.
					x, y := newGuarded("x", k*(n+3)).random(r), newGuarded("y", n*(k+3))
					for i := range k {
						for j := range n {
							y.v[j*(k+3)+i] = x.v[i*(n+3)+j]
						}
					}
					at := func(i, j int) uint16 {
						if i >= k || j >= n {
							return 0
						}
						return RoundBF16(x.v[i*(n+3)+j])
					}
					ld := kp + 32
					for _, trans := range []bool{false, true} {
						rows := newGuarded("rows", ceil((n-1)*ld+kp, 2)).poison()
						if trans {
							packRowsTransposed(bf16s(rows.v), ld, Values{F32: x.v}, n+3, n, k, kp, tmp.poison().v)
						} else {
							packRowsBF16(bf16s(rows.v), ld, Values{F32: y.v}, k+3, n, k, kp)
						}
						for j := range n {
							for i := range kp {
								if got := bf16s(rows.v)[j*ld+i]; got != at(i, j) {
									t.Fatalf("rows, transposed %v: [%d,%d] is %#04x, want %#04x", trans, j, i, got,
										at(i, j))
								}
							}
						}
						rows.check(t)
						if n > pairColumns {
							continue
						}
						panel := newGuarded("panel", kp*pairColumns/2).poison()
						if trans {
							packPairsTransposed(bf16s(panel.v), Values{F32: y.v}, k+3, k, n, kp, tmp.poison().v)
						} else {
							packPairs(bf16s(panel.v), Values{F32: x.v}, n+3, k, n, kp)
						}
						for i := range kp {
							for j := range pairColumns {
								if got := bf16s(panel.v)[i/2*pairPanel+2*j+i%2]; got != at(i, j) {
									t.Fatalf("panel, transposed %v: [%d,%d] is %#04x, want %#04x", trans, i, j, got,
										at(i, j))
								}
							}
						}
						panel.check(t)
					}
					tmp.check(t)
				})
			}
		}
	})
}
