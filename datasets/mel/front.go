package mel

import (
	"fmt"
	"math"
	"math/bits"

	"selfsup/setting"
)

// Front is what makes log-mel spectrograms of recordings: frames, bands of their power, and logarithms, scaled.
type Front struct {
	Bands  int     `toml:"bands" json:"bands"`   // of a frame; 0: recordings stay waves
	Scale  string  `toml:"scale" json:"scale"`   // of the bands: htk, peaks of 1 | slaney, areas of 1
	Window float64 `toml:"window" json:"window"` // of a frame, milliseconds
	Hop    float64 `toml:"hop" json:"hop"`       // from a frame to the next, milliseconds
	Low    float64 `toml:"low" json:"low"`       // Hz, where the first band begins
	High   float64 `toml:"high" json:"high"`     // Hz, where the last ends; 0: half the rate
	// of the training recordings, which are subtracted from the logarithms and divide them; 0 and 0: measured
	Mean float64 `toml:"mean" json:"mean"`
	Std  float64 `toml:"std" json:"std"`
}

// DefaultFront has frames of 25 ms every 10 ms, as usual for speech, in bands of HTK's scale. Of no bands it is off.
func DefaultFront() Front { return Front{Scale: htk, Window: 25, Hop: 10, Low: 60} }

// Scales of bands.
const (
	htk    = "htk"
	slaney = "slaney"
)

// Check says what is wrong with the settings for recordings of a rate.
func (f *Front) Check(rate int) error {
	high := f.top(rate)
	switch {
	case f.Bands < 1:
		return setting.Bad("bands", "%d: want at least 1, or 0 for waves", f.Bands)
	case f.Scale != htk && f.Scale != slaney:
		return setting.Bad("scale", "%q: want %q or %q", f.Scale, htk, slaney)
	case !(f.Window > 0 && f.Window <= 1000) || int(f.Window*float64(rate)/1000) < 2:
		return setting.Bad("window", "%v ms: want at most 1000, and at least 2 samples of %d a second", f.Window, rate)
	case !(f.Hop > 0 && f.Hop <= 1000) || f.hop(rate) < 1:
		return setting.Bad("hop", "%v ms: want at most 1000, and at least 1 sample of %d a second", f.Hop, rate)
	case f.High < 0 || high > float64(rate)/2:
		return setting.Bad("high", "%v Hz: want at most %v, half the rate, or 0 for that", f.High, float64(rate)/2)
	case !(f.Low >= 0 && f.Low < high):
		return setting.Bad("low", "%v Hz: want at least 0 and less than %v, where the last band ends", f.Low, high)
	case f.Std < 0 || math.IsInf(f.Std, 0) || math.IsNaN(f.Std+f.Mean) || f.Std == 0 && f.Mean != 0:
		return setting.Bad("std", "%v: want a number above 0 beside mean = %v, or 0 and 0 to have both measured", f.Std,
			f.Mean)
	}
	l := f.New(rate)
	for k, own := range l.filters {
		if own.to == own.from {
			return setting.Bad("bands",
				"%d: no frequency of a frame is in band %d; want fewer, a higher low = %v Hz, or "+
					"a longer window = %v ms", f.Bands, k, f.Low, f.Window)
		}
	}
	return nil
}

func (f *Front) top(rate int) float64 {
	if f.High == 0 {
		return float64(rate) / 2
	}
	return f.High
}

func (f *Front) hop(rate int) int { return int(math.Round(f.Hop * float64(rate) / 1000)) }

// New is the front end for recordings of a rate, by settings that Check passes.
func (f *Front) New(rate int) *LogMel {
	s := Spectrogram{Window: int(f.Window * float64(rate) / 1000), Hop: max(1, f.hop(rate))}
	s.FFT = 1 << bits.Len(uint(max(s.Window-1, 1))) // the next power of two
	b := Bank{Rate: rate, FFT: s.FFT, Bands: f.Bands, Low: f.Low, High: f.top(rate), Slaney: f.Scale == slaney}
	l := &LogMel{Spectrogram: s, filters: sparse(b.Filters()), mean: f.Mean, scale: 1}
	if f.Std > 0 {
		l.scale = 1 / f.Std
	}
	return l
}

// LogMel makes log-mel spectrograms.
type LogMel struct {
	Spectrogram
	filters     []filter
	mean, scale float64
}

// Frames is how many frames there are of so many samples: a frame begins with every hop. Power has one more, whose
// middle is where the samples end.
func (l *LogMel) Frames(samples int) int { return samples / l.Hop }

// Bands of a frame.
func (l *LogMel) Bands() int { return len(l.filters) }

// Make writes the scaled logarithms of the bands of each frame of a recording to dst [T,Bands].
func (l *LogMel) Make(dst []float64, x []float64) error {
	power, err := l.Power(x)
	if err != nil {
		return err
	}
	n := len(l.filters)
	if len(dst) != l.Frames(len(x))*n {
		return fmt.Errorf("mel: %d numbers for %d frames of %d bands", len(dst), l.Frames(len(x)), n)
	}
	for t := range len(dst) / n {
		for k, f := range l.filters {
			dst[t*n+k] = (math.Log(f.of(power[t])+Epsilon) - l.mean) * l.scale
		}
	}
	return nil
}

// filter is a band's weights of the frequencies from to to-1; others have none.
type filter struct {
	from, to int
	weights  []float64
}

// sparse is a bank's filters without the zeros around them.
func sparse(filters [][]float64) []filter {
	all := make([]filter, len(filters))
	for k, w := range filters {
		f := filter{to: len(w)}
		for f.from < f.to && w[f.from] == 0 {
			f.from++
		}
		for f.to > f.from && w[f.to-1] == 0 {
			f.to--
		}
		f.weights = w[f.from:f.to]
		all[k] = f
	}
	return all
}

// of is the power of a frame in the band.
func (f *filter) of(power []float64) (sum float64) {
	for i, w := range f.weights {
		sum += w * power[f.from+i]
	}
	return sum
}
