package envs_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/envs"
)

func open(t testing.TB, e *envs.Envs) *datasets.Data {
	t.Helper()
	d, err := e.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// small is an environment with few episodes.
func small(env string) *envs.Envs {
	e := envs.New()
	e.Env, e.Episodes, e.Held = env, 12, 4
	return e
}

// The same seed gives the same pixels, another seed others; steps follow each other, and the expert is better than
// chance.
func TestEpisodes(t *testing.T) {
	for _, env := range []string{"reach", "catch", "maze"} {
		set := open(t, small(env)).Train.(datasets.StepSet)
		again, other := open(t, small(env)).Train.(datasets.StepSet), small(env)
		other.Seed = 7
		third := open(t, other).Train.(datasets.StepSet)
		if set.Len() != again.Len() {
			t.Fatalf("%s: %d steps and then %d", env, set.Len(), again.Len())
		}
		var a, b, c datasets.Image
		differ := false
		for i := range set.Len() {
			if err := set.Image(i, &a); err != nil {
				t.Fatal(err)
			}
			if again.Image(i, &b); !slices.Equal(a.Pix, b.Pix) {
				t.Fatalf("%s: step %d is not the same again", env, i)
			}
			if i < third.Len() {
				third.Image(i, &c)
				differ = differ || !slices.Equal(a.Pix, c.Pix)
			}
			st := set.Step(i)
			if st.After > 1 {
				set.Result(i, &a)
				set.Image(set.Moved(i, 1), &b)
				if !slices.Equal(a.Pix, b.Pix) {
					t.Fatalf("%s: what follows step %d is not the next step", env, i)
				}
			}
			if before := set.Step(set.Moved(i, -st.Before)); before.Before != 0 || before.After != st.Before+st.After {
				t.Fatalf("%s: step %d is %+v, its episode's first %+v", env, i, st, before)
			}
			truth := make([]float64, set.Sources())
			set.Source(i, truth)
			if slices.Max(truth) > 1 || slices.Min(truth) < 0 {
				t.Fatalf("%s: the state of step %d is %v", env, i, truth)
			}
		}
		if !differ {
			t.Errorf("%s: another seed gives the same episodes", env)
		}
		good, bad := small(env), small(env)
		good.Expert, bad.Expert = 1, 0
		if g, b := mean(t, open(t, good)), mean(t, open(t, bad)); g < b+0.5 {
			t.Errorf("%s: an expert's mean return is %v, chance %v", env, g, b)
		}
	}
}

// mean is the mean return of episodes.
func mean(t *testing.T, d *datasets.Data) float64 {
	set, sum, n := d.Train.(datasets.StepSet), 0.0, 0.0
	for i := range set.Len() {
		st := set.Step(i)
		if sum += float64(st.Reward); st.Before == 0 {
			n++
		}
	}
	return sum / n
}

// Where steps cost how far the target is, all else is as before.
func TestNear(t *testing.T) {
	near := small("reach")
	near.Near = true
	set, same := open(t, near).Train.(datasets.StepSet), open(t, small("reach")).Train.(datasets.StepSet)
	if set.Len() != same.Len() {
		t.Fatalf("%d steps, want %d", set.Len(), same.Len())
	}
	for i := range set.Len() {
		st := set.Step(i)
		if want := same.Step(i); st.Action != want.Action || st.Terminal && st.Reward != 1 {
			t.Fatalf("step %d is %+v, want %+v but for the cost", i, st, want)
		}
		if st.After < 2 {
			continue
		}
		at := make([]float64, 4)
		set.Source(set.Moved(i, 1), at)
		if want := -(math.Abs(at[0]-at[2]) + math.Abs(at[1]-at[3])) / 2; math.Abs(float64(st.Reward)-want) > 1e-6 {
			t.Fatalf("step %d is worth %v, want %v", i, st.Reward, want)
		}
	}
}

// A background is of the episode, of the step, or drifts, and changes nothing else.
func TestDistractors(t *testing.T) {
	for kind, moves := range map[string]bool{"none": false, "fixed": false, "slow": true, "changing": true,
		"television": true, "remote": false} {
		e := small("maze")
		e.Distractor, e.Expert = kind, 1
		set := open(t, e).Train.(datasets.StepSet)
		var a, b datasets.Image
		set.Image(0, &a)
		set.Result(0, &b)
		near := 0
		for i := range a.Pix {
			if a.Pix[i] != b.Pix[i] {
				near++
			}
		}
		agent := 2 * 9 * 3 // the agent's two places
		if moves != (near > agent) {
			t.Errorf("%s: %d numbers differ from one step to the next", kind, near)
		}
	}
}

// A television with a remote control shows something else where the agent stays, and nowhere else.
func TestRemoteControl(t *testing.T) {
	for _, env := range []string{"reach", "catch", "maze"} {
		e := small(env)
		e.Distractor, e.Expert = "remote", 0
		set := open(t, e).Train.(datasets.StepSet)
		stays := slices.Index(set.Actions(), "stay")
		screen := func(m *datasets.Image) (pix []byte) {
			for y := range 10 {
				pix = append(pix, m.Pix[3*(y*32+22):3*(y*32+32)]...)
			}
			return pix
		}
		var now, then datasets.Image
		world := set.Fresh(0)
		for i, action := range []int{stays, stays + 1, stays, stays + 1, stays + 1} {
			world.Observe(&now)
			before := 0
			if _, _, err := world.Act(action); err != nil {
				t.Fatal(err)
			}
			world.Observe(&then)
			a, b := screen(&now), screen(&then)
			for k := range a {
				if a[k] != b[k] {
					before++
				}
			}
			if changed := before > 200; changed != (action == stays) { // of 300 numbers; a few are of what moves
				t.Errorf("%s: step %d, %s: %d numbers of the screen change", env, i, set.Actions()[action], before)
			}
		}
	}
}

// Frames are the observations of the worlds one after another, labelled by world and expert's action.
func TestFrames(t *testing.T) {
	f := envs.NewFrames()
	f.Envs, f.Episodes, f.Held, f.Seed = []string{"maze", "catch"}, 4, 2, 3
	d, err := f.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	var a, b datasets.Image
	for part, set := range map[string]datasets.Labelled{"train": d.Train, "test": d.Test} {
		i, class := 0, 0
		for _, env := range f.Envs {
			e := envs.New()
			e.Env, e.Episodes, e.Held, e.Seed = env, 4, 2, 3
			own := open(t, e)
			steps := own.Train.(datasets.StepSet)
			if part == "test" {
				steps = own.Test.(datasets.StepSet)
			}
			for j := range steps.Len() {
				set.(datasets.Set).Image(i, &a)
				steps.Image(j, &b)
				if l := class + steps.Label(j); !slices.Equal(a.Pix, b.Pix) || set.Label(i) != l {
					t.Fatalf("%s frame %d, label %d, is not step %d of %s with %d", part, i, set.Label(i), j, env, l)
				}
				i++
			}
			class += len(steps.Actions())
		}
		if i != set.Len() || class != len(set.Classes()) || set.Classes()[5] != "catch: left" {
			t.Errorf("%s: %d frames of %q, want %d of %d classes", part, set.Len(), set.Classes(), i, class)
		}
	}
	for want, names := range map[string][]string{
		`envs: ["pong"]: want each of them once, of ["catch" "maze" "reach"]`:        {"pong"},
		`envs: ["maze" "maze"]: want each of them once, of ["catch" "maze" "reach"]`: {"maze", "maze"},
		`envs: []: want some of ["catch" "maze" "reach"]`:                            {},
	} {
		f.Envs = names
		if err := f.Validate(); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %q", names, err, want)
		}
	}
}

