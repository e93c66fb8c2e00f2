package kern

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fence is memory between two pages that cannot be touched.
type fence struct {
	t     *testing.T
	atEnd bool // operands lie right before the second page, else right after the first
}

func (f fence) String() string {
	if f.atEnd {
		return "before a page"
	}
	return "after a page"
}

// place is n floats at the fence.
func (f fence) place(n int) []float32 {
	f.t.Helper()
	page := unix.Getpagesize()
	size := roundUp(max(n*floatSize, 1), page)
	mem, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		f.t.Fatal("mmap:", err)
	}
	f.t.Cleanup(func() { unix.Munmap(mem) })
	for _, p := range [][]byte{mem[:page], mem[page+size:]} {
		if err := unix.Mprotect(p, unix.PROT_NONE); err != nil {
			f.t.Fatal("mprotect:", err)
		}
	}
	at := page
	if f.atEnd {
		at += size - n*floatSize
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&mem[at])), n)
}

// inside runs g with one thread, this one, where a fault is a panic that can be told.
func inside(t *testing.T, g func()) {
	t.Helper()
	if at := faults(t, g); at != nil {
		t.Fatalf("read or written outside an operand: %v", at)
	}
}

func faults(t *testing.T, g func()) (at any) {
	setThreads(t, 1)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { at = recover() }()
	g()
	return nil
}

// fenced runs f at every level, first on ordinary memory, then on both sides of fences, and wants the same bits.
func fenced(t *testing.T, name string, f func(place func(n int) []float32) [][]float32) {
	fencedAt(t, eachLevel, name, f)
}

// fencedAt is fenced at other levels.
func fencedAt(t *testing.T, levels func(*testing.T, func(*testing.T)), name string,
	f func(place func(n int) []float32) [][]float32) {
	t.Run(name, func(t *testing.T) {
		levels(t, func(t *testing.T) {
			want := f(func(n int) []float32 { return make([]float32, n) })
			for _, at := range []fence{{t, false}, {t, true}} {
				t.Run(at.String(), func(t *testing.T) {
					at.t = t
					inside(t, func() {
						for i, got := range f(at.place) {
							checkSame(t, fmt.Sprint("result ", i), got, want[i])
						}
					})
				})
			}
		})
	})
}

func filled(r *rand.Rand, s []float32) []float32 {
	for i := range s {
		s[i] = float32(r.NormFloat64())
	}
	return s
}

// The fences hold: the floats beside an operand fault, the first and the last of it do not.
func TestFence(t *testing.T) {
	for _, at := range []fence{{t, false}, {t, true}} {
		s := at.place(5)
		inside(t, func() { s[0], s[4] = 1, 2 })
		beside := unsafe.Add(unsafe.Pointer(&s[0]), -floatSize)
		if at.atEnd {
			beside = unsafe.Add(unsafe.Pointer(&s[0]), 5*floatSize)
		}
		if faults(t, func() { *(*float32)(beside) = 1 }) == nil {
			t.Errorf("%v: the float outside can be written", at)
		}
	}
}

func TestGemmFenced(t *testing.T) {
	for _, c := range gemmCases() {
		if testing.Short() && 2*c.m*c.n*c.k > 1<<19 {
			continue
		}
		fenced(t, c.String(), func(place func(n int) []float32) [][]float32 {
			// The last row of an operand ends at its last column.
			operand := func(r *rand.Rand, rows, cols int) ([]float32, int) {
				return filled(r, place(max(0, (rows-1)*(cols+c.pad)+cols))), cols + c.pad
			}
			r := newRand(c)
			ar, ac := stored(c.transA, c.m, c.k)
			br, bc := stored(c.transB, c.k, c.n)
			a, lda := operand(r, ar, ac)
			b, ldb := operand(r, br, bc)
			y, ldc := operand(r, c.m, c.n)
			Gemm(c.transA, c.transB, c.m, c.n, c.k, a, lda, b, ldb, y, ldc, c.beta,
				place(GemmScratch(c.transA, c.transB, c.m, c.n, c.k)))
			return [][]float32{y}
		})
	}
	const heads, rows, depth = 17, 13, 9
	fenced(t, "batch", func(place func(n int) []float32) [][]float32 {
		r := newRand("batch")
		a, b, y := filled(r, place(heads*rows*depth)), filled(r, place(heads*rows*depth)), place(heads*rows*rows)
		GemmBatch(heads, false, true, rows, rows, depth, a, depth, rows*depth, b, depth, rows*depth, y, rows, rows*rows,
			0,
			place(GemmBatchScratch(heads, false, true, rows, rows, depth)))
		return [][]float32{y}
	})
}

