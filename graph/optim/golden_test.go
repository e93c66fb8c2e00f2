package optim_test

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optim"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

var counterparts = map[string]func(t *testing.T, f *golden.Fixture){
	"sgd": descent(sgd), "sgd_momentum_wd": descent(sgd), "sgd_nesterov_wd": descent(sgd),
	"adam": descent(func(t *testing.T, f *golden.Fixture) (optim.Rule, bare) {
		if wd := golden.ParamOr(t, f, "weight_decay", 0.0); wd != 0 {
			t.Skipf("a weight decay of %v inside the gradient; ours is decoupled", wd)
		}
		return adamW(t, f)
	}),
	"adamw": descent(adamW), "adamw_scheduled_groups": descent(adamW),
	"lars_official_all": descent(larsOfficial), "lars_official_exclude": descent(larsOfficial),
	"lars_solo":    descent(larsSolo),
	"lars_lightly": descent(larsLightly), "lars_lightly_nesterov": descent(larsLightly),
	"ema_update": teacher, "gradient_clipping": clipping, "layer_decay_vit": layerDecay,

	"schedule_mae_per_step": schedule(func(t *testing.T, f *golden.Fixture) (graph.Schedule, int) {
		steps := golden.Param[int](t, f, "steps_per_epoch")
		warmup := golden.Param[int](t, f, "warmup_epochs") * steps
		s := warmedUp(golden.Param[float64](t, f, "lr"), golden.Param[float64](t, f, "min_lr"), warmup)
		return s, golden.Param[int](t, f, "epochs") * steps
	}),
	"schedule_vicreg_per_step": schedule(func(t *testing.T, f *golden.Fixture) (graph.Schedule, int) {
		steps := golden.Param[int](t, f, "steps_per_epoch")
		warmup := golden.Param[int](t, f, "warmup_epochs") * steps
		peak := golden.Param[float64](t, f, "base_lr") * golden.Param[float64](t, f, "batch_size") / 256
		s := warmedUp(peak, peak*golden.Param[float64](t, f, "end_ratio"), warmup)
		return s, golden.Param[int](t, f, "epochs") * steps
	}),
	"schedule_byol_tau": schedule(func(t *testing.T, f *golden.Fixture) (graph.Schedule, int) {
		return graph.CosineRamp(golden.Param[float64](t, f, "base_tau"), golden.Param[float64](t, f, "final_tau")),
			golden.Param[int](t, f, "max_steps")
	}),
	"schedule_lightly_momentum_cosine": schedule(func(t *testing.T, f *golden.Fixture) (graph.Schedule, int) {
		s := graph.CosineRamp(golden.Param[float64](t, f, "start_value"), golden.Param[float64](t, f, "end_value"))
		return s, golden.Param[int](t, f, "max_steps") - 1 // the last of max_steps is the end
	}),
	"schedule_mocov3_momentum": schedule(func(t *testing.T, f *golden.Fixture) (graph.Schedule, int) {
		return graph.CosineRamp(golden.Param[float64](t, f, "moco_m"), 1), golden.Param[int](t, f, "epochs") *
			golden.Param[int](t, f, "steps_per_epoch")
	}),
	"schedule_dino_teacher_momentum": schedule(dinoRamp), "schedule_dino_weight_decay": schedule(dinoRamp),
	"schedule_dino_lr": schedule(dinoWarm), "schedule_dino_teacher_temperature": schedule(dinoTemperature),
	"schedule_linear_warmup_cosine_per_epoch": schedule(soloEpochs),
	"schedule_lightly_cosine_warmup":          schedule(lightlyWarm), "schedule_ijepa": ijepa,
}

func dinoRamp(t *testing.T, f *golden.Fixture) (graph.Schedule, int) {
	if golden.Param[int](t, f, "warmup_epochs") != 0 {
		t.Skip("DINO's warm-up, which includes both ends")
	}
	s := graph.CosineRamp(golden.Param[float64](t, f, "base_value"), golden.Param[float64](t, f, "final_value"))
	return s, golden.Param[int](t, f, "epochs") * golden.Param[int](t, f, "niter_per_ep")
}

