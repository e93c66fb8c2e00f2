package sampling

import (
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
)

func counts(set datasets.Labelled) []int {
	n := make([]int, len(set.Classes()))
	for i := range set.Len() {
		n[set.Label(i)]++
	}
	return n
}

func TestSubsets(t *testing.T) {
	even, uneven := labels(500, 500, 500, 500, 500), labels(300, 90, 400, 10)
	for _, c := range []struct {
		name string
		s    Subset
		set  *datasets.Memory
		want []int
	}{
		{"exponential, ratio 100", &LongTail{Profile: "exponential", Ratio: 100}, even, []int{500, 158, 50, 16, 5}},
		{"step, ratio 10: the second half", &LongTail{Profile: "step", Ratio: 10}, even, []int{500, 500, 500, 50, 50}},
		{"ratio 1", &LongTail{Profile: "exponential", Ratio: 1}, even, []int{500, 500, 500, 500, 500}},
		{"the scarcest class decides", &LongTail{Profile: "exponential", Ratio: 8}, uneven, []int{80, 40, 20, 10}},
		{"ten percent", &FewShot{Fraction: 0.1}, uneven, []int{30, 9, 40, 1}},
		{"one percent, one at least", &FewShot{Fraction: 0.01}, uneven, []int{3, 1, 4, 1}},
		{"ten shots", &FewShot{PerClass: 10}, uneven, []int{10, 10, 10, 10}},
		{"all", &FewShot{Fraction: 1}, uneven, []int{300, 90, 400, 10}},
		{"two classes held out", &HoldOut{Classes: uneven.Class[1:3]}, uneven, []int{300, 0, 0, 10}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Take(c.s, c.set)
			if err != nil {
				t.Fatal(err)
			}
			if n := counts(got); !slices.Equal(n, c.want) {
				t.Errorf("classes of %v, want %v", n, c.want)
			}
			rows := got.(*imagePart).rows
			if !slices.IsSorted(rows) || len(slices.Compact(slices.Clone(rows))) != len(rows) {
				t.Errorf("rows %v, want each once and in order", rows)
			}
			for i := range got.Len() {
				if got.Name(i) != c.set.Name(int(rows[i])) || got.Label(i) != c.set.Label(int(rows[i])) {
					t.Fatalf("image %d is %s", i, got.Name(i))
				}
			}
		})
	}
}

// A smaller subset is part of a larger one, another seed takes others, and no subset is the set itself.
func TestSubsetsNest(t *testing.T) {
	set := labels(100, 200, 300)
	rows := func(s Subset) []int32 {
		r, err := s.Rows(set)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	large := rows(&FewShot{Fraction: 0.1})
	for _, i := range rows(&FewShot{Fraction: 0.01}) {
		if !slices.Contains(large, i) {
			t.Errorf("image %d is in 1 %% and not in 10 %%", i)
		}
	}
	if slices.Equal(large, rows(&FewShot{Fraction: 0.1, Seed: 1})) {
		t.Error("seed 1 keeps the images of seed 0")
	}
	if got, err := Take(nil, set); err != nil || got != datasets.Set(set) {
		t.Errorf("no subset: %v, %v", got, err)
	}
	unlabelled := &datasets.Memory{Images: make([]datasets.Image, 50)}
	if part, err := Take(&FewShot{Fraction: 0.1}, unlabelled); err != nil || part.Len() != 5 {
		t.Errorf("a tenth of 50 unlabelled images: %v, %v", part, err)
	}
}

func TestSubsetErrors(t *testing.T) {
	set := labels(50, 3)
	for _, c := range []struct {
		s    Subset
		set  datasets.Set
		want string
	}{
		{&FewShot{PerClass: 4}, set, `per_class = 4, class "1" has 3 images`},
		{&FewShot{PerClass: 1}, &datasets.Memory{Images: make([]datasets.Image, 5)}, "the set has no labels"},
		{&LongTail{Profile: "exponential", Ratio: 1000}, labels(50, 0), `class "1" has no images`},
		{&LongTail{Profile: "exponential", Ratio: 1000}, labels(20, 20), `no image of class "1"`},
		{&LongTail{Profile: "step", Ratio: 2}, &datasets.Memory{Images: make([]datasets.Image, 5)}, "no labels"},
	} {
		if _, err := Take(c.s, c.set); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.s, err, c.want)
		}
	}
	for _, s := range []interface{ Validate() error }{
		&FewShot{}, &FewShot{Fraction: 0.1, PerClass: 1}, &FewShot{Fraction: 1.5}, &FewShot{PerClass: -1},
		&FewShot{Fraction: -0.1}, &FewShot{Fraction: math.NaN()},
		&LongTail{Profile: "steps", Ratio: 2}, &LongTail{Profile: "step", Ratio: 0.5},
		&LongTail{Profile: "step", Ratio: math.NaN()},
		&Blocks{Size: 0, Window: 1}, &Blocks{Size: 1, Window: 0}, &Blocks{Size: 1 << 24, Window: 2},
		&Repeated{Times: 0}, &TwoStreams{},
	} {
		if s.Validate() == nil {
			t.Errorf("%#v: no error", s)
		}
	}
	for _, s := range []interface{ Validate() error }{&FewShot{Fraction: 1}, &FewShot{PerClass: 1}, DefaultLongTail(),
		DefaultBlocks(), DefaultRepeated(), DefaultTwoStreams()} {
		if err := s.Validate(); err != nil {
			t.Errorf("%#v: %v", s, err)
		}
	}
}

// A list keeps what it names, in order, of the set that it was made for.
func TestListed(t *testing.T) {
	set := &datasets.Memory{Labels: []int{0, 1, 0, 1}, Class: []string{"a", "b"}, Images: make([]datasets.Image, 4)}
	l := &Listed{Places: []int{0, 3}, Of: 4}
	if rows, err := l.Rows(set); err != nil || !slices.Equal(rows, []int32{0, 3}) || l.Validate() != nil {
		t.Errorf("got %v, %v, %v", rows, err, l.Validate())
	}
	for want, l := range map[string]*Listed{
		"made for a set of 5 samples, and this one has 4": {Places: []int{0}, Of: 5},
		"names sample 4 of a set of 4":                    {Places: []int{1, 4}},
	} {
		if _, err := l.Rows(set); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for want, l := range map[string]*Listed{
		"nothing is left to train on":               {},
		"entry 1 is 2: want places from 0 on":       {Places: []int{2, 2}},
		"entry 0 is -1":                             {Places: []int{-1}},
		"of: 3: the list names sample 3; want more": {Places: []int{3}, Of: 3},
	} {
		if err := l.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
