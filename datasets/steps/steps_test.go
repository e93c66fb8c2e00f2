package steps_test

import (
	"slices"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/envs"
	"selfsup/datasets/feed"
	"selfsup/datasets/feed/feedtest"
	"selfsup/datasets/sampling"
	"selfsup/datasets/steps"
	"selfsup/datasets/views"
)

// plain is a kind whose views are the observations as they are, from 0 to 1.
func plain(t *testing.T, d *datasets.Data) *steps.Kind {
	t.Helper()
	v := views.Defaults()
	v.CropArea, v.CropRatio, v.Flip = [2]float64{1, 1}, [2]float64{1, 1}, views.PerView{0}
	v.Jitter, v.Grayscale = views.PerView{0}, views.PerView{0}
	v.Mean, v.Std = []float64{0, 0, 0}, []float64{1, 1, 1}
	p, err := views.New(v, d, 2)
	if err != nil {
		t.Fatal(err)
	}
	k, err := steps.New(p, d)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func opened(t *testing.T) *datasets.Data {
	t.Helper()
	e := envs.New()
	e.Episodes, e.Held, e.Expert = 10, 2, 0.7
	d, err := e.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// same reports whether pixels from 0 to 1 are an image's.
func same(x []float32, m *datasets.Image) bool {
	for i, v := range x {
		if d := v*255 - float32(m.Pix[i]); d > 0.01 || d < -0.01 {
			return false
		}
	}
	return len(x) == len(m.Pix)
}

// What comes n steps later is the episode's own, and its last one behind its end.
func TestLaterSteps(t *testing.T) {
	d := opened(t)
	set, k := d.Train.(datasets.StepSet), plain(t, d)
	m := k.Training(d.Train)
	part := k.Training(sampling.Part(d.Train, []int32{5, 9}))
	var img datasets.Image
	size := 32 * 32 * 3
	for i := range set.Len() {
		st := set.Step(i)
		key := feed.Key{Seed: 1, Step: i}
		ahead := feedtest.One(t, m, steps.Ahead(3), i, key).F32
		actions := feedtest.One(t, m, steps.Actions(3), i, key).I32
		rewards := feedtest.One(t, m, steps.Rewards(3), i, key).F32
		alive := feedtest.One(t, m, steps.Alive(3), i, key).F32
		for n := 1; n <= 3; n++ {
			there := n <= st.After
			if err := steps.Observe(set, i, min(n, st.After), &img); err != nil {
				t.Fatal(err)
			}
			if !same(ahead[(n-1)*size:n*size], &img) {
				t.Fatalf("step %d (%+v): ahead %d is something else", i, st, n)
			}
			if (alive[n-1] == 1) != there {
				t.Fatalf("step %d (%+v): alive %v", i, st, alive)
			}
			want := datasets.Step{}
			if there {
				want = set.Step(set.Moved(i, n-1))
			}
			if actions[n-1] != int32(want.Action) || rewards[n-1] != want.Reward {
				t.Fatalf("step %d: action %d and reward %v of step +%d, want %+v", i, actions[n-1], rewards[n-1],
					n-1, want)
			}
		}
		steps.Observe(set, i, min(2, st.After), &img)
		if !same(feedtest.One(t, m, steps.After(2), i, key).F32, &img) {
			t.Fatalf("step %d: what comes 2 steps later is something else", i)
		}
		last := set.Step(set.Moved(i, st.After-1))
		if end := feedtest.One(t, m, steps.Terminal(3), i, key).F32[0]; (end == 1) != (last.Terminal && st.After <= 3) {
			t.Fatalf("step %d (%+v): terminal %v, the last step %+v", i, st, end, last)
		}
	}
	whole := feedtest.One(t, m, "view0", 9, feed.Key{Seed: 1}).F32
	if x := feedtest.One(t, part, "view0", 1, feed.Key{Seed: 1}).F32; !slices.Equal(x, whole) {
		t.Error("a part's step 1 is not step 9 of the whole")
	}
	if x := feedtest.One(t, part, steps.Actions(1), 1, feed.Key{}).I32[0]; int(x) != set.Step(9).Action {
		t.Error("a part's step 1 has not the action of step 9")
	}
}

// Observations of one episode in their order, which the key alone decides.
func TestTrailsAndWays(t *testing.T) {
	d := opened(t)
	set, m := d.Train.(datasets.StepSet), plain(t, d).Training(d.Train)
	size := 32 * 32 * 3
	place := func(i int, x []float32) int { // in the episode; -1: nowhere
		st := set.Step(i)
		var img datasets.Image
		for k := -st.Before; k <= st.After; k++ {
			if steps.Observe(set, i, k, &img); same(x, &img) {
				return k
			}
		}
		return -1 - st.Before
	}
	for i := range 40 {
		key := feed.Key{Seed: 3, Step: i}
		st := set.Step(i)
		for name, n := range map[string]int{steps.Trail: 5, steps.Way: 4, steps.Goal: 1} {
			x := feedtest.One(t, m, name, i, key).F32
			for k := range n {
				if at := place(i, x[k*size:(k+1)*size]); at < -st.Before {
					t.Fatalf("step %d: %s %d is not of its episode", i, name, k)
				}
			}
			if again := feedtest.One(t, m, name, i, key).F32; !slices.Equal(x, again) {
				t.Fatalf("%s is not the same again", name)
			}
		}
		way := feedtest.One(t, m, steps.Way, i, key).F32
		reached := feedtest.One(t, m, steps.Reached, i, key).F32[0]
		if (reached == 1) && !slices.Equal(way[size:2*size], way[2*size:3*size]) {
			t.Fatalf("step %d: reached, and not there", i)
		}
	}
	if _, err := m.Field("ahead0"); err == nil {
		t.Error("ahead0 is a field")
	}
	words := feedtest.One(t, m, steps.Instruction, 0, feed.Key{}).I32
	if len(words) != 5 || words[0] < 2 {
		t.Errorf("the instruction is %v, want five words", words)
	}
}