// dinoWarm is DINO's learning rate: its warm-up takes both ends, and then the cosine begins at the peak once more.
func dinoWarm(t *testing.T, f *golden.Fixture) (graph.Schedule, int) {
	perEpoch, peak := golden.Param[int](t, f, "niter_per_ep"), golden.Param[float64](t, f, "base_value")
	steps := golden.Param[int](t, f, "warmup_epochs") * perEpoch
	rise := graph.LinearRamp(golden.Param[float64](t, f, "start_warmup_value"), peak, func(graph.Time) int {
		return steps
	})
	fall := graph.CosineRamp(peak, golden.Param[float64](t, f, "final_value"))
	return after(steps, rise, fall), golden.Param[int](t, f, "epochs") * perEpoch
}

// after is one schedule for so many steps, and then another from its beginning, over what is left.
func after(steps int, first, then graph.Schedule) graph.Schedule {
	return func(at graph.Time) float64 {
		if at.Step < steps {
			return first(at)
		}
		return then(graph.Time{Step: at.Step - steps, Steps: at.Steps - steps})
	}
}

// soloEpochs is the learning rate of solo-learn's recipes, which changes by the epoch: the warm-up takes both ends.
func soloEpochs(t *testing.T, f *golden.Fixture) (graph.Schedule, int) {
	warmup, peak := golden.Param[int](t, f, "warmup_epochs"), golden.Param[float64](t, f, "base_lr")
	rise := graph.LinearRamp(golden.Param[float64](t, f, "warmup_start_lr"), peak, func(graph.Time) int {
		return warmup
	})
	fall := graph.CosineRamp(peak, golden.Param[float64](t, f, "eta_min"))
	return after(warmup, rise, fall), golden.Param[int](t, f, "max_epochs")
}

// lightlyWarm is lightly's learning rate: no step has none, and the last has the last value.
func lightlyWarm(t *testing.T, f *golden.Fixture) (graph.Schedule, int) {
	warmup, rate := golden.Param[int](t, f, "warmup_epochs"), golden.Param[float64](t, f, "base_lr")
	peak := rate * golden.Param[float64](t, f, "start_value")
	rise := graph.LinearRamp(peak/float64(warmup), peak, func(graph.Time) int { return warmup })
	fall := graph.CosineRamp(peak, rate*golden.Param[float64](t, f, "end_value"))
	return after(warmup, rise, fall), golden.Param[int](t, f, "max_epochs") - 1
}

// ijepa is I-JEPA's learning rate, weight decay and momentum of the teacher; the first two count the step before they
// are asked.
func ijepa(t *testing.T, f *golden.Fixture) {
	number := func(key string) float64 { return golden.Param[float64](t, f, key) }
	warmup, total := golden.Param[int](t, f, "warmup_steps"), golden.Param[int](t, f, "T_max")
	all := int(number("ipe") * number("num_epochs") * number("ipe_scale"))
	rise := graph.LinearRamp(number("start_lr"), number("ref_lr"), func(graph.Time) int { return warmup + 1 })
	for key, s := range map[string]graph.Schedule{
		"lr_per_step": after(warmup, rise, graph.CosineRamp(number("ref_lr"), number("final_lr"))),
		"wd_per_step": graph.CosineRamp(number("ref_wd"), number("final_wd")),
		"ema_per_step": graph.LinearRamp(number("ema_start"), number("ema_end"), func(graph.Time) int {
			return all + 1
		}),
	} {
		first := 1
		if key == "ema_per_step" {
			first = 0
		}
		want := f.Outputs[key]
		got := make([]float64, len(want.Data))
		for i := range got {
			got[i] = s(graph.Time{Step: i + first, Steps: total})
		}
		golden.Compare(t, key, got, want, f.Tolerance(false, 0))
	}
}

