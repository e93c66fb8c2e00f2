// Package mel describes sound as people hear it: the power of short frames in bands that widen with the frequency.
package mel

import "math"

// Bank is triangular filters over the frequencies of a discrete Fourier transform, equally far apart in mel.
//
// The scales and the triangles are librosa's and torchaudio's.
type Bank struct {
	Rate      int     // samples a second
	FFT       int     // samples of a transform
	Bands     int     // filters
	Low, High float64 // Hz, where the first filter begins and the last ends
	// Slaney takes the scale of Slaney's Auditory Toolbox (1998), linear below 1000 Hz and logarithmic above, and
	// filters of unit area. Otherwise the scale is HTK's, 2595 log10(1 + f/700), and the peaks are 1.
	Slaney bool
}

// Constants of Slaney's scale: Hz a mel below its break, where that is, and the logarithm of a mel's ratio above it.
const (
	slaneyStep  = 200.0 / 3
	slaneyBreak = 1000.0
)

var slaneyRatio = math.Log(6.4) / 27

func (b Bank) mel(hz float64) float64 {
	switch {
	case !b.Slaney:
		return 2595 * math.Log10(1+hz/700)
	case hz < slaneyBreak:
		return hz / slaneyStep
	}
	return slaneyBreak/slaneyStep + math.Log(hz/slaneyBreak)/slaneyRatio
}

func (b Bank) hertz(mel float64) float64 {
	switch {
	case !b.Slaney:
		return 700 * (math.Pow(10, mel/2595) - 1)
	case mel < slaneyBreak/slaneyStep:
		return mel * slaneyStep
	}
	return slaneyBreak * math.Exp((mel-slaneyBreak/slaneyStep)*slaneyRatio)
}

// Corners are the frequencies [Bands+2] between which the filters are: filter k rises from corner k to k+1 and falls
// to k+2. They are in Hz.
func (b Bank) Corners() []float64 {
	from, to := b.mel(b.Low), b.mel(b.High)
	c := make([]float64, b.Bands+2)
	for k := range c {
		c[k] = b.hertz(from + (to-from)*float64(k)/float64(b.Bands+1))
	}
	return c
}

// Filters are the weights [Bands][FFT/2+1] of the frequencies in each band.
func (b Bank) Filters() [][]float64 {
	c, all := b.Corners(), make([][]float64, b.Bands)
	for k := range all {
		all[k] = make([]float64, b.FFT/2+1)
		for i := range all[k] {
			hz := float64(i) * float64(b.Rate) / float64(b.FFT)
			w := max(0, min((hz-c[k])/(c[k+1]-c[k]), (c[k+2]-hz)/(c[k+2]-c[k+1])))
			if b.Slaney {
				w *= 2 / (c[k+2] - c[k])
			}
			all[k][i] = w
		}
	}
	return all
}
