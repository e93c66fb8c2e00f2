package windows

import (
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/feed/feedtest"
	"selfsup/datasets/sampling"
	"selfsup/internal/golden"
)

// turned is [a,b] as [b,a]: fixtures have frequency first.
func turned(x golden.Tensor) golden.Tensor { return golden.Permute(x, 1, 0) }

func TestGoldenBYOLA(t *testing.T) {
	f := golden.Load(t, "audio/byola_augment")
	x, tol := turned(f.Inputs["x"]), f.Tolerance(false, 0)
	view := slices.Clone(x.Data)
	MixLogs(view, turned(f.Inputs["background"]).Data, golden.Param[float64](t, f, "mixup_alpha"))
	golden.Compare(t, "mixed", view, turned(f.Outputs["mixed"]), tol)

	scale := golden.Param[[2]float64](t, f, "virtual_crop_scale") // of frequency and time
	c := canvasOf([2]int{x.Shape[0], x.Shape[1]}, [2]float64{scale[1], scale[0]})
	whole := part{size: c.size}
	golden.Compare(t, "canvas", padded(c, view), turned(f.Outputs["canvas"]), tol)
	crop := golden.Param[[4]int](t, f, "crop") // row, column, height, width
	got := c.cut(view, part{at: [2]int{crop[1], crop[0]}, size: [2]int{crop[3], crop[2]}})
	golden.Compare(t, "cropped", got, turned(f.Outputs["cropped"]), tol)
	if len(c.cut(view, whole)) != len(view) {
		t.Error("the whole canvas is not cut to the view's size")
	}
}

// padded is the canvas itself.
func padded(c canvas, x []float64) []float64 {
	out := make([]float64, c.size[0]*c.size[1])
	for i := range c.view[0] {
		copy(out[(i+c.at[0])*c.size[1]+c.at[1]:][:c.view[1]], x[i*c.view[1]:])
	}
	return out
}

func TestGoldenSpecAugment(t *testing.T) {
	f := golden.Load(t, "audio/spec_augment")
	x := f.Inputs["spectrogram"]
	pairs := func(key string) (all [][2]int) {
		d := f.Inputs[key].Data
		for i := 0; i < len(d); i += 2 {
			all = append(all, [2]int{int(d[i]), int(d[i+1])})
		}
		return all
	}
	got := slices.Clone(x.Data)
	HideBands(got, x.Shape[1], pairs("time_width_start"), pairs("freq_width_start"))
	golden.Compare(t, "masked", got, f.Outputs["masked"], f.Tolerance(false, 0))
}

// tone is 1000 Hz, twice as loud in recording 1; in the second half of each it is 2000 Hz.
func tone(i, t, _ int) float64 {
	pitch := 8.0
	if t >= 1000 {
		pitch = 4
	}
	return 0.2 * float64(1+i) * math.Sin(2*math.Pi*float64(t)/pitch)
}

func spectral() Settings {
	s := Defaults()
	s.Length, s.Fixed, s.Spectrogram.Bands = 1600, "start", 20
	return s
}

// A view is an image whose mean and deviation over the training recordings are 0 and 1, and its loudest band follows
// the tone.
func TestSpectrogramViews(t *testing.T) {
	d := recordings(t, 1, []int{2000, 2000, 1200}, []int{2000}, tone)
	w := newWaves(t, spectral(), d)
	if f := w.Front(); f == nil || f.Std <= 0 {
		t.Fatalf("front end %+v, want a measured deviation", f)
	}
	m := w.Evaluation(d.Train)
	f, err := m.Field("view0")
	if err != nil || !slices.Equal(f.Shape, []int{20, 20, 1}) {
		t.Fatalf("view0 is %v (%v), want 20 frames of 20 bands", f.Shape, err)
	}
	n, sum, squares := 0.0, 0.0, 0.0
	for i := range 3 {
		frames := int(feedtest.One(t, m, "length", i, feed.Key{}).I32[0])
		if want := []int{20, 20, 15}[i]; frames != want {
			t.Errorf("recording %d: %d frames, want %d", i, frames, want)
		}
		x := feedtest.One(t, m, "view0", i, feed.Key{}).F32
		for _, v := range x[:(frames-1)*20] { // what is measured is mirrored at a recording's end, not silent
			n, sum, squares = n+1, sum+float64(v), squares+float64(v*v)
		}
		early, late := loudest(x[4*20:5*20]), loudest(x[14*20:15*20])
		if i < 2 && (early >= late || early < 5 || late > 15) {
			t.Errorf("recording %d: band %d, then %d: want a tone that goes up an octave", i, early, late)
		}
	}
	if mean := sum / n; math.Abs(mean) > 0.05 || math.Abs(squares/n-1) > 0.1 {
		t.Errorf("mean %v and square %v, want 0 and 1", mean, squares/n)
	}
	if err := wantNone(m); err == nil || !strings.Contains(err.Error(), "no field \"mfcc80\"") {
		t.Errorf("got %v, want no coefficients of spectrograms", err)
	}
}

