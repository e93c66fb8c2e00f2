package sampling

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
)

// labels is a set of so many images of each class, mixed; -1 more without a label.
func labels(counts ...int) *datasets.Memory {
	m := &datasets.Memory{Origin: "labels"}
	for c, n := range counts {
		m.Class = append(m.Class, fmt.Sprint(c))
		for range n {
			m.Labels = append(m.Labels, c)
		}
	}
	r := datasets.NewRand(3, "mixed")
	r.Shuffle(m.Labels)
	m.Images = make([]datasets.Image, len(m.Labels))
	return m
}

// draw is the images of steps from .. to.
func draw(t *testing.T, s Settings, set datasets.Set, batch int, seed uint64, from, to int) (all []int32) {
	t.Helper()
	sampler, err := New(s, set, batch, seed)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]int32, batch)
	for step := from; step < to; step++ {
		sampler.Batch(step, dst)
		all = append(all, dst...)
	}
	return all
}

var samplers = map[string]Settings{
	"default": nil, "shuffle": &Shuffle{}, "blocks": &Blocks{Size: 7, Window: 3}, "one block": &Blocks{Size: 1000,
		Window: 2},
	"blocks of one": &Blocks{Size: 1, Window: 1}, "balanced": &Balanced{}, "repeated": &Repeated{Times: 3},
	"computed": always{},
}

// always is Shuffle as it is for huge sets.
type always struct{}

func (always) New(set datasets.Labelled, _ int, seed uint64) (Sampler, error) {
	return &epochs{set.Len(), &computed{n: set.Len(), seed: seed, epoch: -1}}, nil
}

// What a step holds depends on (seed, step) alone: a sampler that starts anywhere, and one that goes back, gives what
// one from the start gives.
func TestStepsDependOnSeedAndStepAlone(t *testing.T) {
	set := labels(50, 31, 20)
	for name, s := range samplers {
		t.Run(name, func(t *testing.T) {
			const batch, steps = 12, 40 // five epochs of 8 steps
			want := draw(t, s, set, batch, 1, 0, steps)
			for from := range steps {
				if got := draw(t, s, set, batch, 1, from, steps); !slices.Equal(got, want[from*batch:]) {
					t.Fatalf("from step %d: %v, want %v", from, got[:batch], want[from*batch:(from+1)*batch])
				}
			}
			sampler, err := New(s, set, batch, 1)
			if err != nil {
				t.Fatal(err)
			}
			dst := make([]int32, batch)
			for _, step := range []int{39, 3, 20, 19, 0} {
				if sampler.Batch(step, dst); !slices.Equal(dst, want[step*batch:(step+1)*batch]) {
					t.Fatalf("step %d after others: %v, want %v", step, dst, want[step*batch:(step+1)*batch])
				}
			}
			if slices.Equal(draw(t, s, set, batch, 2, 0, steps), want) {
				t.Error("seed 2 gives the images of seed 1")
			}
			if slices.Equal(want[:8*batch], want[8*batch:16*batch]) {
				t.Error("the second epoch is in the order of the first")
			}
		})
	}
}

// An epoch of whole batches holds every image once, whatever the sizes.
func TestEpochHoldsEveryImageOnce(t *testing.T) {
	for _, n := range []int{1, 2, 3, 16, 17, 63, 64, 65, 100, 1000} {
		for name, s := range map[string]Settings{
			"shuffle": &Shuffle{}, "computed": always{}, "blocks of 7 by 3": &Blocks{7, 3},
			"blocks of 16 by 1": &Blocks{16, 1}, "blocks of 1 by 5": &Blocks{1, 5},
			"blocks of 64 by 2": &Blocks{64, 2},
		} {
			for seed := range uint64(6) { // moves the short block about
				got := draw(t, s, labels(n), 1, seed, n, 2*n)
				slices.Sort(got)
				for i := range got {
					if int(got[i]) != i {
						t.Fatalf("%s of %d images, seed %d: the second epoch holds %v", name, n, seed, got)
					}
				}
			}
		}
	}
}

// The order of recipes that exist must stay as it is: the list of Fisher and Yates, of the stream "epoch".
func TestShuffleIsTheOldOrder(t *testing.T) {
	want := make([]int, 20)
	for i := range want {
		want[i] = i
	}
	r := datasets.NewRand(5, "epoch", 1)
	r.Shuffle(want)
	for i, got := range draw(t, nil, labels(20), 6, 5, 3, 6) {
		if int(got) != want[i] {
			t.Fatalf("place %d of epoch 1: image %d, want %d", i, got, want[i])
		}
	}
}

// A computed permutation spreads like a random one: any place goes anywhere, and neighbours part.
func TestPermutationMixes(t *testing.T) {
	const n, draws = 37, 20000
	var hits [n]int
	near := 0
	for k := range uint64(draws) {
		p := NewPermutation(n, 1, "test", k)
		a, b := p.At(5), p.At(6)
		hits[a]++
		if d := a - b; d == 1 || d == -1 {
			near++
		}
	}
	chi := 0.0
	for _, h := range hits {
		chi += math.Pow(float64(h)-draws/n, 2) / (draws / n)
	}
	if chi > 80 { // 36 degrees of freedom; 0.9999 is 77
		t.Errorf("chi-square of where place 5 goes: %.0f, want about 36", chi)
	}
	if want := draws * 2.0 / n; math.Abs(float64(near)-want) > 5*math.Sqrt(want) {
		t.Errorf("neighbours stay neighbours in %d of %d permutations, want about %.0f", near, draws, want)
	}
}

