package windows

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/feed/feedtest"
	"selfsup/datasets/filetest"
	"selfsup/datasets/sampling"
	"selfsup/datasets/sounds"
)

// recordings are WAV files of 8000 samples a second, in both sets; sample t of channel c of file i is its value.
func recordings(t *testing.T, channels int, train, test []int, value func(i, t, c int) float64) *datasets.Data {
	t.Helper()
	files := map[string][]byte{}
	for part, lengths := range map[string][]int{"train": train, "test": test} {
		for i, n := range lengths {
			x := make([]float64, n*channels)
			for at := range x {
				x[at] = value(i, at/channels, at%channels)
			}
			files[fmt.Sprintf("%s/%d.wav", part, i)] = filetest.Samples(8000, channels, x)
		}
	}
	s, dir := sounds.NewWAV(), filetest.Tree(t, files)
	s.Train, s.Test = filepath.Join(dir, "train"), filepath.Join(dir, "test")
	d, err := s.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// counted tells sample and channel: 4096ths of the place, negative in the second channel.
func counted(i, t, c int) float64 { return float64(t) / 4096 * float64(1-2*c) }

func newWaves(t *testing.T, s Settings, d *datasets.Data) *Waves {
	t.Helper()
	w, err := NewWaves(s, d.Train.(datasets.WaveSet), d.Test)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// A recording longer than the window is cut at a random place in training, another for each view and step, and at one
// place in evaluation; a shorter one is followed by zeros. Channels stay side by side.
func TestWaveWindows(t *testing.T) {
	d := recordings(t, 2, []int{400, 150}, []int{300}, counted)
	w := newWaves(t, Settings{Length: 300, Place: "random", Fixed: "end", Short: "pad"}, d)
	m, seen := w.Training(d.Train), map[float32]bool{}
	for step := range 50 {
		key := feed.Key{Seed: 1, Step: step, Row: 3}
		for _, view := range []string{"view0", "view1"} {
			x := feedtest.One(t, m, view, 0, key).F32
			for i, v := range x {
				if want := x[0] + float32(i/2)/4096; i%2 == 0 && v != want || i%2 == 1 && v != -x[i-1] {
					t.Fatalf("step %d, %s: sample %d of channel %d is %v, want %v and its opposite", step, view, i/2,
						i%2, v, want)
				}
			}
			if again := feedtest.One(t, m, view, 0, key).F32; !slices.Equal(again, x) {
				t.Fatalf("step %d, %s: %v, and again %v", step, view, x[:2], again[:2])
			}
			seen[x[0]] = true
		}
	}
	if len(seen) < 50 || seen[101.0/4096] {
		t.Errorf("100 windows were at %d places, want more than half as many, none above 100", len(seen))
	}
	for fixed, want := range map[string]float32{"start": 0, "middle": 50, "end": 100} {
		w.settings.Fixed = fixed
		if got := feedtest.One(t, w.Evaluation(d.Train), "view0", 0, feed.Key{Step: 7}).F32[0] * 4096; got != want {
			t.Errorf("%s: evaluation reads from %v on, want %v", fixed, got, want)
		}
	}
	x := feedtest.One(t, m, "view0", 1, feed.Key{}).F32
	if x[298] != 149.0/4096 || slices.Max(x[300:]) != 0 || slices.Min(x[300:]) != 0 {
		t.Errorf("a short recording: %v behind it, want its 150 samples and zeros", x[298:310])
	}
	for i, want := range []int32{300, 150} {
		if got := feedtest.One(t, m, "length", i, feed.Key{}).I32[0]; got != want {
			t.Errorf("recording %d: length %d, want %d", i, got, want)
		}
	}
	part := sampling.Part(d.Train, []int32{1})
	if got := feedtest.One(t, w.Training(part), "length", 0, feed.Key{}).I32[0]; got != 150 {
		t.Errorf("recording 0 of a part has %d samples, want the second's 150", got)
	}
}

// The baseline is louder where the sound is: a tone of 1000 Hz is in the band around it, and twice the amplitude adds
// the logarithm of four. What is behind a short recording does not count.
func TestWaveSpectrum(t *testing.T) {
	d := recordings(t, 1, []int{2000, 2000, 1000}, []int{200}, func(i, t, _ int) float64 {
		amplitude := 0.25
		if i == 1 {
			amplitude = 0.5
		}
		return amplitude * math.Sin(2*math.Pi*float64(t)/8)
	})
	m := newWaves(t, Settings{Length: 1600, Place: "random", Fixed: "start", Short: "pad"}, d).Evaluation(d.Train)
	spectrum := func(i int) []float32 { return feedtest.One(t, m, feed.Raw, i, feed.Key{}).F32 }
	soft, loud, short := spectrum(0), spectrum(1), spectrum(2)
	// in mel 1000 Hz is at 1000; 40 bands between 60 Hz (92) and 4000 Hz (2146) are 50 apart
	const band = 17
	for k, v := range soft[:40] {
		if k != band && v >= soft[band] {
			t.Errorf("band %d has %v, band %d around 1000 Hz %v: want the most there", k, v, band, soft[band])
		}
	}
	if len(soft) != 80 || math.Abs(float64(loud[band]-soft[band])-math.Log(4)) > 1e-3 {
		t.Errorf("twice as loud: %v after %v, want %v more", loud[band], soft[band], math.Log(4))
	}
	if deviation := soft[40+band]; deviation > 0.3 {
		t.Errorf("the deviation over time of a steady tone is %v, want little", deviation)
	}
	if math.Abs(float64(short[band]-soft[band])) > 0.05 {
		t.Errorf("a short recording has %v, want about %v: padding is not heard", short[band], soft[band])
	}
}

func TestWaveErrors(t *testing.T) {
	d := recordings(t, 1, []int{400, 150}, []int{300}, counted)
	stereo := recordings(t, 2, []int{400}, []int{300}, counted)
	train := d.Train.(datasets.WaveSet)
	ok := Settings{Length: 300, Place: "random", Fixed: "middle", Short: "pad"}
	for want, change := range map[string]func(*Settings){
		"is not set: recordings need it, in samples, such as 8000 for a second of these": func(s *Settings) {
			s.Length = 0
		},
		"500: the longest recording has 400 samples; want at most that": func(s *Settings) {
			s.Length = 500
		},
		"100: want at least 129 samples": func(s *Settings) {
			s.Length = 100
		},
		"1.wav has 150 samples and a window 300, and 1 of 2 are shorter than that; want \"pad\"": func(s *Settings) {
			s.Short = "refuse"
		},
	} {
		s := ok
		change(&s)
		if _, err := NewWaves(s, train, d.Test); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", s, err, want)
		}
	}
	if _, err := NewWaves(ok, train, stereo.Test); err == nil || !strings.Contains(err.Error(), "the test recordings "+
		"have 8000 samples a second and 2 channels, those of the training 8000 and 1; want the same") {
		t.Errorf("stereo against mono: %v", err)
	}
	fixed := ok
	fixed.Place = "fixed"
	for want, m := range map[string]feed.Maker{
		`waves have no field "view1": windows.place = "fixed" takes the same window each time, so ` +
			`that a sample has one view; want "random"; they have view0, length, mfcc80`: newWaves(t, fixed,
			d).Training(d.Train),
		`waves have no field "view1"; they have view0, length, mfcc80, raw`: newWaves(t, ok, d).Evaluation(d.Train),
	} {
		if _, err := m.Worker([]string{"view1"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Texts shorter than a window are refused where the settings say so.
func TestShortTexts(t *testing.T) {
	d := openTexts(t, "characters", "abcdefgh\nabc\n", "abcdefgh\n")
	s := Settings{Length: 5, Place: "random", Fixed: "middle", Short: "refuse"}
	_, err := NewTexts(s, d.Train.(datasets.TextSet), d.Test)
	if err == nil || !strings.Contains(err.Error(), "has 3 symbols and a window 5") {
		t.Errorf("got %v, want the text of 3 symbols", err)
	}
	s.Length = 3
	if _, err := NewTexts(s, d.Train.(datasets.TextSet), d.Test); err != nil {
		t.Error(err)
	}
}

// What is padded and what is cut is counted and named, and what is longer than a window is refused where the settings
// say so.
func TestNotesOfLengths(t *testing.T) {
	d := openTexts(t, "characters", "abcdefgh\nabc\nab\nabcde\n", "abcdefgh\n")
	s := Settings{Length: 5, Place: "random", Fixed: "middle", Short: "pad", Long: "cut"}
	tx, err := NewTexts(s, d.Train.(datasets.TextSet), d.Test)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"2 of 4 training samples are shorter than a window of 5 symbols and padded, the first is ",
		"1 of 4 training samples are longer than a window of 5 symbols, of which evaluation sees the middle, " +
			"the first is ",
		"1 of 1 test samples are longer than a window of 5 symbols"}
	for i, line := range []string{"train.txt:2", "train.txt:1", "test.txt:1"} {
		if n := tx.Notes(); len(n) != 3 || !strings.HasPrefix(n[i], want[i]) || !strings.HasSuffix(n[i], line) {
			t.Fatalf("notes %q, want %q and %s", n, want[i], line)
		}
	}
	s.Long = "refuse"
	_, err = NewTexts(s, d.Train.(datasets.TextSet), d.Test)
	if err == nil || !strings.Contains(err.Error(), "train.txt:1 has more than the 5 symbols of a window, and so have "+
		"1 of 4") {
		t.Errorf("%v, want the text of 8 symbols", err)
	}
}
