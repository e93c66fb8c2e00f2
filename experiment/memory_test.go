package experiment

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/recipes"
	"selfsup/setting"
)

// A memory limit holds, and changes no bit of what a recipe trains: with the smallest limit that can be met, and with
// one halfway.
func TestMemoryLimit(t *testing.T) {
	for _, c := range []struct {
		recipe string
		sets   []string
	}{
		{"emoji-simclr.toml", []string{"backbone.resnet.width=0.125"}},
		{"byol.toml", nil},
		{"mae.toml", nil},
	} {
		t.Run(c.recipe, func(t *testing.T) {
			sets := append([]string{"train.batch=16"}, c.sets...)
			free := prepare(t, c.recipe, sets...)
			all := free.Train.Memory()
			short := refusedLimit(t, c.recipe, append(sets, `memory_limit="1KiB"`)...)
			least := short.Least
			if least.Temporaries >= all.Temporaries || least.Total()-least.Temporaries != all.Total()-all.Temporaries {
				t.Fatalf("at least %+v, without a limit %+v", least, all)
			}
			want := afterSteps(t, free)
			for _, limit := range []int64{least.Total(), (least.Total() + all.Total()) / 2} {
				s := prepare(t, c.recipe, append(sets, fmt.Sprintf("memory_limit=%q", setting.Size(limit)))...)
				if got := s.Train.Memory().Total(); got > limit || s.Train.IR.Again == 0 {
					t.Errorf("limit %d: the step takes %d bytes, %d operations run again", limit, got, s.Train.IR.Again)
				}
				if got := afterSteps(t, s); got != want {
					t.Errorf("limit %d: other numbers than without", limit)
				}
			}
			// A limit with room for all changes nothing.
			s := prepare(t, c.recipe, append(sets, fmt.Sprintf("memory_limit=%q", setting.Size(all.Total())))...)
			if s.Train.IR.Again != 0 || s.Train.Memory() != all {
				t.Errorf("%d operations run again though all have room: %+v, want %+v", s.Train.IR.Again,
					s.Train.Memory(), all)
			}
		})
	}
}

// refusedLimit is the error of a recipe whose limit is too small, which names a limit that is not.
func refusedLimit(t *testing.T, recipe string, sets ...string) *graph.MemoryError {
	t.Helper()
	r, err := recipes.Load(recipe, sets, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	_, err = Prepare(r)
	var short *graph.MemoryError
	var fault *RecipeError
	if !errors.As(err, &short) || !errors.As(err, &fault) {
		t.Fatalf("got error %v, want a recipe's memory error", err)
	}
	for _, says := range []string{recipe, `memory_limit = "1KiB"`, "at least",
		fmt.Sprintf("%q", setting.Size(short.Least.Total()).In(1<<10))} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("error %q does not say %q", err, says)
		}
	}
	return short
}

// afterSteps is a digest of the Store after three steps on fixed inputs.
func afterSteps(t *testing.T, s *Setup) string {
	t.Helper()
	for step := range 3 {
		for name, in := range s.Train.Inputs() {
			r := graph.Rand(uint64(step), name)
			for i := range in.F32 {
				in.F32[i] = float32(r.NormFloat64())
			}
		}
		s.Train.Schedule(graph.Time{Step: step, Steps: 3, PerEpoch: s.PerEpoch})
		if err := s.Train.Run(); err != nil {
			t.Fatal(err)
		}
	}
	return s.Store.Hash("")
}
