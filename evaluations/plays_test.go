package evaluations

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Ways show the frames in the middle of a clip, evenly, backwards or in an order of the clip's own.
func TestWays(t *testing.T) {
	for _, c := range []struct {
		way  Way
		want []int
	}{
		{Way{Stride: 1}, []int{3, 4, 5}}, {Way{Stride: 3}, []int{1, 4, 7}}, {Way{Stride: -3}, []int{7, 4, 1}},
	} {
		if got := c.way.Shown(3, 9, 5); !slices.Equal(got, c.want) {
			t.Errorf("%+v shows %v, want %v", c.way, got, c.want)
		}
	}
	seen := map[string]bool{}
	for clip := range 200 {
		got := Way{Stride: 2, Shuffled: true}.Shown(3, 9, clip)
		if !slices.Equal(got, Way{Stride: 2, Shuffled: true}.Shown(3, 9, clip)) {
			t.Fatalf("clip %d is shown in two orders", clip)
		}
		letters := ""
		for _, f := range got {
			letters += string(rune('0' + f))
		}
		seen[letters] = true
		slices.Sort(got)
		if !slices.Equal(got, []int{2, 4, 6}) {
			t.Fatalf("clip %d shows frames %v, want 2, 4 and 6", clip, got)
		}
	}
	if len(seen) != 4 || seen["246"] || seen["642"] {
		t.Errorf("orders %v, want the four that are neither forwards nor backwards", seen)
	}
}