func wantNone(m feed.Maker) error { _, err := m.Worker([]string{"mfcc80"}); return err }

func loudest(x []float32) (at int) {
	for i, v := range x {
		if v > x[at] {
			at = i
		}
	}
	return at
}

// Each change does what it says to a training view, depends on the key and the view alone, and leaves evaluation as it
// is.
func TestSpectrogramChanges(t *testing.T) {
	d := recordings(t, 1, []int{2000, 2000, 2000, 2000}, []int{2000}, tone)
	plain := newWaves(t, spectral(), d)
	see := func(w *Waves, set datasets.Labelled, view string, step int) []float32 {
		return feedtest.One(t, w.Training(set), view, 0, feed.Key{Seed: 1, Step: step}).F32
	}
	change := func(f func(s *Spectrogram)) *Waves {
		s := spectral()
		s.Place = "random"
		f(&s.Spectrogram)
		w := newWaves(t, s, d)
		if a, b := feedtest.One(t, w.Evaluation(d.Train), "view0", 0, feed.Key{}).F32,
			feedtest.One(t, plain.Evaluation(d.Train), "view0", 0, feed.Key{}).F32; !slices.Equal(a, b) {
			t.Errorf("evaluation changes")
		}
		return w
	}
	for name, c := range map[string]struct {
		f     func(s *Spectrogram)
		holds func(x, was []float32) bool
	}{
		"nothing": {func(s *Spectrogram) {}, func(x, was []float32) bool { return slices.Equal(x, was) }},
		"gain": {func(s *Spectrogram) { s.Gain = 6 }, func(x, was []float32) bool {
			shift := x[0] - was[0]
			for i := range x {
				if math.Abs(float64(x[i]-was[i]-shift)) > 1e-5 {
					return false
				}
			}
			return shift != 0
		}},
		"flip in time": {func(s *Spectrogram) { s.FlipTime = 1 }, func(x, was []float32) bool {
			return slices.Equal(x[:20], was[19*20:]) && slices.Equal(x[19*20:], was[:20])
		}},
		"flip in frequency": {func(s *Spectrogram) { s.FlipFrequency = 1 }, func(x, was []float32) bool {
			return x[0] == was[19] && x[25] == was[34]
		}},
		"mix": {func(s *Spectrogram) { s.Mix = 0.9 }, func(x, was []float32) bool {
			return !slices.Equal(x, was) && loudest(x[80:100]) > 4
		}},
		"crop": {func(s *Spectrogram) { s.Crop = [2]float64{0.5, 0.7} }, func(x, was []float32) bool {
			return !slices.Equal(x, was)
		}},
		"bands": {func(s *Spectrogram) { s.TimeBands, s.TimeWidth = 2, 0.5 }, func(x, was []float32) bool {
			rows, mean := 0, float32(0)
			for r := range 20 {
				if !slices.Equal(x[r*20:][:20], was[r*20:][:20]) {
					rows, mean = rows+1, x[r*20]
				}
			}
			return rows > 0 && rows < 20 && slices.Contains(x, mean)
		}},
	} {
		w, base := change(c.f), change(func(*Spectrogram) {})
		held := false
		for step := range 5 { // a run of bands may be empty
			x, was := see(w, d.Train, "view1", step), see(base, d.Train, "view1", step)
			held = held || c.holds(x, was)
			if !slices.Equal(x, see(w, d.Train, "view1", step)) {
				t.Errorf("%s: another view of the same key", name)
			}
		}
		if !held {
			t.Errorf("%s: does not hold in any of 5 steps", name)
		}
	}
	w := change(func(s *Spectrogram) { s.Mix = 0.9 })
	if a, b := see(w, d.Train, "view0", 1), see(w, sampling.Part(d.Train, []int32{0}), "view0", 1); slices.Equal(a, b) {
		t.Error("a part of the set mixes in what is not of it")
	}
}