func TestConvFenced(t *testing.T) {
	run := func(c Conv) {
		fenced(t, convName(c), func(place func(n int) []float32) [][]float32 {
			r := newRand(convName(c))
			x, w, dy := filled(r, place(c.B*c.H*c.W*c.Ci)), filled(r, place(c.weights())),
				filled(r, place(c.B*c.OH*c.OW*c.Co))
			y, dx, dw := place(len(dy)), place(len(x)), place(len(w))
			c.Forward(x, w, y, place(c.ForwardScratch()))
			c.BackwardData(dy, w, dx, place(c.BackwardDataScratch()))
			c.BackwardWeights(x, dy, dw, place(c.BackwardWeightsScratch()))
			return [][]float32{y, dx, dw}
		})
	}
	for _, c := range convCases() {
		if c = c.defaults(); !testing.Short() || c.B*c.OH*c.OW*c.Co*c.KH*c.KW*c.Ci/c.Groups < 1<<18 {
			c.Algorithm = Direct
			run(c)
		}
	}
	for _, c := range winogradCases() {
		if c = c.defaults(); c.B*c.OH*c.OW*c.Co*c.Ci < 1<<20 && !testing.Short() || c.B*c.OH*c.OW*c.Co*c.Ci < 1<<16 {
			c.Algorithm = Winograd
			run(c)
		}
	}
	for _, staged := range []Conv{conv(1, 5, 6, 256, 256, 3, 1, 1, 1, 1), conv(1, 5, 7, 160, 160, 3, 2, 1, 1, 1)} {
		if staged.Algorithm = Winograd; !testing.Short() {
			run(staged)
		}
	}
}

func TestPassesFenced(t *testing.T) {
	for _, p := range passCases {
		for _, n := range []int{1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 65, 1003} {
			fenced(t, fmt.Sprint(p.name, " ", n), func(place func(n int) []float32) [][]float32 {
				r := newRand(p.name, n)
				in := make([][]float32, p.operands)
				for k := range in {
					in[k] = filled(r, place(n))
				}
				y := place(n)
				p.f(y, in)
				return [][]float32{y}
			})
		}
	}
}

func TestColumnsFenced(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {3, 5}, {65, 7}, {9, 17}, {67, 33}, {130, 71}, {5, 129}} {
		rows, c := size[0], size[1]
		fenced(t, fmt.Sprint(rows, "x", c), func(place func(n int) []float32) [][]float32 {
			r := newRand(size)
			x, dy := filled(r, place(rows*c)), filled(r, place(rows*c))
			mean, scale, shift := filled(r, place(c)), filled(r, place(c)), filled(r, place(c))
			var out [7][]float64
			for i := range out {
				out[i] = make([]float64, c)
			}
			AddColumns(out[0], x, c, 0, rows, 0, c)
			AddSpread(out[1], out[2], x, mean, c, 0, rows, 0, c)
			AddCentred(out[3], out[4], dy, x, mean, c, 0, rows, 0, c)
			AddCentredRelu(out[5], out[6], dy, x, mean, scale, shift, c, 0, rows, 0, c)
			turned, sum := place(rows*c), filled(r, place(rows*c))
			Transpose(turned, rows, x, c, rows, c)
			addTo(sum, x)
			all := [][]float32{turned, sum}
			for _, o := range out {
				narrow := make([]float32, c)
				for i, v := range o {
					narrow[i] = float32(v)
				}
				all = append(all, narrow)
			}
			return all
		})
	}
}

// Rows are copied as they are, at every width that has a loop of its own, and nothing else is read or written.
func TestCopyRowsFenced(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for n := 1; n <= 40; n++ {
			for _, gaps := range [][2]int{{0, 0}, {0, 3}, {2, 0}, {1, 5}} {
				for m := 1; m <= 4; m++ {
					ldd, lds := n+gaps[0], n+gaps[1]
					f := fence{t, true}
					src, dst := f.place((m-1)*lds+n), f.place((m-1)*ldd+n)
					want := make([]float32, len(dst))
					for i := range src {
						src[i] = float32(i + 1)
					}
					for i := range m {
						copy(want[i*ldd:], src[i*lds:i*lds+n])
					}
					inside(t, func() { copyRows(dst, ldd, src, lds, m, n) })
					checkSame(t, fmt.Sprintf("%d rows of %d, %d and %d apart", m, n, ldd, lds), dst, want)
				}
			}
		}
	})
}

// ScaleShift by rows has the bits of ScaleShift of each row, and leaves alone what lies between rows.
func TestScaleShiftRowsFenced(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, n := range []int{1, 7, 8, 16, 24, 33, 64} {
			for _, gaps := range [][2]int{{0, 0}, {0, 3}, {5, 0}, {1, 2}} {
				for m := 1; m <= 3; m++ {
					ldy, ldx := n+gaps[0], n+gaps[1]
					f, r := fence{t, true}, newRand("rows", n+m)
					x, a, b, y := filled(r, f.place((m-1)*ldx+n)), filled(r, f.place(n)), filled(r, f.place(n)),
						f.place((m-1)*ldy+n)
					for _, relu := range []bool{false, true} {
						want := append([]float32{}, y...)
						for i := range m {
							ScaleShift(want[i*ldy:i*ldy+n], x[i*ldx:], a, b, relu)
						}
						inside(t, func() { scaleShiftRows(y, ldy, x, ldx, a, b, m, n, relu) })
						checkSame(t, fmt.Sprintf("%d rows of %d, %d and %d apart, relu %v", m, n, ldy, ldx, relu), y,
							want)
					}
				}
			}
		}
	})
}
