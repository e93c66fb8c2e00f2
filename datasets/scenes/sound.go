package scenes

import "math"

// SoundRate is the rate of sounds, in samples a second.
const SoundRate = 8000

// mode is one way in which a thing rings.
type mode struct {
	ratio    float64 // of its frequency to the lowest
	loudness float64
	decay    float64 // seconds until 1/e
}

// ringing is how things of a material sound when they are struck.
var ringing = [][]mode{
	// a bar, whose modes are those of a free beam
	{{1, 1, 0.25}, {2.756, 0.6, 0.12}, {5.404, 0.3, 0.06}},
	// a membrane, whose modes are zeros of Bessel functions
	{{1, 1, 0.08}, {1.594, 0.8, 0.06}, {2.136, 0.6, 0.05}, {2.296, 0.4, 0.04}},
	// a string
	{{1, 1, 0.2}, {2, 0.5, 0.15}, {3, 0.33, 0.1}, {4, 0.25, 0.08}},
	// a block, damped
	{{1, 1, 0.03}, {1.41, 0.7, 0.02}, {1.93, 0.5, 0.015}, {2.64, 0.4, 0.01}},
	// a shell, of two modes that beat
	{{1, 1, 0.18}, {1.03, 0.9, 0.18}, {2.35, 0.4, 0.07}},
}

// Frequencies of the classes' lowest modes.
const (
	lowest   = 160.0 // Hz, of the first class
	interval = 1.27  // from one class to the next
	detuned  = 0.06  // from the lowest to the highest drawing of a class
)

// Sound writes the sound of a scene's impacts, from a sample on, at SoundRate: samples between -1 and 1. Each class has
// a pitch and a material of its own, each drawing of it a pitch a little apart. An impact is as loud as the object is
// fast and near.
func (s *Set) Sound(w *Scene, from int, dst []float32) {
	clear(dst)
	end := float64(from+len(dst)) / SoundRate
	for _, hit := range w.Impacts(end) {
		o := &w.Objects[hit.Object]
		pitch := lowest * math.Pow(interval, float64(o.Class))
		pitch *= 1 + detuned*(float64(o.Drawing)/float64(s.perClass)-0.5)
		first := int(math.Ceil(hit.Time * SoundRate))
		for _, m := range ringing[o.Class%len(ringing)] {
			if f := pitch * m.ratio; f < SoundRate/2 {
				ring(dst, first-from, f/SoundRate, m.decay*SoundRate, 0.15*hit.Strength*m.loudness)
			}
		}
	}
	for i, v := range dst {
		dst[i] = v / (1 + float32(math.Abs(float64(v)))) // so that it stays between -1 and 1
	}
}

// ring adds a decaying sine that begins at a sample, which may lie before the first.
func ring(dst []float32, at int, frequency, decay, loudness float64) {
	// of x[n] = 2 r cos(w) x[n-1] - r^2 x[n-2], whose solution is the sine
	r := math.Exp(-1 / decay)
	a, b := 2*r*math.Cos(2*math.Pi*frequency), -r*r
	before, x := 0.0, loudness*r*math.Sin(2*math.Pi*frequency)
	for n := at + 1; n < len(dst); n++ {
		if n >= 0 {
			dst[n] += float32(x)
		}
		before, x = x, a*x+b*before
		if n-at > int(12*decay) { // 100 dB below
			return
		}
	}
}
