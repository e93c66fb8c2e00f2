package frames_test

import (
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/feed/feedtest"
	"selfsup/datasets/frames"
	"selfsup/datasets/views"
)

// plain is views that show frames as they are.
func plain() views.Settings {
	v := views.Defaults()
	v.CropArea, v.CropRatio, v.Flip = [2]float64{1, 1}, [2]float64{1, 1}, views.PerView{0}
	v.Jitter, v.Grayscale = views.PerView{0}, views.PerView{0}
	v.Mean, v.Std = []float64{0}, []float64{1}
	return v
}

func kind(t *testing.T, c frames.Settings, n int) *frames.Kind {
	t.Helper()
	k, err := frames.New(c, plain(), &datasets.Data{Train: long{still{4}}}, n)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Views are as far apart as asked, to both sides, each distance and place being drawn, and at 0 they are the same
// frames. A frame is an image.
func TestFramesApart(t *testing.T) {
	for _, apart := range [][]int{{0, 0}, {2, 4}, {6, 8}} {
		c := frames.Defaults()
		c.View, c.Apart = "frame", apart
		k := kind(t, c, 3)
		m := k.Training(long{still{4}})
		if f, err := m.Field("view1"); err != nil || !slices.Equal(f.Shape, []int{2, 2, 1}) || !k.Stills() {
			t.Fatalf("view1 is %v (%v), want an image [2 2 1]", f.Shape, err)
		}
		distances, firsts := map[int]bool{}, map[int]bool{}
		for step := range 300 {
			key := feed.Key{Seed: 1, Step: step}
			first := shown(t, m, "view0", key)[0]
			firsts[first] = true
			for _, v := range []string{"view1", "view2"} {
				d := shown(t, m, v, key)[0] - first
				if d < -apart[1] || d > apart[1] || d > -apart[0] && d < apart[0] {
					t.Fatalf("apart = %v: step %d has frames %d apart", apart, step, d)
				}
				distances[d] = true
			}
		}
		want := 2 * (apart[1] - apart[0] + 1)
		if apart[0] == 0 {
			want--
		}
		places := 9 // those with a frame far enough before or after them
		for f := range 9 {
			if f < apart[0] && 8-f < apart[0] {
				places--
			}
		}
		if len(distances) != want || len(firsts) != places {
			t.Errorf("apart = %v: %d distances and %d places in 300 steps, want %d and %d", apart, len(distances),
				len(firsts), want, places)
		}
	}
	c := frames.Defaults()
	c.Frames, c.Stride, c.Apart = 3, [2]int{1, 3}, []int{0, 0}
	m := kind(t, c, 2).Training(long{still{4}})
	for step := range 50 {
		key := feed.Key{Seed: 1, Step: step}
		if a, b := shown(t, m, "view0", key), shown(t, m, "view1", key); !slices.Equal(a, b) {
			t.Fatalf("step %d: frames %v and %v, want the same", step, a, b)
		}
	}
}

// Paces say at which stride a view shows its clip; dealt out, the views of a clip have different ones.
func TestPaces(t *testing.T) {
	for _, place := range []string{"random", "fixed"} {
		for _, deal := range []bool{false, true} {
			if place == "fixed" && !deal {
				continue // all of one pace
			}
			c := frames.Defaults()
			c.Frames, c.Stride, c.Deal, c.Place = 3, [2]int{2, 4}, deal, place
			m := kind(t, c, 3).Training(long{still{4}})
			if f, err := m.Field("pace2"); err != nil || !f.Int || !slices.Equal(f.Of, []int{3}) || len(f.Shape) > 0 {
				t.Fatalf("pace2 is %v (%v), want one of 3 numbers", f, err)
			}
			seen := map[int32]bool{}
			for step := range 60 {
				key := feed.Key{Seed: 1, Step: step}
				clip := map[int32]bool{}
				for v := range 3 {
					pace := feedtest.One(t, m, feed.Pace(v), 1, key).I32[0]
					at := shown(t, m, feed.View(v), key)
					if int(pace) != at[1]-at[0]-2 || at[2]-at[1] != at[1]-at[0] {
						t.Fatalf("step %d: pace %d of the frames %v", step, pace, at)
					}
					clip[pace], seen[pace] = true, true
				}
				if deal && len(clip) != 3 {
					t.Fatalf("step %d: paces %v of three views, want three", step, clip)
				}
			}
			if len(seen) != 3 {
				t.Errorf("%d paces in 60 steps, want 3", len(seen))
			}
		}
	}
	m := kind(t, frames.Defaults(), 2).Training(long{still{4}})
	if _, err := m.Field("pace0"); err == nil || !strings.Contains(err.Error(), "want several strides") {
		t.Errorf("one pace: %v", err)
	}
}

// oneByOne is clips whose frames can be had one by one, and counts them.
type oneByOne struct {
	long
	frames *int
}

func (s oneByOne) Frame(i, k int, dst *datasets.Image) error {
	*s.frames++
	all := make([]datasets.Image, s.Frames())
	if err := s.Clip(i, all); err != nil {
		return err
	}
	*dst = all[k]
	return nil
}

// Of clips whose frames can be had one by one those are decoded that are shown, each once, and views are the same.
func TestFramesOneByOne(t *testing.T) {
	c := frames.Defaults()
	c.Frames, c.Stride = 2, [2]int{1, 4}
	k := kind(t, c, 2)
	decoded := 0
	some, all := k.Training(oneByOne{long{still{4}}, &decoded}), k.Training(long{still{4}})
	for step := range 50 {
		key := feed.Key{Seed: 1, Step: step}
		before := decoded
		a, b := shown(t, some, "view0", key), shown(t, all, "view0", key)
		if !slices.Equal(a, b) || decoded-before != 2 {
			t.Fatalf("step %d: frames %v of %d decoded ones, want %v of 2", step, a, decoded-before, b)
		}
	}
	c.Frames, c.Stride = 9, [2]int{1, 1}
	w, err := kind(t, c, 2).Training(oneByOne{long{still{4}}, &decoded}).Worker([]string{"view0", "view1"})
	if err != nil {
		t.Fatal(err)
	}
	decoded = 0
	to := []feed.Slot{{F32: make([]float32, 36)}, {F32: make([]float32, 36)}}
	for i := range 2 {
		if err := w.Make(to, i, feed.Key{Seed: 1}); err != nil || decoded != 9*(i+1) {
			t.Errorf("%d frames were decoded for two views of %d whole clips (%v), want 9 of each", decoded, i+1, err)
		}
	}
}

// A clip can be shown in any order, and its baseline is the mean of what is shown.
func TestPlaying(t *testing.T) {
	c := frames.Defaults()
	c.Frames = 3
	set := long{still{4}}
	m := kind(t, c, 1).Playing(set, func(clip int) []int { return []int{8, clip, 0} })
	if got := shown(t, m, "view0", feed.Key{}); !slices.Equal(got, []int{8, 1, 0}) {
		t.Errorf("frames %v, want 8, the clip's number 1, and 0", got)
	}
	if raw := feedtest.One(t, m, feed.Raw, 1, feed.Key{}).F32[0] * 255; raw < 2.99 || raw > 3.01 {
		t.Errorf("the mean is %v, want 3", raw)
	}
}

// Settings that do not go together, or that the clips are too short for, are refused by their key.
func TestSettingsRefused(t *testing.T) {
	for want, change := range map[string]func(c *frames.Settings){
		`"still": want "clip", or "frame"`: func(c *frames.Settings) { c.View = "still" },
		`2: a view is one frame`:           func(c *frames.Settings) { c.View, c.Frames = "frame", 2 },
		"there is one stride":              func(c *frames.Settings) { c.Deal = true },
		"[3]: want the fewest":             func(c *frames.Settings) { c.Apart = []int{3} },
		"[3 2]: want the fewest":           func(c *frames.Settings) { c.Apart = []int{3, 2} },
		`place = "fixed" and deal = false`: func(c *frames.Settings) { c.Apart, c.Place = []int{0, 0}, "fixed" },
		"they are at most 6 apart; want at most that, or clips of 10": func(c *frames.Settings) {
			c.Frames, c.Apart = 3, []int{7, 9}
		},
	} {
		c := frames.Defaults()
		change(&c)
		err := c.Validate()
		if err == nil {
			_, err = c.Fit(9)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