// Actions outside the space are refused by name, in training and in evaluation.
func TestActionsOutsideTheSpace(t *testing.T) {
	e := small("catch")
	e.Replay, e.Warmup = 50, 20
	replay := open(t, e).Train.(datasets.Replay)
	for _, w := range []datasets.World{replay, replay.Fresh(0)} {
		for _, action := range []int{-1, 3} {
			_, _, err := w.Act(action)
			want := fmt.Sprintf("catch has no action %d; its actions are 0 left, 1 stay, 2 right", action)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		}
		if _, _, err := w.Act(1); err != nil {
			t.Error(err)
		}
	}
	for key, change := range map[string]func(*envs.Envs){
		"env: ": func(e *envs.Envs) { e.Env = "pong" }, "distractor: ": func(e *envs.Envs) { e.Distractor = "rain" },
		"replay: ": func(e *envs.Envs) { e.Replay = 10 }, "far: ": func(e *envs.Envs) { e.Far = true },
		"near: ":   func(e *envs.Envs) { e.Near = true },
		"expert: ": func(e *envs.Envs) { e.Expert = 2 },
	} {
		e := small("catch")
		e.Warmup = 20
		change(e)
		if err := e.Validate(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s got %v", key, err)
		}
	}
}

// A memory holds the newest steps; whoever has a copy of it goes on with the same ones.
func TestReplay(t *testing.T) {
	e := small("reach")
	e.Replay, e.Warmup = 40, 10
	r := open(t, e).Train.(datasets.Replay)
	if r.Len() != 40 || r.Filled() != 10 {
		t.Fatalf("%d steps of %d, want 10 of 40", r.Filled(), r.Len())
	}
	act := func(r datasets.Replay, n int) (sum float64) {
		for i := range n {
			reward, _, err := r.Act(i % 5)
			if err != nil {
				t.Fatal(err)
			}
			sum += reward
		}
		return sum
	}
	act(r, 100)
	if r.Filled() != 40 {
		t.Errorf("%d steps, want 40", r.Filled())
	}
	total := 0
	for i := range r.Len() {
		if st := r.Step(i); st.Before == 0 || st.Before+st.After > 30 {
			total++
		}
	}
	if total == 0 {
		t.Error("no episode begins among the newest steps")
	}
	other := open(t, e).Train.(datasets.Replay)
	other.Hold(slices.Clone(r.Memory()))
	if a, b := act(r, 70), act(other, 70); a != b || !slices.Equal(r.Memory(), other.Memory()) {
		t.Errorf("rewards %v and %v from the same memory", a, b)
	}
}

// Acting and drawing what is observed then; 20,000 frames a second on a core are wanted.
func BenchmarkFrames(b *testing.B) {
	for _, env := range []string{"reach", "catch", "maze"} {
		for _, kind := range []string{"none", "slow", "changing"} {
			b.Run(env+"/"+kind, func(b *testing.B) {
				e := small(env)
				e.Distractor, e.Replay, e.Warmup = kind, 1000, 10
				r := open(b, e).Train.(datasets.Replay)
				var m datasets.Image
				for i := 0; b.Loop(); i++ {
					r.Observe(&m)
					if _, _, err := r.Act(i % 3); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)/math.Max(b.Elapsed().Seconds(), 1e-9), "frames/s")
			})
		}
	}
}