// dinoTemperature is the teacher's temperature, by epoch.
func dinoTemperature(t *testing.T, f *golden.Fixture) (graph.Schedule, int) {
	warmup := golden.Param[int](t, f, "warmup_teacher_temp_epochs")
	s := graph.LinearRamp(golden.Param[float64](t, f, "warmup_teacher_temp"),
		golden.Param[float64](t, f, "teacher_temp"),
		func(graph.Time) int { return warmup })
	return s, golden.Param[int](t, f, "nepochs")
}

// bare says which parameters get no decay and no trust ratio, by name and number of axes.
type bare func(name string, axes int) bool

func none(string, int) bool { return false }

func sgd(t *testing.T, f *golden.Fixture) (optim.Rule, bare) {
	return &optim.SGD{Momentum: golden.Param[float64](t, f, "momentum"), Nesterov: golden.Param[bool](t, f,
		"nesterov")}, none
}

func adamW(t *testing.T, f *golden.Fixture) (optim.Rule, bare) {
	r := &optim.AdamW{Beta1: golden.Param[float64](t, f, "beta1"), Beta2: golden.Param[float64](t, f, "beta2"),
		Eps: golden.Param[float64](t, f, "eps")}
	out := golden.ParamOr(t, f, "no_decay", []string{})
	return r, func(name string, _ int) bool { return slices.Contains(out, name) }
}

// ones leaves out what the package's own rule does.
func ones(_ string, axes int) bool { return axes < 2 }

func larsOfficial(t *testing.T, f *golden.Fixture) (optim.Rule, bare) {
	r := &optim.LARS{Momentum: golden.Param[float64](t, f, "momentum"), Eta: golden.Param[float64](t, f, "eta"),
		Variant: "official"}
	decay, adapt := golden.Param[bool](t, f, "weight_decay_filter"), golden.Param[bool](t, f, "lars_adaptation_filter")
	if decay != adapt {
		t.Skipf("decay excluded: %v, adaptation excluded: %v; here both are or none", decay, adapt)
	}
	if decay {
		return r, ones
	}
	return r, none
}

func larsSolo(t *testing.T, f *golden.Fixture) (optim.Rule, bare) {
	r := &optim.LARS{Momentum: golden.Param[float64](t, f, "momentum"), Eta: golden.Param[float64](t, f, "eta"),
		Eps:     golden.Param[float64](t, f, "eps"),
		Variant: "solo", Clip: golden.Param[bool](t, f, "clip_lr")}
	if golden.Param[bool](t, f, "exclude_bias_n_norm") {
		return r, ones
	}
	return r, none
}

// larsLightly has the ratio only where there is decay.
func larsLightly(t *testing.T, f *golden.Fixture) (optim.Rule, bare) {
	r := &optim.LARS{Momentum: golden.Param[float64](t, f, "momentum"), Nesterov: golden.Param[bool](t, f, "nesterov"),
		Eta: golden.Param[float64](t, f, "trust_coefficient"), Eps: golden.Param[float64](t, f, "eps"), Variant: "solo"}
	out := golden.Param[[]string](t, f, "no_decay")
	if golden.Param[float64](t, f, "weight_decay") == 0 {
		return r, func(string, int) bool { return true }
	}
	return r, func(name string, _ int) bool { return slices.Contains(out, name) }
}

// both runs a check on the reference backend in float64 and on the processor in float32.
func both(t *testing.T, check func(t *testing.T, dtype ir.DType, b ir.Backend)) {
	t.Helper()
	skipped := false
	for _, b := range []struct {
		name    string
		dtype   ir.DType
		backend ir.Backend
	}{{"float64", ir.F64, ref.Backend{}}, {"float32", ir.F32, cpu.Backend{Poison: true}}} {
		t.Run(b.name, func(t *testing.T) {
			defer func() { skipped = skipped || t.Skipped() }()
			check(t, b.dtype, b.backend)
		})
	}
	if skipped {
		t.SkipNow()
	}
}

