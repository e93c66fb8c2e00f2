package optim_test

import (
	"math"
	"testing"

	"selfsup/graph"
	"selfsup/graph/optim"
	"selfsup/setting"
)

// A training of 10 epochs of 10 steps: a warm-up of 10 steps, and then each schedule.
func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(r *optim.Rate)
		want map[int]float64
	}{
		{"linear", func(r *optim.Rate) { r.Schedule, r.Final = "linear", 0.1 },
			map[int]float64{0: 0, 5: 0.5, 10: 1, 55: 0.55, 99: 0.11}},
		{"linear, held", func(r *optim.Rate) { r.Schedule, r.Hold = "linear", setting.Epochs(5) },
			map[int]float64{5: 0.5, 10: 1, 60: 1, 80: 0.5, 99: 0.025}},
		{"cosine, held", func(r *optim.Rate) { r.Hold = setting.Percent(50) },
			map[int]float64{10: 1, 59: 1, 70: (1 + math.Sqrt2/2) / 2, 80: 0.5}},
		{"constant", func(r *optim.Rate) { r.Schedule = "constant" }, map[int]float64{5: 0.5, 10: 1, 99: 1}},
		{"steps", func(r *optim.Rate) {
			r.Schedule, r.Drop = "steps", 0.2
			r.Drops = []setting.Length{setting.Epochs(6), setting.Steps(80), setting.Percent(90)}
		}, map[int]float64{5: 0.5, 10: 1, 59: 1, 60: 0.2, 79: 0.2, 80: 0.04, 90: 0.008}},
	} {
		r := optim.DefaultRate(1, 0)
		r.Scale, r.Warmup = "none", setting.Steps(10)
		c.set(&r)
		if err := r.Check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		at := r.At(256)
		for step, want := range c.want {
			if got := at(graph.Time{Step: step, Steps: 100, PerEpoch: 10}); math.Abs(got-want) > 1e-12 {
				t.Errorf("%s: %v at step %d, want %v", c.name, got, step, want)
			}
		}
	}
}