// Cepstral coefficients come in frames of the hop that their name says, and do not follow the loudness but in the
// first.
func TestCepstra(t *testing.T) {
	d := recordings(t, 1, []int{2000, 2000}, []int{2000}, tone)
	s := spectral()
	s.Spectrogram.Bands = 0
	m := newWaves(t, s, d).Evaluation(d.Train)
	f, err := m.Field("mfcc100")
	if err != nil || !slices.Equal(f.Shape, []int{16, 39}) {
		t.Fatalf("mfcc100 is %v (%v), want 16 frames of 39", f.Shape, err)
	}
	hiss := recordings(t, 1, []int{2000, 2000}, []int{2000}, func(i, t, _ int) float64 {
		r := datasets.NewRand(1, "hiss", uint64(t))
		return 0.2 * float64(1+i) * r.Uniform(-1, 1)
	})
	noise := newWaves(t, s, hiss).Evaluation(hiss.Train)
	soft, loud := feedtest.One(t, noise, "mfcc100", 0, feed.Key{}).F32,
		feedtest.One(t, noise, "mfcc100", 1, feed.Key{}).F32
	at := 4 * 39
	for k := range 13 {
		want := 0.0
		if k == 0 {
			want = math.Log(4) * math.Sqrt(40) // every band is louder by ln 4
		}
		if got := float64(loud[at+k] - soft[at+k]); math.Abs(got-want) > 0.05 {
			t.Errorf("coefficient %d: %v more where it is twice as loud, want %v", k, got, want)
		}
	}
	soft = feedtest.One(t, m, "mfcc100", 0, feed.Key{}).F32
	steady, turns := soft[5*39+13:6*39], soft[9*39+13:10*39]
	if size(steady) > 0.2*size(turns) {
		t.Errorf("changes are %v in a steady tone and %v where it jumps", size(steady), size(turns))
	}
}

func size(x []float32) (sum float64) {
	for _, v := range x {
		sum += float64(v * v)
	}
	return math.Sqrt(sum)
}

func TestSpectrogramErrors(t *testing.T) {
	d := recordings(t, 1, []int{400, 400}, []int{400}, func(int, int, int) float64 { return 0 })
	for want, change := range map[string]func(*Spectrogram){
		`spectrogram.scale: "bark": want "htk" or "slaney"`:     func(s *Spectrogram) { s.Scale = "bark" },
		"spectrogram.high: 9000 Hz: want at most 4000":          func(s *Spectrogram) { s.High = 9000 },
		"spectrogram.low: 4000 Hz: want at least 0 and less":    func(s *Spectrogram) { s.Low = 4000 },
		"spectrogram.hop: 0 ms":                                 func(s *Spectrogram) { s.Hop = 0 },
		"spectrogram.window: 0.1 ms":                            func(s *Spectrogram) { s.Window = 0.1 },
		"spectrogram.bands: 200: no frequency of a frame is in": func(s *Spectrogram) { s.Bands = 200 },
		"spectrogram.std: 0: want a number above 0 beside mean": func(s *Spectrogram) { s.Mean = 3 },
		"there is no sound in them":                             func(s *Spectrogram) {},
	} {
		s := spectral()
		s.Length = 300
		change(&s.Spectrogram)
		if _, err := NewWaves(s, d.Train.(datasets.WaveSet), d.Test); err == nil || !strings.Contains(err.Error(),
			want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for want, change := range map[string]func(*Spectrogram){
		"spectrogram.crop: [0 1]":     func(s *Spectrogram) { s.Crop[0] = 0 },
		"spectrogram.canvas: [0.5 1]": func(s *Spectrogram) { s.Canvas[0] = 0.5 },
		"spectrogram.gain: 70":        func(s *Spectrogram) { s.Gain = 70 },
		"spectrogram.mix: 2":          func(s *Spectrogram) { s.Mix = 2 },
		"spectrogram.time_bands: -1":  func(s *Spectrogram) { s.TimeBands = -1 },
	} {
		s := spectral()
		change(&s.Spectrogram)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
