package windows

import (
	"errors"
	"math"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/mel"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// Spectrogram is the [windows.spectrogram] table: with bands above 0 views of recordings are their log-mels, images
// [T,Bands,C] with time down the rows. What changes training views comes in the order of the fields, and is drawn for
// each by itself. Nothing is mirrored unless flips are asked for: sound has a direction, and pitch another.
type Spectrogram struct {
	overlay.Optional
	mel.Front
	// decibels: loudness changes by up to so many, up or down
	Gain float64 `toml:"gain"`
	// a window of another recording is added in the background, its share of the power uniform from 0 to this
	Mix float64 `toml:"mix"`
	// side of a random part, of time and of frequency by themselves, relative to the view's; [1, 1]: all of it
	Crop [2]float64 `toml:"crop"`
	// the view lies in the middle of a canvas of zeros so many times as long and as high, which the part is cut from
	Canvas [2]float64 `toml:"canvas"`

	FlipTime      float64 `toml:"flip_time"`      // probability that the view runs backwards
	FlipFrequency float64 `toml:"flip_frequency"` // probability that high and low change places

	TimeBands      int     `toml:"time_bands"`   // runs of frames that become the view's mean
	TimeWidth      float64 `toml:"time_width"`   // of one, at most, relative to the view
	FrequencyBands int     `toml:"masked_bands"` // runs of mel bands that become the view's mean
	FrequencyWidth float64 `toml:"masked_width"` // of one, at most, relative to all bands
}

// defaultSpectrogram is off, and changes nothing when on.
func defaultSpectrogram() Spectrogram {
	return Spectrogram{Front: mel.DefaultFront(), Crop: [2]float64{1, 1}, Canvas: [2]float64{1, 1}, TimeWidth: 0.2,
		FrequencyWidth: 0.2}
}

// validate checks the settings beside the front end's.
func (s *Spectrogram) validate() error {
	share := func(key string, v float64) error { return setting.Within("spectrogram."+key, v, 0, 1) }
	for _, err := range []error{share("mix", s.Mix), share("flip_time", s.FlipTime),
		share("flip_frequency", s.FlipFrequency), share("time_width", s.TimeWidth),
		share("masked_width", s.FrequencyWidth), setting.Least("spectrogram.time_bands", s.TimeBands, 0),
		setting.Least("spectrogram.masked_bands", s.FrequencyBands, 0)} {
		if err != nil {
			return err
		}
	}
	switch {
	case !(s.Gain >= 0 && s.Gain <= 60):
		return setting.Bad("spectrogram.gain", "%v: want 0 to 60 decibels", s.Gain)
	case !(s.Crop[0] > 0 && s.Crop[0] <= s.Crop[1] && s.Crop[1] <= 4):
		return setting.Bad("spectrogram.crop", "%v: want the smallest and the largest side, above 0 and at most 4",
			s.Crop)
	case !(s.Canvas[0] >= 1 && s.Canvas[1] >= 1 && s.Canvas[0] <= 4 && s.Canvas[1] <= 4):
		return setting.Bad("spectrogram.canvas", "%v: want sides from 1 to 4, of time and of frequency", s.Canvas)
	}
	return nil
}

// check checks the front end for recordings of a rate.
func (s *Spectrogram) check(rate int) error {
	err := s.Front.Check(rate)
	if bad := (*setting.BadError)(nil); errors.As(err, &bad) {
		return setting.Bad("spectrogram."+bad.Key, "%s", bad.Text)
	}
	return err
}

// on reports whether views are spectrograms.
func (s *Spectrogram) on() bool { return s.Bands > 0 }

// crops reports whether parts are cut.
func (s *Spectrogram) crops() bool {
	return s.Crop != [2]float64{1, 1} || s.Canvas != [2]float64{1, 1}
}

// change makes a training view of log-mels x [T,Bands] of one channel: background draws those of another recording.
func (s *Spectrogram) change(x []float64, key feed.Key, view int, background func(r *datasets.Rand) ([]float64,
	error)) error {
	frames := len(x) / s.Bands
	stream := func(name string) *datasets.Rand {
		r := datasets.NewRand(key.Seed, "windows/"+name, uint64(key.Step), uint64(key.Row), uint64(view))
		return &r
	}
	if s.Gain > 0 {
		// the scaled logarithm of a power
		shift := stream("gain").Uniform(-s.Gain, s.Gain) * math.Ln10 / 10 / s.scale()
		for i := range x {
			x[i] += shift
		}
	}
	if s.Mix > 0 {
		r := stream("mix")
		share := r.Uniform(0, s.Mix)
		other, err := background(r)
		if err != nil {
			return err
		}
		MixLogs(x, other, share)
	}
	if s.crops() {
		r := stream("crop")
		c := canvasOf([2]int{frames, s.Bands}, s.Canvas)
		copy(x, c.cut(x, c.draw(r, s.Crop)))
	}
	if r := stream("flip"); true {
		if r.Chance(s.FlipTime) {
			reverse(x, s.Bands, true)
		}
		if r.Chance(s.FlipFrequency) {
			reverse(x, s.Bands, false)
		}
	}
	if s.TimeBands+s.FrequencyBands > 0 {
		r, times, bands := stream("bands"), make([][2]int, s.TimeBands), make([][2]int, s.FrequencyBands)
		for i := range times {
			times[i] = run(r, frames, s.TimeWidth)
		}
		for i := range bands {
			bands[i] = run(r, s.Bands, s.FrequencyWidth)
		}
		HideBands(x, s.Bands, times, bands)
	}
	return nil
}

// scale is what divides logarithms.
func (s *Spectrogram) scale() float64 {
	if s.Std > 0 {
		return s.Std
	}
	return 1
}

// run is the width of a masked run of n, uniform from 0 to a share, and where it begins.
func run(r *datasets.Rand, n int, share float64) [2]int {
	width := r.Intn(int(share*float64(n)) + 1)
	return [2]int{width, r.Intn(n - width + 1)}
}

// MixLogs adds a background to logarithms of power x: ln((1-share) e^x + share e^background).
//
// The mixup of Niizumi et al. 2021, BYOL-A, arXiv:2103.06695, section III-A, of scaled logarithms as in the authors'
// code, whose backgrounds are inputs of the last steps; here they are any recordings of the training set.
func MixLogs(x, background []float64, share float64) {
	for i, b := range background {
		x[i] = math.Log((1-share)*math.Exp(x[i]) + share*math.Exp(b) + mel.Epsilon)
	}
}

// HideBands puts the mean of x [T,bands] in place of runs of its frames and of its bands, each a width and a first.
//
// Park et al. 2019, SpecAugment, arXiv:1904.08779, section 2, without the warping of time. Widths include the largest,
// as in the paper, where fairseq's code stops before it.
func HideBands(x []float64, bands int, times, frequencies [][2]int) {
	mean := 0.0
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, r := range times {
		for i := r[1] * bands; i < (r[1]+r[0])*bands; i++ {
			x[i] = mean
		}
	}
	for _, r := range frequencies {
		for t := range len(x) / bands {
			for k := r[1]; k < r[1]+r[0]; k++ {
				x[t*bands+k] = mean
			}
		}
	}
}

// reverse turns x [T,bands] around, in time or in frequency.
func reverse(x []float64, bands int, time bool) {
	frames := len(x) / bands
	if time {
		for t := range frames / 2 {
			for k := range bands {
				a, b := t*bands+k, (frames-1-t)*bands+k
				x[a], x[b] = x[b], x[a]
			}
		}
		return
	}
	for t := range frames {
		for k := range bands / 2 {
			a, b := t*bands+k, t*bands+bands-1-k
			x[a], x[b] = x[b], x[a]
		}
	}
}

// canvas is zeros around the middle of which a view of [rows,columns] lies.
type canvas struct{ view, size, at [2]int }

// canvasOf is a canvas of so many times a view's sides.
func canvasOf(view [2]int, times [2]float64) (c canvas) {
	c.view = view
	for i, n := range view {
		c.size[i] = int(float64(n) * times[i])
		c.at[i] = (c.size[i] - n) / 2
	}
	return c
}

// part is a rectangle of a canvas.
type part struct{ at, size [2]int }

// draw is a part with sides of a range, relative to the view's, anywhere on the canvas.
func (c canvas) draw(r *datasets.Rand, sides [2]float64) (p part) {
	for i, n := range c.view {
		p.size[i] = min(max(int(r.Uniform(sides[0], sides[1])*float64(n)), 1), c.size[i])
		p.at[i] = r.Intn(c.size[i] - p.size[i] + 1)
	}
	return p
}

// cut is a part of the canvas around x, in the view's size: bicubic, A = -0.75, corners on corners. It is the random
// resize crop of Niizumi et al. 2021, arXiv:2103.06695, section III-B.
func (c canvas) cut(x []float64, p part) []float64 {
	at := func(i, j int) float64 {
		i, j = i+p.at[0]-c.at[0], j+p.at[1]-c.at[1]
		if i < 0 || j < 0 || i >= c.view[0] || j >= c.view[1] {
			return 0
		}
		return x[i*c.view[1]+j]
	}
	rows, columns := taps(p.size[0], c.view[0]), taps(p.size[1], c.view[1])
	between := make([]float64, p.size[0]*c.view[1])
	for i := range p.size[0] {
		for j, t := range columns {
			for k, w := range t.weights {
				between[i*c.view[1]+j] += w * at(i, t.at[k])
			}
		}
	}
	out := make([]float64, len(x))
	for i, t := range rows {
		for k, w := range t.weights {
			for j := range c.view[1] {
				out[i*c.view[1]+j] += w * between[t.at[k]*c.view[1]+j]
			}
		}
	}
	return out
}

// tap is which four samples make one, and how much of each.
type tap struct {
	at      [4]int
	weights [4]float64
}

// taps are those of n samples that become m, the first and the last where they are (PyTorch's align_corners).
func taps(n, m int) []tap {
	const a = -0.75
	all := make([]tap, m)
	for i := range all {
		x := 0.0
		if m > 1 {
			x = float64(i) * float64(n-1) / float64(m-1)
		}
		from := math.Floor(x)
		for k := range 4 {
			d := math.Abs(x - (from + float64(k-1)))
			all[i].at[k] = min(max(int(from)+k-1, 0), n-1)
			if d <= 1 {
				all[i].weights[k] = ((a+2)*d-(a+3))*d*d + 1
			} else if d < 2 {
				all[i].weights[k] = ((a*d-5*a)*d+8*a)*d - 4*a
			}
		}
	}
	return all
}
