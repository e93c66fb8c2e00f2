package mel

import (
	"fmt"
	"math"
	"math/bits"
)

// Spectrogram describes the frames of a recording: frame t is around sample t Hop, the recording mirrored at both ends,
// each multiplied with a Hann window of Window samples. It is torch.stft's with its defaults.
type Spectrogram struct {
	FFT    int // samples of a transform, a power of two
	Hop    int // samples from a frame to the next
	Window int // samples, at most FFT, in the middle of a frame
}

// Shortest is how many samples a recording has at least.
func (s Spectrogram) Shortest() int { return s.FFT/2 + 1 }

// Power is the power of each frequency in each frame of a recording, [1+len(x)/Hop][FFT/2+1]. Recordings below
// Shortest, and transforms of other lengths than powers of two, are errors.
func (s Spectrogram) Power(x []float64) ([][]float64, error) {
	switch {
	case s.FFT < 2 || s.FFT&(s.FFT-1) != 0:
		return nil, fmt.Errorf("mel: a transform of %d samples, want a power of two", s.FFT)
	case s.Hop < 1 || s.Window < 1 || s.Window > s.FFT:
		return nil, fmt.Errorf("mel: a window of %d samples every %d, want 1 to %d and at least 1", s.Window, s.Hop,
			s.FFT)
	case len(x) < s.Shortest():
		return nil, fmt.Errorf("mel: %d samples, want at least %d", len(x), s.Shortest())
	}
	window, before := make([]float64, s.FFT), (s.FFT-s.Window)/2
	for i := range s.Window {
		window[before+i] = (1 - math.Cos(2*math.Pi*float64(i)/float64(s.Window))) / 2
	}
	all, turns, frame := make([][]float64, 1+len(x)/s.Hop), circle(s.FFT), make([]complex128, s.FFT)
	for t := range all {
		for i := range frame {
			frame[bitsTurned(i, s.FFT)] = complex(x[mirrored(t*s.Hop+i-s.FFT/2, len(x))]*window[i], 0)
		}
		transform(frame, turns)
		all[t] = make([]float64, s.FFT/2+1)
		for k := range all[t] {
			re, im := real(frame[k]), imag(frame[k])
			all[t][k] = re*re + im*im
		}
	}
	return all, nil
}

// mirrored is the sample that is at place i of a recording of n: the ends are not repeated.
func mirrored(i, n int) int {
	if i < 0 {
		i = -i
	}
	if i >= n {
		i = 2*(n-1) - i
	}
	return i
}

// circle is the first half of the n-th roots of one, clockwise.
func circle(n int) []complex128 {
	roots := make([]complex128, n/2)
	for k := range roots {
		sin, cos := math.Sincos(-2 * math.Pi * float64(k) / float64(n))
		roots[k] = complex(cos, sin)
	}
	return roots
}

// bitsTurned is i with its bits in the other order, of n places.
func bitsTurned(i, n int) int {
	return int(bits.Reverse64(uint64(i)) >> (65 - bits.Len(uint(n))))
}

// transform is the discrete Fourier transform of x, in place, whose entries are in the order of bitsTurned (Cooley and
// Tukey 1965).
func transform(x, turns []complex128) {
	for half := 1; half < len(x); half *= 2 {
		step := len(turns) / half
		for from := 0; from < len(x); from += 2 * half {
			for k := range half {
				a, b := x[from+k], x[from+k+half]*turns[k*step]
				x[from+k], x[from+k+half] = a+b, a-b
			}
		}
	}
}

// Apply weighs the powers of frames by a bank's filters: [T][FFT/2+1] -> [T][Bands].
func Apply(filters, power [][]float64) [][]float64 {
	all := make([][]float64, len(power))
	for t, p := range power {
		all[t] = make([]float64, len(filters))
		for k, f := range filters {
			for i, w := range f {
				all[t][k] += w * p[i]
			}
		}
	}
	return all
}

// Epsilon is added to a power before its logarithm: float32's, as in BYOL-A (Niizumi et al. 2021, arXiv:2103.06695).
const Epsilon = 0x1p-23

// Log is ln(x + Epsilon) in place.
func Log(x [][]float64) {
	for _, row := range x {
		for k, v := range row {
			row[k] = math.Log(v + Epsilon)
		}
	}
}
