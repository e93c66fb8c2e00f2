package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"selfsup/graph/cpu/kern"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

func (k kernelCase) String() string { return fmt.Sprintf("%s%v", op.Key(k.spec), k.in) }

// operands are made anew, from the case's name.
func (k kernelCase) operands() []ir.Array {
	var seed uint64
	for _, b := range []byte(k.String()) {
		seed = seed*31 + uint64(b)
	}
	r := rand.New(rand.NewPCG(seed, 1))
	var in []ir.Array
	for _, s := range k.in {
		a := operand(s, r)
		switch k.spec.(type) {
		case op.CrossEntropyOp, op.CrossEntropyGrad: // one row is ignored
			if a.DType == ir.I32 {
				for i := range a.I32 {
					a.I32[i] %= int32(in[len(in)-1].Shape.Last())
				}
				a.I32[len(a.I32)/2] = -1
			}
		}
		if _, ok := k.spec.(op.InverseCholeskyOp); ok { // positive definite
			n := a.Shape.Last()
			for i := range a.Shape.Size() / n {
				a.F32[i*n+i%n] += float32(3 * n)
			}
		}
		in = append(in, a)
	}
	return in
}

// bind makes the case's kernel over operands; the result overwrites operand over, if that is not -1, and is poisoned
// otherwise.
func (k kernelCase) bind(in []ir.Array, over int) (run func(), out ir.Array, err error) {
	types := make([]ir.Type, len(in)) // as the graph has them
	for i, a := range in {
		if types[i] = a.Type; a.DType == ir.BF16 {
			types[i].DType = ir.F32
		}
	}
	t, err := k.spec.Infer(types)
	if err != nil {
		return nil, out, err
	}
	out = ir.NewArray(t)
	if over >= 0 {
		out = in[over]
	} else if out.DType == ir.F32 {
		out.Fill(math.NaN())
	}
	return k.bindTo(in, out), out, nil
}

// bindTo makes the case's kernel over operands and a result.
func (k kernelCase) bindTo(in []ir.Array, out ir.Array) (run func()) {
	c := &call{spec: k.spec, out: out.Type}
	for _, a := range in {
		c.in = append(c.in, a.Type)
		c.operand(a)
	}
	c.result(out)
	e := kernels[k.spec.Name()]
	n := 0
	if e.scratch != nil {
		n = e.scratch(c)
	}
	c.scratch = aligned(n)
	for i := range c.scratch {
		c.scratch[i] = float32(math.NaN())
	}
	return e.bind(c)
}

func (k kernelCase) want(t *testing.T, in []ir.Array) ir.Tensor {
	var types []ir.Type
	var x []ir.Tensor
	for _, a := range in {
		v := ir.Tensor{Shape: a.Shape, Data: make([]float64, a.Shape.Size())}
		for i := range v.Data {
			v.Data[i] = a.At(i)
		}
		types, x = append(types, a.Type), append(x, v)
	}
	o, err := k.spec.Infer(types)
	if err != nil {
		t.Fatal(err)
	}
	y := ir.Tensor{Shape: o.Shape, Data: make([]float64, o.Shape.Size())}
	k.spec.Ref(x, y)
	return y
}

func (k kernelCase) check(t *testing.T, what string, got ir.Array, want ir.Tensor) {
	t.Helper()
	tol := k.tol
	if tol == 0 {
		tol = 2e-6
	}
	if !got.Shape.Equal(want.Shape) {
		t.Fatalf("%s: shape %v, want %v", what, got.Shape, want.Shape)
	}
	rows := []ir.Tensor{want}
	smallest := 0.0
	// means and variances differ in size, and a mean near 0 is as exact as the spread of 1
	if _, ok := k.spec.(op.Stats); ok {
		c := want.Shape[1]
		rows, smallest = []ir.Tensor{{Data: want.Data[:c]}, {Data: want.Data[c:]}}, 1
	}
	at := 0
	for _, row := range rows {
		largest := smallest
		for _, v := range row.Data {
			largest = max(largest, math.Abs(v))
		}
		for i, v := range row.Data {
			if g := got.At(at); !(math.Abs(g-v) <= tol*largest) {
				t.Fatalf("%s: element %d is %v, want %v (largest %v)", what, i, g, v, largest)
			}
			at++
		}
	}
}

func setThreads(t testing.TB, n int) {
	old := kern.Threads()
	kern.SetThreads(n)
	t.Cleanup(func() { kern.SetThreads(old) })
}

// Allocations is testing.AllocsPerRun, the least of three: what f allocates shows in each, what the runtime does when
// workers of a slow machine fall asleep does not.
func Allocations(runs int, f func()) float64 {
	n := testing.AllocsPerRun(runs, f)
	for range 2 {
		if n > 0 {
			n = min(n, testing.AllocsPerRun(runs, f))
		}
	}
	return n
}

// Every kernel gives what the reference forward does, also in place, the same bits on any number of threads, and
// allocates nothing.
func TestKernels(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range append(kernelCases(), halfCases()...) {
		seen[k.spec.Name()] = true
		t.Run(k.String(), func(t *testing.T) {
			in := k.operands()
			want := k.want(t, in)
			var first ir.Array
			for _, threads := range []int{1, 2, 3, 8} {
				setThreads(t, threads)
				run, out, err := k.bind(in, -1)
				if err != nil {
					t.Fatal(err)
				}
				run()
				if threads == 1 {
					first = out
					k.check(t, "1 thread", out, want)
				}
				same(t, fmt.Sprintf("%d threads against 1", threads), out, first)
				if threads < 3 {
					if n := Allocations(2, run); n != 0 {
						t.Errorf("%d threads: %v allocations a run, want 0", threads, n)
					}
				}
				same(t, "second run", out, first)
			}
			if p, ok := k.spec.(ir.InPlacer); ok {
				for _, over := range p.InPlace() {
					in := k.operands()
					if over >= len(in) || !in[over].Shape.Equal(first.Shape) || in[over].DType != first.DType {
						continue
					}
					run, out, err := k.bind(in, over)
					if err != nil {
						t.Fatal(err)
					}
					run()
					same(t, fmt.Sprintf("over operand %d against apart", over), out, first)
				}
			}
		})
	}
	for name := range kernels {
		if !seen[name] {
			t.Errorf("no case for kernel %s", name)
		}
	}
}

func same(t *testing.T, what string, got, want ir.Array) {
	t.Helper()
	for i := range want.F32 {
		if math.Float32bits(got.F32[i]) != math.Float32bits(want.F32[i]) {
			t.Fatalf("%s: element %d is %v, want the bits of %v", what, i, got.F32[i], want.F32[i])
		}
	}
	for i := range want.I32 {
		if got.I32[i] != want.I32[i] {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got.I32[i], want.I32[i])
		}
	}
}
