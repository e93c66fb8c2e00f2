package graph_test

import (
	"math"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
)

// Average follows what parameters and state become, from where they begin, by the momentum of the step. What lies
// beside the scope, moments and integers have no average.
func TestAverage(t *testing.T) {
	g, err := graph.Build(graph.Options{Training: true, DType: ir.F64}, func(s *graph.Scope) {
		x, a := s.Input("x", 2), s.In("a")
		w, q := a.Param("w", graph.Normal(1), 2), a.In("norm").State("q", graph.Fill(3), 2)
		s.Update(w, op.Add(w, x))
		s.Update(q, op.Mul(q, x))
		s.Update(a.Moment("m", graph.Fill(0), 2), x)
		a.IntState("of", graph.Fill(0), 2)
		s.Update(s.Param("beside", graph.Fill(1), 2), x)
		a.Average("mean", s.Scheduled("momentum", func(t graph.Time) float64 { return 0.5 + 0.1*float64(t.Step) }))
	})
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(7)
	p, err := g.Compile(ref.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	in, err := p.Input("x")
	if err != nil {
		t.Fatal(err)
	}
	now := map[string][]float64{"a/w": nil, "a/norm/q": nil}
	mean := map[string][]float64{}
	for name := range now {
		for i := range 2 {
			v := st.Get(name).At(i)
			now[name], mean[name] = append(now[name], v), append(mean[name], v)
			if got := st.Get("mean/" + name).At(i); got != v {
				t.Errorf("mean/%s begins at %v, want %v", name, got, v)
			}
		}
	}
	for step := range 4 {
		for i := range 2 {
			v := float64(step) - 1.5*float64(i)
			in.Set(i, v)
			now["a/w"][i] += v
			now["a/norm/q"][i] *= v
			for name := range mean {
				m := 0.5 + 0.1*float64(step)
				mean[name][i] = m*mean[name][i] + (1-m)*now[name][i]
			}
		}
		p.Schedule(graph.Time{Step: step, Steps: 4, PerEpoch: 4})
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		if err := p.Sync(); err != nil {
			t.Fatal(err)
		}
		for name := range mean {
			for i := range 2 {
				if got, want := st.Get("mean/"+name).At(i), mean[name][i]; math.Abs(got-want) > 1e-12 {
					t.Errorf("step %d: mean/%s[%d] is %v, want %v", step, name, i, got, want)
				}
			}
		}
	}
	for _, name := range []string{"mean/a/m", "mean/a/of", "mean/beside"} {
		if st.Get(name) != nil {
			t.Errorf("the store has %s", name)
		}
	}
}
