package ongraph

import (
	"math"
	"testing"

	"selfsup/graph"
	"selfsup/internal/golden"
)

// Model is the parameters of a fixture's model under our names. Weights that PyTorch stores as [out,in] or
// [out,in,kh,kw] are [in,out] or [kh,kw,in,out] here, whatever axes ours join.
type Model struct {
	F    *golden.Fixture
	Ours func(name string) string // our full name; "" for what is fixed here and there
}

// place is where entry i of PyTorch's parameter is in ours.
func place(i int, shape []int) int {
	switch len(shape) {
	case 2:
		return i%shape[1]*shape[0] + i/shape[1]
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
		if e == nil || !left[name] {
			t.Fatalf("%s: the model has no parameter %s", of.Name, name)
		}
		n := 1
		for _, d := range of.Shape {
			n *= d
		}
		if e.Shape.Size() != n {
			t.Fatalf("%s: %s has shape %v, want the %d elements of %v", of.Name, name, e.Shape, n, of.Shape)
		}
		for i := range n {
			e.Set(place(i, of.Shape), golden.Weight(p, of, i))
		}
		delete(left, name)
	}
	for n := range left {
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
		g := gradient(name)
		var ss float64
		for _, v := range g {
			ss += v * v
		}
		golden.Compare(t, "gradient of "+of.Name+": length", []float64{math.Sqrt(ss)},
			golden.Tensor{Data: []float64{of.L2}}, length)
		largest := 1e-3 * of.L2
		for _, v := range of.First8 {
			largest = max(largest, math.Abs(v))
		}
		for i, want := range of.First8 {
			if got := g[place(i, of.Shape)]; !(math.Abs(got-want) <= first*largest+golden.Absolute) {
				t.Errorf("gradient of %s: entry %d: got %v, want %v (allowed %.3g)", of.Name, i, got, want,
					first*largest)
			}
		}
	}
}
