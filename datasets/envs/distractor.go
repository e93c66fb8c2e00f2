package envs

import (
	"math"

	"selfsup/datasets"
)

// Distractors are backgrounds that have nothing to do with the task. What changes between two steps is no help in
// telling states apart; what stays, or drifts slowly, is easy to predict and just as useless: joint-embedding methods
// take it for a feature (Sobal et al. 2022, arXiv:2211.10831).
const (
	noDistractor = "none"
	fixedNoise   = "fixed"      // noise of the episode
	drifting     = "slow"       // two waves of colour that wander through the episode
	changing     = "changing"   // noise of the step
	television   = "television" // a corner of it shows noise of the step, as bright as can be
	// a television with a remote control: its noise is another one after every step in which the agent stays, and else
	// as it was. An agent that seeks what it cannot predict stays before it for ever (Burda et al. 2019,
	// arXiv:1808.04355, section 5; Guo et al. 2022, arXiv:2206.08332)
	remote = "remote"
)

var distractors = []string{noDistractor, fixedNoise, drifting, changing, television, remote}

var ground = colour{24, 28, 36}

// televisionSide is the side of the television in pixels.
const televisionSide = 10

// background fills the canvas. strength is the share of full brightness that the distractor has at most.
func background(kind string, strength float64, s state, c *canvas) {
	for i := 0; i < len(c.pix); i += 3 {
		c.pix[i], c.pix[i+1], c.pix[i+2] = ground[0], ground[1], ground[2]
	}
	most := uint64(strength * 256)
	switch kind {
	case fixedNoise:
		noise(datasets.NewRand(s.key(), "envs/fixed"), c.pix, most)
	case changing:
		noise(datasets.NewRand(s.key(), "envs/changing", uint64(s.time())), c.pix, most)
	case television:
		screen(datasets.NewRand(s.key(), "envs/television", uint64(s.time())), c)
	case remote:
		screen(datasets.NewRand(s.key(), "envs/remote", uint64(s.stayed())), c)
	case drifting:
		waves(s, c, strength)
	}
}

// screen fills the television, the upper right corner, with noise.
func screen(r datasets.Rand, c *canvas) {
	var shown [televisionSide * televisionSide * 3]byte
	noise(r, shown[:], 256)
	for y := range televisionSide {
		copy(c.pix[3*((y+1)*Side-televisionSide):3*(y+1)*Side], shown[3*y*televisionSide:3*(y+1)*televisionSide])
	}
}

// noise adds to each byte a number below most of 256.
func noise(r datasets.Rand, pix []byte, most uint64) {
	for i := 0; i < len(pix); i += 8 {
		bits := r.Uint64()
		for j := i; j < min(i+8, len(pix)); j++ {
			pix[j] = byte(min(uint64(pix[j])+(bits&255)*most>>8, 255))
			bits >>= 8
		}
	}
}

// waves adds a wave along each axis, of directions and colours of the episode, that wanders by a hundredth of its
// length a step.
func waves(s state, c *canvas, strength float64) {
	r := datasets.NewRand(s.key(), "envs/slow")
	var along [2][Side]float64
	var tint [2][3]float64
	for k := range along {
		length, phase, way := r.Uniform(12, 30), r.Float64(), 1.0
		if r.Chance(0.5) {
			way = -1
		}
		for i := range along[k] {
			turn := float64(i)/length + phase + way*float64(s.time())/100
			along[k][i] = 0.5 + 0.5*math.Sin(2*math.Pi*turn)
		}
		for j := range tint[k] {
			tint[k][j] = r.Float64() * strength * 127
		}
	}
	for y := range Side {
		for x := range Side {
			p := c.pix[3*(y*Side+x):]
			for j := range 3 {
				p[j] = byte(min(float64(p[j])+along[0][x]*tint[0][j]+along[1][y]*tint[1][j], 255))
			}
		}
	}
}