// Of features in which only the product of two times tells the class, the recurrent head and distances tell it, and
// linear heads do not; of features that say nothing, none does.
func TestClipHeads(t *testing.T) {
	const n, times, dim = 300, 3, 2
	r := rand.New(rand.NewPCG(1, 2))
	make := func(clips int) PlayedClips {
		var c PlayedClips
		for range clips {
			first := float32(r.IntN(2)*2 - 1)
			for way := range 2 {
				last := first * float32(1-2*way) // the same sign in the first way, the other in the second
				c.Times = append(c.Times, first, float32(r.NormFloat64()), float32(r.NormFloat64()),
					float32(r.NormFloat64()), last, float32(r.NormFloat64()))
				c.Whole = append(c.Whole, float32(r.NormFloat64()), float32(r.NormFloat64()))
			}
		}
		return c
	}
	f := Features{Seed: 1, Played: &Played{Ways: 2, Dim: dim, Times: times, TimesDim: dim, Train: make(n),
		Test: make(100)}}
	p := DefaultOrder()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	rs, err := p.Evaluate(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range rs {
		low, high := 0.35, 0.65
		switch o.Metric {
		case "recurrent":
			low, high = 0.9, 1
		case "distances": // of the first from the last time, beside noise
			low, high = 0.8, 1
		}
		constant := o.Settings["constant"]
		if o.Value < low || o.Value > high || o.Protocol != "order" || o.Images != 100 || constant != 0.5 {
			t.Errorf("%s is %v of %d clips (a constant: %v), want %v to %v", o.Metric, o.Value, o.Images, constant, low,
				high)
		}
	}
	if !strings.Contains(strings.Join(rs[0].Notes, " "), "a constant guess is right of 0.5000") {
		t.Errorf("notes %v", rs[0].Notes)
	}
	f.Classes, f.TrainY, f.TestY, f.Played.Ways = 2, ways(n, 2), ways(100, 2), 1
	if rs, err = DefaultTemporal().Evaluate(context.Background(), f); err != nil || rs[2].Value < 0.9 {
		t.Errorf("labels: %v (%v), want the recurrent head to tell them", rs, err)
	}
	f.Played.Times, f.Played.TimesDim = 1, times*dim
	if _, err = DefaultTemporal().Evaluate(context.Background(), f); err == nil || !strings.Contains(err.Error(),
		"temporal: distances: features of 1 time; want two or more") {
		t.Errorf("distances of one time: %v", err)
	}
	for want, p := range map[string]Protocol{
		`against: "other"`:         &Order{ClipHeads: defaultClipHeads(), Against: "other", Stride: 1},
		"stride: 0":                &Order{ClipHeads: defaultClipHeads(), Against: "reversed"},
		"speeds: [1]: want two":    &Speed{ClipHeads: defaultClipHeads(), Speeds: []int{1}},
		"speeds: [2 2]: want diff": &Speed{ClipHeads: defaultClipHeads(), Speeds: []int{2, 2}},
		"heads: no heads": &Temporal{ClipHeads: ClipHeads{L2: []float64{1}, Width: 1, Rate: 1, Batch: 2, Epochs: 1},
			Stride: 1},
		`want some of ["whole" "times" "recurrent" "distances"], each`: &Temporal{ClipHeads: ClipHeads{
			Heads: []string{"mean"}, L2: []float64{1}, Width: 1, Rate: 1, Batch: 2, Epochs: 1}, Stride: 1},
	} {
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Distances are of every two times, in units of the training clips' deviation, and those of equal times are finite.
func TestDistances(t *testing.T) {
	p := &Played{Times: 3, TimesDim: 2, Train: PlayedClips{Times: []float32{1, 0, -1, 0, 1, 4, -1, 4, 1, 0, -1, 4}}}
	by := newApart(p) // variances 1 and 4, whose mean is 2.5
	got := by.of([]float32{0, 0, 0, 0, 3, 1})
	want := []float64{math.Log(1e-6), math.Log(10/(2*2.5) + 1e-6), math.Log(10/(2*2.5) + 1e-6)}
	for i, w := range want {
		if len(got) != 3 || math.Abs(float64(got[i])-w) > 1e-6 {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	if got := newApart(&Played{Times: 2, TimesDim: 1, Train: PlayedClips{Times: []float32{5, 5}}}).
		of([]float32{5, 5}); got[0] != float32(math.Log(1e-6)) {
		t.Errorf("features that never change have distances %v", got)
	}
}

// Of features that wander, shuffled clips are told by distances, and by no linear head on the features themselves;
// the way that they run is not told by distances, and twice the speed is.
func TestDistancesTellOrder(t *testing.T) {
	const dim, length = 24, 7
	r := rand.New(rand.NewPCG(3, 4))
	made := func(clips int, ways ...Way) (c PlayedClips) {
		for number := range clips {
			walk := [length][dim]float32{}
			for f := range walk {
				for k := range dim {
					if f > 0 {
						walk[f][k] = walk[f-1][k]
					}
					walk[f][k] += float32(r.NormFloat64())
				}
			}
			for _, way := range ways {
				for _, f := range way.Shown(4, length, number) {
					c.Times = append(c.Times, walk[f][:]...)
				}
			}
		}
		return c
	}
	heads := defaultClipHeads()
	heads.Heads = []string{"times", "distances"}
	for name, c := range map[string]struct {
		protocol  Protocol
		other     Way
		low, high float64
	}{
		"shuffled": {&Order{ClipHeads: heads, Against: "shuffled", Stride: 1}, Way{1, true}, 0.9, 1},
		"reversed": {&Order{ClipHeads: heads, Against: "reversed", Stride: 1}, Way{-1, false}, 0.4, 0.6},
		"speed":    {&Speed{ClipHeads: heads, Speeds: []int{1, 2}}, Way{2, false}, 0.9, 1},
	} {
		one := Way{Stride: 1}
		rs, err := c.protocol.Evaluate(context.Background(), Features{Seed: 1, Played: &Played{Ways: 2, Times: 4,
			TimesDim: dim, Train: made(200, one, c.other), Test: made(100, one, c.other)}})
		if err != nil {
			t.Fatal(err)
		}
		if v := rs[0].Value; v > 0.62 {
			t.Errorf("%s: features side by side tell it in %v, want chance", name, v)
		}
		if v := rs[1].Value; rs[1].Metric != "distances" || v < c.low || v > c.high {
			t.Errorf("%s: %s tell it in %v, want %v to %v", name, rs[1].Metric, v, c.low, c.high)
		}
	}
}
