package frames_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/feed/feedtest"
	"selfsup/datasets/frames"
	"selfsup/datasets/sampling"
	"selfsup/datasets/views"
)

// still is clips of 3 frames of 6x6; a frame's pixels rise by the frame's number.
type still struct{ n int }

func (s still) Len() int          { return s.n }
func (s still) Label(int) int     { return -1 }
func (s still) Classes() []string { return nil }
func (s still) Name(i int) string { return "clip" }
func (s still) Frames() int       { return 3 }
func (s still) Clip(i int, dst []datasets.Image) error {
	for f := range dst {
		dst[f] = datasets.Image{H: 6, W: 6, C: 1, Pix: make([]uint8, 36)}
		for k := range dst[f].Pix {
			dst[f].Pix[k] = uint8(20*i + 5*k + f)
		}
	}
	return nil
}

// Every frame of a view has the same crop and flip: frames differ by what they differ by in the file, and by nothing
// else.
func TestOneDrawForAllFrames(t *testing.T) {
	s := views.Defaults()
	s.Crop, s.CropArea = 4, [2]float64{0.3, 0.9}
	s.Jitter = views.PerView{0}
	s.Mean, s.Std = []float64{0}, []float64{1}
	k, err := frames.New(frames.Defaults(), s, &datasets.Data{Train: still{4}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	m := k.Training(still{4})
	if f, err := m.Field("view0"); err != nil || !slices.Equal(f.Shape, []int{3, 4, 4, 1}) {
		t.Fatalf("view0 is %v (%v), want [3 4 4 1]", f.Shape, err)
	}
	different := false
	first := feedtest.One(t, m, "view0", 1, feed.Key{Seed: 1}).F32
	for step := range 20 {
		x := feedtest.One(t, m, "view0", 1, feed.Key{Seed: 1, Step: step}).F32
		different = different || !slices.Equal(x, first)
		for f := 1; f < 3; f++ {
			for i := range 16 {
				if d := float64(x[f*16+i]-x[i]) * 255; math.Abs(d-float64(f)) > 1e-3 {
					t.Fatalf("step %d: pixel %d of frame %d is %v above that of frame 0, want %d", step, i, f, d, f)
				}
			}
		}
		if again := feedtest.One(t, m, "view0", 1, feed.Key{Seed: 1, Step: step}).F32; !slices.Equal(again, x) {
			t.Fatalf("step %d: made twice, not the same", step)
		}
	}
	if !different {
		t.Error("every step has the same view")
	}
	params := feedtest.One(t, m, "params0", 1, feed.Key{Seed: 1, Step: 5}).F32
	if slices.Max(params) == 0 {
		t.Error("nothing is said of what was drawn")
	}
	part := sampling.Part(still{4}, []int32{3, 1})
	if a, b := feedtest.One(t, k.Training(part), "view0", 1, feed.Key{Seed: 1}).F32, first; !slices.Equal(a, b) {
		t.Error("a part's clip 1 is not clip 1 of the whole")
	}
}

// Mean and deviation are those of all frames; the baseline is the mean frame.
func TestStatisticsAndMeanFrame(t *testing.T) {
	k, err := frames.New(frames.Defaults(), views.Defaults(), &datasets.Data{Train: still{2}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := (10 + 87.5 + 1) / 255 // the mean of 20*i, of 5*k and of f
	if math.Abs(float64(k.Mean[0])-want) > 1e-5 {
		t.Errorf("the mean is %v, want %v", k.Mean[0], want)
	}
	m := k.Evaluation(still{2})
	raw := feedtest.One(t, m, feed.Raw, 1, feed.Key{}).F32
	for i, v := range raw {
		if want := float64(20+5*i+1) / 255; math.Abs(float64(v)-want) > 1e-5 {
			t.Errorf("pixel %d of the mean frame is %v, want %v", i, v, want)
		}
	}
	if x := feedtest.One(t, m, "view0", 0, feed.Key{}).F32; len(x) != 3*36 {
		t.Errorf("%d numbers, want all frames", len(x))
	}
}

// long is clips of 9 frames of 2x2: a frame's pixels are its number.
type long struct{ still }

func (long) Frames() int { return 9 }
func (long) Clip(_ int, dst []datasets.Image) error {
	for f := range dst {
		dst[f] = datasets.Image{H: 2, W: 2, C: 1, Pix: []uint8{uint8(f), uint8(f), uint8(f), uint8(f)}}
	}
	return nil
}

// shown is the numbers of the frames of a clip of long that a view shows.
func shown(t *testing.T, m feed.Maker, view string, key feed.Key) (numbers []int) {
	t.Helper()
	for i, x := range feedtest.One(t, m, view, 1, key).F32 {
		if i%4 == 0 {
			numbers = append(numbers, int(math.Round(float64(x)*255)))
		}
	}
	return numbers
}

// A training view is evenly spaced frames at a random place, each view's at one of its own; evaluation shows the same
// frames each time.
func TestFramesOfAView(t *testing.T) {
	v := views.Defaults()
	v.CropArea, v.CropRatio, v.Flip = [2]float64{1, 1}, [2]float64{1, 1}, views.PerView{0}
	v.Jitter, v.Grayscale = views.PerView{0}, views.PerView{0}
	v.Mean, v.Std = []float64{0}, []float64{1}
	data := &datasets.Data{Train: long{still{4}}}
	open := func(c frames.Settings) *frames.Kind {
		k, err := frames.New(c, v, data, 2)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	c := frames.Defaults()
	c.Frames, c.Stride = 3, [2]int{1, 3}
	k := open(c)
	train := k.Training(data.Train)
	if f, err := train.Field("view1"); err != nil || !slices.Equal(f.Shape, []int{3, 2, 2, 1}) {
		t.Fatalf("view1 is %v (%v), want [3 2 2 1]", f.Shape, err)
	}
	seen, apart := map[[2]int]bool{}, false
	for step := range 400 {
		key := feed.Key{Seed: 1, Step: step}
		a, b := shown(t, train, "view0", key), shown(t, train, "view1", key)
		if a[1]-a[0] != a[2]-a[1] {
			t.Fatalf("step %d: frames %v, want them evenly spaced", step, a)
		}
		seen[[2]int{a[0], a[1] - a[0]}] = true
		apart = apart || !slices.Equal(a, b)
		if again := shown(t, train, "view0", key); !slices.Equal(a, again) {
			t.Fatalf("step %d: frames %v and then %v", step, a, again)
		}
	}
	if want := 7 + 5 + 3; len(seen) != want || !apart { // first frames that leave room for strides 1, 2, 3
		t.Errorf("%d of %d places and strides in 400 steps, two views apart: %v", len(seen), want, apart)
	}
	for fixed, want := range map[string][]int{"start": {0, 1, 2}, "middle": {3, 4, 5}, "end": {6, 7, 8}} {
		c.Fixed = fixed
		m := open(c).Evaluation(data.Train)
		if got := shown(t, m, "view0", feed.Key{Step: 7}); !slices.Equal(got, want) {
			t.Errorf("%s: evaluation shows frames %v, want %v", fixed, got, want)
		}
		mean := feedtest.One(t, m, feed.Raw, 1, feed.Key{}).F32[0] * 255
		if math.Abs(float64(mean)-float64(want[1])) > 1e-4 {
			t.Errorf("%s: the mean frame is %v, want %d", fixed, mean, want[1])
		}
		c.Place = "fixed"
		if got := shown(t, open(c).Training(data.Train), "view1", feed.Key{Step: 3}); !slices.Equal(got, want) {
			t.Errorf("%s: a fixed training view shows frames %v, want %v", fixed, got, want)
		}
		c.Place = "random"
	}
	c.Frames, c.Stride = 5, [2]int{1, 3}
	if _, err := frames.New(c, v, data, 2); err == nil || !strings.Contains(err.Error(), "span 13 frames") ||
		!strings.Contains(err.Error(), "at most 3 frames") {
		t.Errorf("5 frames by 3 of 9: %v", err)
	}
}

// Views that are put together from two images are refused: a clip is one film.
func TestCopyPasteIsRefused(t *testing.T) {
	v := views.Defaults()
	v.CopyPaste = views.PerView{0.5}
	_, err := frames.New(frames.Defaults(), v, &datasets.Data{Train: long{still{4}}}, 2)
	if err == nil || !strings.Contains(err.Error(), "want copy_paste = 0") {
		t.Errorf("got %v, want a refusal of copy_paste", err)
	}
}