// The order of a set of a billion images takes no memory in proportion to it, and its first places differ.
func TestHugeOrder(t *testing.T) {
	const n = 1 << 30
	allocated := testing.AllocsPerRun(1, func() {
		o := newOrder(n, 1)
		seen := map[int]bool{}
		for i := range 1000 {
			k := o.at(3, i)
			if k < 0 || k >= n || seen[k] {
				t.Fatalf("place %d: image %d is outside, or there before", i, k)
			}
			seen[k] = true
		}
	})
	if allocated > 100 { // the map's
		t.Errorf("%v allocations", allocated)
	}
	if _, ok := newOrder(listed, 1).(*list); !ok {
		t.Errorf("a set of %d images has another order than before", listed)
	}
}

// Images of a block stay within a window: the next images are never far.
func TestBlocksAreLocal(t *testing.T) {
	b := &Blocks{Size: 10, Window: 4}
	got := draw(t, b, labels(1000), 40, 1, 0, 25)
	for w := range 25 {
		seen := map[int32]bool{}
		for _, i := range got[40*w : 40*w+40] {
			seen[i/10] = true
		}
		if len(seen) != 4 {
			t.Errorf("window %d touches %d blocks, want 4", w, len(seen))
		}
	}
}

func TestBalanced(t *testing.T) {
	set := labels(90, 9, 1)
	set.Labels[slices.Index(set.Labels, 0)] = -1
	got := draw(t, &Balanced{}, set, 9, 4, 0, 110) // 330 rounds of the classes
	var drawn [3]int
	images := map[int32]int{}
	for i, row := range got {
		l := set.Label(int(row))
		if l < 0 {
			t.Fatalf("image %d has no label", row)
		}
		drawn[l]++
		images[row]++
		if i%3 == 2 && (drawn[0] != drawn[1] || drawn[1] != drawn[2]) {
			t.Fatalf("after %d images the classes have %v", i+1, drawn)
		}
	}
	for row, k := range images {
		want := map[int][2]int{0: {3, 4}, 1: {36, 37}, 2: {330, 330}}[set.Label(int(row))] // 330 draws of 89, 9 and 1
		if k < want[0] || k > want[1] {
			t.Errorf("image %d of class %d is drawn %d times, want %v", row, set.Label(int(row)), k, want)
		}
	}
	if len(images) != 99 {
		t.Errorf("%d images are drawn, want 99", len(images))
	}
	for name, bad := range map[string]*datasets.Memory{"no classes": {Images: make([]datasets.Image, 9)},
		"no labels": {Class: []string{"a"}, Images: make([]datasets.Image, 9)}} {
		if _, err := New(&Balanced{}, bad, 3, 1); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestRepeated(t *testing.T) {
	got := draw(t, &Repeated{Times: 3}, labels(20), 6, 1, 0, 10) // 60 places, 20 images
	seen := map[int32]int{}
	for i, row := range got {
		seen[row]++
		if row != got[i/3*3] {
			t.Errorf("places %d and %d hold images %d and %d, want one", i/3*3, i, got[i/3*3], row)
		}
	}
	if len(seen) != 20 {
		t.Errorf("three epochs hold %d images, want 20", len(seen))
	}
	if _, err := New(&Repeated{Times: 3}, labels(20), 8, 1); err == nil || !strings.Contains(err.Error(),
		"times = 3 does not divide the batch of 8") {
		t.Errorf("batch 8: got %v", err)
	}
}

// Every batch begins with labelled images, each as often as any other, and goes on with all others likewise; a set that
// hides labels is sampled by what it shows. The steps depend on the seed and the step alone.
func TestTwoStreams(t *testing.T) {
	const batch, leading, steps = 8, 3, 40
	set, hidden := labels(40, 20), make([]bool, 60)
	for i := 10; i < 60; i++ {
		hidden[i] = true
	}
	few, s := Hide(set, hidden), &TwoStreams{Labelled: leading}
	run := func(from int) (all []int32) {
		sampler, err := New(s, few, batch, 7)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]int32, batch)
		for step := from; step < steps; step++ {
			sampler.Batch(step, dst)
			all = append(all, dst...)
		}
		return all
	}
	all, times := run(0), map[int32]int{}
	for place, row := range all {
		if times[row]++; (row < 10) != (place%batch < leading) {
			t.Fatalf("place %d of a batch holds image %d; images 0 to 9 have labels, and %d are to lead", place%batch,
				row, leading)
		}
	}
	for row := range int32(60) {
		want := steps * (batch - leading) / 50
		if row < 10 {
			want = steps * leading / 10
		}
		if times[row] != want {
			t.Errorf("image %d comes %d times in %d steps, want %d", row, times[row], steps, want)
		}
	}
	if got := run(11); !slices.Equal(got, all[11*batch:]) {
		t.Error("from step 11 on other images come than in a run from the start")
	}
	for want, c := range map[string]struct {
		set   datasets.Labelled
		batch int
	}{
		"labelled = 3 leaves no room in the batch of 3": {few, 3},
		"every image that the method sees has a label":  {set, batch},
		"no image of the set has a label":               {Hide(set, slices.Repeat([]bool{true}, 60)), batch},
	} {
		if _, err := New(s, c.set, c.batch, 7); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, batch := range []int{0, 11} {
		if _, err := New(nil, labels(10), batch, 1); err == nil || !strings.Contains(err.Error(),
			fmt.Sprintf("batch = %d", batch)) {
			t.Errorf("batch %d of 10 images: got %v", batch, err)
		}
	}
}

func BenchmarkPermutation(b *testing.B) {
	p := NewPermutation(1_281_167, 1, "epoch")
	sum := 0
	for i := 0; b.Loop(); i++ {
		sum += p.At(i % 1_281_167)
	}
}
