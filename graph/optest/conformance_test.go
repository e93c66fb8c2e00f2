package optest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
)

// oracle is a case as float64 nodes with the interpreter's values.
type oracle struct {
	in    []*op.Node
	y, w  *op.Node
	grads []*op.Node // by input, nil where there is none
	known map[*op.Node]ir.Tensor
}

func newOracle(t *testing.T, c Case) *oracle {
	t.Helper()
	o := &oracle{}
	_, err := graph.Build(graph.Options{DType: ir.F64, Training: true}, func(s *graph.Scope) {
		var loss *op.Node
		o.in, o.y, loss = c.build(s)
		o.grads = make([]*op.Node, len(o.in))
		if loss == nil {
			return
		}
		o.w = s.Input(weightsName, op.ShapeOf(o.y)...)
		total := Reverse(o.y, o.w)
		for k, x := range o.in {
			o.grads[k] = total[x]
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	o.set(c, c.Values())
	return o
}

// set forgets all values but the given inputs.
func (o *oracle) set(c Case, in []ir.Tensor) {
	o.known = map[*op.Node]ir.Tensor{}
	for k, x := range o.in {
		o.known[x] = in[k]
	}
	if o.w != nil {
		o.known[o.w] = c.weights(op.ShapeOf(o.w))
	}
}

// loss is sum(value * weights).
func (o *oracle) loss() (sum float64) {
	y, w := Evaluate(o.y, o.known), o.known[o.w]
	for i, v := range y.Data {
		sum += v * w.Data[i]
	}
	return sum
}

// result is what a backend should give.
func (o *oracle) result() *Result {
	r := &Result{Value: array(o.y, Evaluate(o.y, o.known)), Gradients: make([]ir.Array, len(o.in))}
	for k, g := range o.grads {
		if g != nil {
			r.Gradients[k] = array(g, Evaluate(g, o.known))
		}
	}
	return r
}

func array(n *op.Node, v ir.Tensor) ir.Array {
	a := ir.NewArray(op.TypeOf(n))
	for i, x := range v.Data {
		a.Set(i, x)
	}
	return a
}

// TestGradients compares every case's symbolic gradients with central differences, at up to 12 elements of each input
// (4 of a large one).
func TestGradients(t *testing.T) {
	const tol = 1e-6
	for _, c := range Cases {
		t.Run(c.Name, func(t *testing.T) {
			if c.Exact != nil {
				checkRounded(t, c)
				return
			}
			o := newOracle(t, c)
			for k, in := range c.In {
				if in.DType == ir.I32 || o.w == nil || slices.Contains(c.Inactive, k) {
					if o.grads[k] != nil {
						t.Errorf("input %d has a gradient, want none", k)
					}
					continue
				}
				if o.grads[k] == nil {
					t.Errorf("input %d has no gradient", k)
					continue
				}
				o.set(c, c.Values())
				d := Evaluate(o.grads[k], o.known)
				if !d.Shape.Equal(in.Shape) {
					t.Fatalf("the gradient by input %d has shape %v, want %v", k, d.Shape, in.Shape)
				}
				largest := 0.1
				for _, v := range d.Data {
					largest = max(largest, math.Abs(v))
				}
				n := len(d.Data)
				samples := min(12, n)
				if n > 4000 {
					samples = 4
				}
				for s := range samples {
					i := s * n / samples
					shifted := func(by float64) float64 {
						vs := c.Values()
						vs[k].Data[i] += by
						o.set(c, vs)
						return o.loss()
					}
					h := 1e-5 * max(1, math.Abs(c.Values()[k].Data[i]))
					want := (shifted(h) - shifted(-h)) / (2 * h)
					if got := d.Data[i]; !(math.Abs(got-want) <= tol*largest) {
						t.Errorf("d loss / d input %d[%d]: got %v, central difference %v (largest %v)", k, i, got, want,
							largest)
					}
				}
			}
		})
	}
}

// TestReference holds the compiled programs of the reference backend against the interpreter: in float64 to the last
// digits, in float32 within the tolerance that other backends are held to.
func TestReference(t *testing.T) {
	for _, c := range Cases {
		t.Run(c.Name, func(t *testing.T) {
			want := newOracle(t, c).result()
			for _, run := range []struct {
				d   ir.DType
				tol float64
			}{{ir.F64, 1e-12}, {ir.F32, c.Tolerance()}} {
				got, err := c.Run(ref.Backend{}, run.d)
				if err != nil {
					t.Fatal(err)
				}
				for k := range want.Gradients {
					if has, should := got.Gradients[k].F32 != nil || got.Gradients[k].F64 != nil,
						want.Gradients[k].F64 != nil; has != should {
						t.Fatalf("%v: gradient by input %d exists: got %v, want %v", run.d, k, has, should)
					}
				}
				compare(t, got, want, run.tol)
			}
		})
	}
}

// TestCasesCoverOps finds every operation of package op in its source and wants it in the graph of some case.
func TestCasesCoverOps(t *testing.T) {
	pkgs, err := parser.ParseDir(token.NewFileSet(), "../op", func(f fs.FileInfo) bool {
		return !strings.HasSuffix(f.Name(), "_test.go")
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{} // name -> met
	for _, f := range pkgs["op"].Files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || fn.Name.Name != "Name" {
				continue
			}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
					name, _ := strconv.Unquote(l.Value)
					names[name] = false
				}
				return true
			})
		}
	}
	if len(names) < 40 {
		t.Fatalf("found only %d operations in ../op", len(names))
	}
	seen := map[*op.Node]bool{}
	var visit func(n *op.Node)
	visit = func(n *op.Node) {
		if n == nil || seen[n] || op.Of(n) == nil {
			return
		}
		seen[n] = true
		names[op.Of(n).Spec.Name()] = true
		for _, x := range op.Operands(n) {
			visit(x)
		}
	}
	for _, c := range Cases {
		o := newOracle(t, c)
		visit(o.y)
		for _, g := range o.grads {
			visit(g)
		}
	}
	for name, met := range names {
		if !met {
			t.Errorf("operation %s is in no case", name)
		}
	}
}

// TestCaseNames wants every name once: inputs are seeded by it.
func TestCaseNames(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases {
		if seen[c.Name] {
			t.Errorf("two cases are called %s", c.Name)
		}
		seen[c.Name] = true
	}
}

// checkRounded compares the gradients of a case that rounds its operands to bfloat16 with those of the same case
// without rounding: they differ, by less than some roundings of 1/256 of the largest value.
func checkRounded(t *testing.T, c Case) {
	exact := c
	exact.Build, exact.Exact = c.Exact, nil
	got, want := newOracle(t, c).result(), newOracle(t, exact).result()
	if apart(got.Value, want.Value) == 0 {
		t.Error("the value is not rounded")
	}
	for k, g := range got.Gradients {
		if d := apart(g, want.Gradients[k]); d == 0 || d > 0.03 {
			t.Errorf("gradient by input %d differs from the unrounded one by %.2g of its largest value, want "+
				"some, up to 0.03", k, d)
		}
	}
}

// apart is the largest difference, relative to the largest value of want.
func apart(got, want ir.Array) float64 {
	var d, largest float64
	for i := range want.Shape.Size() {
		d = max(d, math.Abs(got.At(i)-want.At(i)))
		largest = max(largest, math.Abs(want.At(i)))
	}
	return d / largest
}