var (
	gradientOf = regexp.MustCompile(`cos\(([-+.\de]+)\*step \+ freq\*i \+ k\) \+ ([-+.\de]+)\*p\[i\]`)
	phaseOf    = regexp.MustCompile(`(\d+) for (\w+)`)
)

// pull is the gradient that a fixture prescribes: cos(speed*step + freq*i + phase) + slope*p.
type pull struct {
	speed, freq, slope float64
	phase              map[string]float64
}

func pullOf(t *testing.T, f *golden.Fixture) pull {
	text := golden.Param[string](t, f, "gradient")
	m := gradientOf.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("%s: gradient %q: want the form cos(A*step + freq*i + k) + B*p[i]", f.Name, text)
	}
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatalf("%s: gradient %q: %v", f.Name, text, err)
		}
		return v
	}
	p := pull{speed: number(m[1]), freq: golden.Param[float64](t, f, "freq"), slope: number(m[2]),
		phase: map[string]float64{}}
	for _, k := range phaseOf.FindAllStringSubmatch(text, -1) {
		p.phase[k[2]] = number(k[1])
	}
	for n := range f.Inputs {
		if _, ok := p.phase[n]; !ok {
			t.Fatalf("%s: gradient %q gives no k for %s", f.Name, text, n)
		}
	}
	return p
}

// descent follows a rule for the fixture's steps and compares every parameter after each.
func descent(rule func(*testing.T, *golden.Fixture) (optim.Rule, bare)) func(*testing.T, *golden.Fixture) {
	return func(t *testing.T, f *golden.Fixture) {
		both(t, func(t *testing.T, dtype ir.DType, b ir.Backend) {
			r, excluded := rule(t, f)
			steps, force := golden.Param[int](t, f, "steps"), pullOf(t, f)
			names := slices.Sorted(maps.Keys(f.Inputs))
			g, err := graph.Build(graph.Options{DType: dtype, Training: true}, func(s *graph.Scope) {
				var terms []*graph.Node
				for _, n := range names {
					x := f.Inputs[n]
					p := s.Param(n, ongraph.Hold(x), x.Shape...)
					terms = append(terms, op.SumAll(op.Mul(p, s.Input("force/"+n, x.Shape...))),
						op.Scale(op.SumAll(op.Square(p)), force.slope/2))
				}
				h := optim.Hyper{Rate: s.Input("rate"), Decay: s.Input("decay"),
					Step: s.Scheduled("step", optim.CountSteps)}
				optim.Apply(s, r, op.Sum(terms...), s.Params(), h,
					optim.Training{Treat: func(p *graph.Node) optim.Treatment {
						return optim.Treatment{Plain: excluded(s.Name(p), len(op.ShapeOf(p)))}
					}})
			})
			if err != nil {
				t.Fatal(err)
			}
			st := graph.NewStore(1)
			p, err := g.Compile(b, st)
			if err != nil {
				t.Fatal(err)
			}
			rates, decays := perStep(t, f, "lr", steps), perStep(t, f, "weight_decay", steps)
			after := map[string][]float64{}
			for step := range steps {
				p.Schedule(graph.Time{Step: step, Steps: steps})
				feed(t, p, "rate", func(int) float64 { return rates[step] })
				feed(t, p, "decay", func(int) float64 { return decays[step] })
				for _, n := range names {
					feed(t, p, "force/"+n, func(i int) float64 {
						return math.Cos(force.speed*float64(step) + force.freq*float64(i) + force.phase[n])
					})
				}
				if err := p.Run(); err != nil {
					t.Fatal(err)
				}
				for _, n := range names {
					after[n] = append(after[n], values(st.Get(n).Array)...)
				}
			}
			for _, n := range names {
				golden.Compare(t, n+"_after_each_step", after[n], f.Outputs[n+"_after_each_step"],
					f.Tolerance(dtype == ir.F32, f.Check.Output))
			}
		})
	}
}

