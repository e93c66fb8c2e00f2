package ongraph

import (
	"math"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/internal/golden"
)

// Model is the parameters of a fixture's model under our names. Weights that PyTorch stores as [out,in],
// [out,in,kh,kw] or [out,in,t,kh,kw] are [in,out], [kh,kw,in,out] or [t,kh,kw,in,out] here, whatever axes ours join.
type Model struct {
	F    *golden.Fixture
	Ours func(name string) string // our full name; "" for what is fixed here and there
	// which third of ours a vector or a matrix is whose name ends so: of queries, keys and values. A third that the
	// fixture has not is 0
	Thirds map[string]int
	AsIs   []string // endings of the names of matrices that are [rows,columns] there too, such as embeddings
}

// third is which third of ours a parameter of the fixture is, and how many times as large ours is.
func (m Model) third(of golden.Parameter) (which, times int) {
	for ending, third := range m.Thirds {
		if strings.HasSuffix(of.Name, ending) {
			return third, 3
		}
	}
	return 0, 1
}

// place is where entry i of PyTorch's parameter is in ours.
func (m Model) place(i int, of golden.Parameter) int {
	if third, times := m.third(of); times > 1 { // the columns of ours are those of all thirds
		within, out := m.whole(i, of), of.Shape[0]
		return within/out*times*out + third*out + within%out
	}
	return m.whole(i, of)
}

// whole is place of a parameter that is no third.
func (m Model) whole(i int, of golden.Parameter) int {
	for _, ending := range m.AsIs {
		if strings.HasSuffix(of.Name, ending) {
			return i
		}
	}
	shape := of.Shape
	switch len(shape) {
	case 2:
		return i%shape[1]*shape[0] + i/shape[1]
	case 3:
		if of.Init == "formula_conv1d" { // [out,in,k] there and [k,in,out] here
			k, in := shape[2], shape[1]
			return (i%k*in+i/k%in)*shape[0] + i/k/in
		}
	case 5:
		kw, kh, kt, in := shape[4], shape[3], shape[2], shape[1]
		w, h, t, c, o := i%kw, i/kw%kh, i/kw/kh%kt, i/kw/kh/kt%in, i/kw/kh/kt/in
		return (((t*kh+h)*kw+w)*in+c)*shape[0] + o
	case 4:
		kw, kh, in := shape[3], shape[2], shape[1]
		w, h, c, o := i%kw, i/kw%kh, i/kw/kh%in, i/kw/kh/in
		return ((h*kw+w)*in+c)*shape[0] + o
	}
	return i
}

// Fill gives every parameter of the store its weights by formula. The fixture and the store must have the same ones.
func (m Model) Fill(t testing.TB, st *graph.Store) {
	t.Helper()
	left := map[string]bool{}
	for _, n := range st.Names() {
		if st.Get(n).Kind == graph.Param {
			left[n] = true
		}
	}
	for p, of := range m.F.Parameters {
		name := m.Ours(of.Name)
		if name == "" {
			continue
		}
		e := st.Get(name)
		unfilled, ok := left[name]
		_, times := m.third(of)
		if e == nil || !ok || !unfilled && times == 1 {
			t.Fatalf("%s: the model has no parameter %s", of.Name, name)
		}
		n := 1
		for _, d := range of.Shape {
			n *= d
		}
		if e.Shape.Size() != times*n {
			t.Fatalf("%s: %s has shape %v, want %d times the elements of %v", of.Name, name, e.Shape, times, of.Shape)
		}
		if unfilled {
			e.Fill(0)
		}
		for i := range n {
			e.Set(m.place(i, of), golden.Weight(p, of, i))
		}
		left[name] = false
	}
	for n, unfilled := range left {
		if !unfilled {
			continue
		}
		t.Errorf("the fixture has no parameter for %s", n)
	}
}

// Gradients compares the length and the first entries of every parameter's gradient, which gradient finds by our name.
// Entries are measured against the largest of them, or a thousandth of the length where all are small.
func (m Model) Gradients(t testing.TB, gradient func(name string) []float64, length, first float64) {
	t.Helper()
	for _, of := range m.F.Parameters {
		name := m.Ours(of.Name)
		if name == "" {
			continue
		}
		g, n := gradient(name), 1
		for _, d := range of.Shape {
			n *= d
		}
		var ss float64
		for i := range n {
			v := g[m.place(i, of)]
			ss += v * v
		}
		golden.Compare(t, "gradient of "+of.Name+": length", []float64{math.Sqrt(ss)},
			golden.Tensor{Data: []float64{of.L2}}, length)
		largest := 1e-3 * of.L2
		for _, v := range of.First8 {
			largest = max(largest, math.Abs(v))
		}
		for i, want := range of.First8 {
			if got := g[m.place(i, of)]; !(math.Abs(got-want) <= first*largest+golden.Absolute) {
				t.Errorf("gradient of %s: entry %d: got %v, want %v (allowed %.3g)", of.Name, i, got, want,
					first*largest)
			}
		}
	}
}
