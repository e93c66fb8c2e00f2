package optim_test

import (
	"math"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optim"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

// clipping takes one step of plain descent at rate 1 from 0, whose gradients are the fixture's: the parameters are then
// minus the clipped ones.
func clipping(t *testing.T, f *golden.Fixture) {
	both(t, func(t *testing.T, dtype ir.DType, b ir.Backend) {
		g, err := graph.Build(graph.Options{DType: dtype, Training: true}, func(s *graph.Scope) {
			var terms []*graph.Node
			for name, x := range f.Inputs {
				p := s.Param(name, graph.Fill(0), x.Shape...)
				terms = append(terms, op.SumAll(op.Mul(p, s.State("of/"+name, ongraph.Hold(x), x.Shape...))))
			}
			h := optim.Hyper{Rate: s.Constant(1), Decay: s.Constant(0), Step: s.Constant(1)}
			optim.Apply(s, &optim.SGD{}, op.Sum(terms...), s.Params(), h,
				optim.Training{Clip: golden.Param[float64](t, f, "max_norm")})
		})
		if err != nil {
			t.Fatal(err)
		}
		st := graph.NewStore(1)
		p, err := g.Compile(b, st)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		for name := range f.Inputs {
			got := values(st.Get(name).Array)
			for i := range got {
				got[i] = -got[i]
			}
			golden.Compare(t, name, got, f.Outputs["global_"+strings.TrimPrefix(name, "grad_")],
				f.Tolerance(dtype == ir.F32, f.Check.Output))
		}
	})
}

// layerDecay declares a transformer's parameters by layer.
func layerDecay(t *testing.T, f *golden.Fixture) {
	names := golden.Param[[]string](t, f, "names")
	if _, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		var params []*graph.Node
		for _, name := range names {
			at := s
			switch part := strings.Split(name, "."); {
			case part[0] == "blocks":
				i := 0
				for _, d := range part[1] {
					i = 10*i + int(d-'0')
				}
				at = s.Layer(i + 1)
			case part[0] == "cls_token" || part[0] == "pos_embed" || part[0] == "patch_embed":
				at = s.Layer(0)
			}
			params = append(params, at.Param(name, graph.Fill(0), 1))
		}
		golden.Compare(t, "lr_scale", optim.LayerFactors(s, params, golden.Param[float64](t, f, "layer_decay")),
			f.Outputs["lr_scale"], 1e-7)
	}); err != nil {
		t.Fatal(err)
	}
}

// quadratic is a training of w on |w - x|^2 averaged over the rows of x [n,3], with a teacher, by a rule.
func quadratic(t *testing.T, n int, r optim.Rule, set func(s *graph.Scope) optim.Training) (*graph.Program,
	*graph.Store) {
	t.Helper()
	g, err := graph.Build(graph.Options{DType: ir.F64, Training: true}, func(s *graph.Scope) {
		w, b := s.Param("w", graph.Fill(0.5), 1, 3), s.Param("b", graph.Fill(0), 3)
		twin := s.Twin("teacher", s.Constant(0.9))
		twin.Param("w", graph.Fill(0.5), 1, 3)
		loss := op.Scale(op.SumAll(op.Square(op.Sub(op.Add(w, b), s.Input("x", n, 3)))), 1/float64(n))
		h := optim.Hyper{Rate: s.Constant(0.1), Decay: s.Constant(0.01), Step: s.Scheduled("step", optim.CountSteps)}
		optim.Apply(s, r, loss, s.Params(), h, set(s))
		s.UpdateTwins()
	})
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(1)
	p, err := g.Compile(ref.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	return p, st
}

func step(t *testing.T, p *graph.Program, at graph.Time, rows []float64) {
	t.Helper()
	x, err := p.Input("x")
	if err != nil {
		t.Fatal(err)
	}
	copy(x.F64, rows)
	p.Schedule(at)
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
}

// A step in parts ends where a step on the whole batch ends: parameters, moments and teacher, with every rule, clipped
// or not.
func TestPartsAreTheWholeBatch(t *testing.T) {
	adam, lars := optim.DefaultAdamW(), optim.DefaultLARS()
	for name, r := range map[string]optim.Rule{"sgd": &optim.SGD{Momentum: 0.9}, "adamw": adam, "lars": lars} {
		for _, most := range []float64{0, 0.1} {
			whole, a := quadratic(t, 6, r, func(s *graph.Scope) optim.Training {
				return optim.Training{Treat: optim.PlainOnly(s), Clip: most}
			})
			parts, b := quadratic(t, 2, r, func(s *graph.Scope) optim.Training {
				return optim.Training{Treat: optim.PlainOnly(s), Clip: most, Parts: 3}
			})
			random := graph.Rand(1, name)
			for n := range 4 {
				rows := make([]float64, 18)
				for i := range rows {
					rows[i] = random.NormFloat64()
				}
				step(t, whole, graph.Time{Step: n, Steps: 4}, rows)
				for k := range 3 {
					before := b.Get("w").F64[0]
					step(t, parts, graph.Time{Step: n, Steps: 4, Part: k, Parts: 3}, rows[6*k:6*k+6])
					if moved := b.Get("w").F64[0] != before; moved != (k == 2) {
						t.Fatalf("%s: part %d of step %d moved the parameter: %v", name, k, n, moved)
					}
				}
				for _, entry := range a.Names() {
					for i, want := range values(a.Get(entry).Array) {
						if got := values(b.Get(entry).Array)[i]; math.Abs(got-want) > 1e-12*max(1, math.Abs(want)) {
							t.Fatalf("%s, clip %v, step %d: %s[%d] is %v in parts, %v whole", name, most, n, entry, i,
								got, want)
						}
					}
				}
			}
		}
	}
}

// A parameter that is held stays with its moments, bit for bit, and begins afterwards as if its first steps had not
// been; so PyTorch does where a gradient is None.
func TestHold(t *testing.T) {
	adam := optim.DefaultAdamW()
	hold := func(s *graph.Scope) optim.Training {
		until := s.Scheduled("hold", func(t graph.Time) float64 {
			if t.Step < 2 {
				return 1
			}
			return 0
		})
		return optim.Training{Treat: func(p *graph.Node) optim.Treatment {
			if s.Name(p) == "b" {
				return optim.Treatment{Hold: until}
			}
			return optim.Treatment{Rate: s.Constant(0)} // so that w is the same in both trainings
		}}
	}
	held, a := quadratic(t, 2, adam, hold)
	fresh, b := quadratic(t, 2, adam, hold)
	rows := []float64{1, 2, 3, 4, 5, 6}
	for n := range 2 {
		step(t, held, graph.Time{Step: n, Steps: 9}, rows)
		for i, v := range a.Get("b").F64 {
			if v != 0 || a.Get("optimizer/b/mean").F64[i] != 0 || a.Get("optimizer/b/square").F64[i] != 0 {
				t.Fatalf("step %d: a held parameter is %v, its moments %v and %v, want 0", n, v,
					a.Get("optimizer/b/mean").F64[i], a.Get("optimizer/b/square").F64[i])
			}
		}
	}
	for n := range 3 { // the same three steps without two held ones before them
		step(t, held, graph.Time{Step: n + 2, Steps: 9}, rows)
		step(t, fresh, graph.Time{Step: n + 2, Steps: 9}, rows)
		for i, v := range b.Get("b").F64 {
			if got := a.Get("b").F64[i]; got != v || v == 0 {
				t.Fatalf("step %d: b[%d] is %v after two held steps, want %v", n+2, i, got, v)
			}
		}
	}
}