// perStep is a setting at every step: a list key_per_step, or one number key.
func perStep(t *testing.T, f *golden.Fixture, key string, steps int) []float64 {
	if v := golden.ParamOr(t, f, key+"_per_step", []float64(nil)); v != nil {
		if len(v) != steps {
			t.Fatalf("%s: %s_per_step has %d entries, want %d", f.Name, key, len(v), steps)
		}
		return v
	}
	return slices.Repeat([]float64{golden.Param[float64](t, f, key)}, steps)
}

// feed fills an input. The optimiser may not read it (decay where all are excluded).
func feed(t *testing.T, p *graph.Program, name string, at func(i int) float64) {
	t.Helper()
	a, err := p.Input(name)
	if err != nil {
		if name == "decay" {
			return
		}
		t.Fatal(err)
	}
	for i := range a.Shape.Size() {
		a.Set(i, at(i))
	}
}

func values(a ir.Array) []float64 {
	v := make([]float64, a.Shape.Size())
	for i := range v {
		v[i] = a.At(i)
	}
	return v
}

// teacher is the moving average that a twin scope keeps of a student that no optimiser changes.
func teacher(t *testing.T, f *golden.Fixture) {
	var names []string
	for _, n := range slices.Sorted(maps.Keys(f.Inputs)) {
		if len(n) > len("online_") && n[:len("online_")] == "online_" {
			names = append(names, n[len("online_"):])
		}
	}
	both(t, func(t *testing.T, dtype ir.DType, b ir.Backend) {
		g, err := graph.Build(graph.Options{DType: dtype, Training: true}, func(s *graph.Scope) {
			twin := s.Twin("teacher", s.Constant(golden.Param[float64](t, f, "tau")))
			for _, n := range names {
				x := f.Inputs["online_"+n]
				for _, at := range []*graph.Scope{s, twin} {
					at.Param(n, ongraph.Hold(x), x.Shape...)
				}
			}
			s.UpdateTwins()
		})
		if err != nil {
			t.Fatal(err)
		}
		st := graph.NewStore(1)
		p, err := g.Compile(b, st)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			ongraph.Hold(f.Inputs["target_"+n])(st.Get("teacher/"+n).Array, nil)
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			golden.Compare(t, "teacher "+n, values(st.Get("teacher/"+n).Array), f.Outputs["target_"+n+"_after"],
				f.Tolerance(dtype == ir.F32, f.Check.Output))
			golden.Compare(t, "student "+n, values(st.Get(n).Array), f.Inputs["online_"+n], 0)
		}
	})
}

// warmedUp rises for so many steps and then falls as half a cosine.
func warmedUp(peak, final float64, steps int) graph.Schedule {
	warmup := func(graph.Time) int { return steps }
	return graph.Warmup(peak, warmup, graph.CosineFall(peak, final, warmup))
}

// schedule compares a setting at every step, or epoch, that the fixture has.
func schedule(of func(t *testing.T, f *golden.Fixture) (s graph.Schedule, total int)) func(*testing.T,
	*golden.Fixture) {
	return func(t *testing.T, f *golden.Fixture) {
		s, total := of(t, f)
		key := "per_step"
		if _, ok := f.Outputs[key]; !ok {
			key = "per_epoch"
		}
		want := f.Outputs[key]
		got := make([]float64, len(want.Data))
		for i := range got {
			got[i] = s(graph.Time{Step: i, Steps: total})
		}
		golden.Compare(t, key, got, want, f.Tolerance(false, 0))
	}
}

// TestGoldenOptim compares optimisers, teachers and schedules with the reference implementations, after every step.
func TestGoldenOptim(t *testing.T) {
	golden.Each(t, "optim", counterparts, func(t *testing.T, f *golden.Fixture,
		check func(*testing.T, *golden.Fixture)) {
		check(t, f)
	})
}
