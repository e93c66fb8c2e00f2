package mel

import "math"

// MFCC is the mel-frequency cepstral coefficients of each frame of log-mels [T,bands], with how they change over time
// and how that changes: [T,3*Coefficients].
//
// Davis and Mermelstein 1980. The cosine transform is orthonormal, as librosa's; changes are the slope of a line
// through two frames on both sides, the first and the last frame repeated, as in Kaldi and HTK. HuBERT (Hsu et al.
// 2021, arXiv:2106.07447, section 4.2) clusters 13 coefficients so.
func MFCC(logs []float64, bands int) []float64 {
	frames, width := len(logs)/bands, 3*Coefficients
	out, still := make([]float64, frames*width), make([]float64, frames*Coefficients)
	for t := range frames {
		for k := range Coefficients {
			sum := 0.0
			for i, v := range logs[t*bands:][:bands] {
				sum += v * math.Cos(math.Pi*float64(k)*(float64(i)+0.5)/float64(bands))
			}
			scale := math.Sqrt(2 / float64(bands))
			if k == 0 {
				scale = math.Sqrt(1 / float64(bands))
			}
			still[t*Coefficients+k] = sum * scale
		}
	}
	change := slopes(still, Coefficients)
	again := slopes(change, Coefficients)
	for t := range frames {
		for i, of := range [][]float64{still, change, again} {
			copy(out[t*width+i*Coefficients:][:Coefficients], of[t*Coefficients:])
		}
	}
	return out
}

// Coefficients of a frame, the first among them, which is its loudness.
const Coefficients = 13

// slopes is how each of d numbers of the frames of x changes from a frame to the next.
func slopes(x []float64, d int) []float64 {
	frames, y := len(x)/d, make([]float64, len(x))
	at := func(t, k int) float64 { return x[min(max(t, 0), frames-1)*d+k] }
	for t := range frames {
		for k := range d {
			y[t*d+k] = (at(t+1, k) - at(t-1, k) + 2*(at(t+2, k)-at(t-2, k))) / 10
		}
	}
	return y
}
