package datasets

// Rand is a small random generator: what it yields depends on its seed, its name and its indices alone, on every
// machine.
//
// SplitMix64: Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014, Fig. 17.
type Rand struct{ state uint64 }

// NewRand starts the stream of a seed, a name and indices such as step, row, view. Streams that differ in any of them
// are unrelated.
func NewRand(seed uint64, name string, index ...uint64) Rand {
	h := mix(seed + golden)
	for i := range len(name) {
		h = mix(h ^ uint64(name[i]) + golden)
	}
	h = mix(h + uint64(len(name)))
	for _, x := range index {
		h = mix(mix(h^x) + golden)
	}
	return Rand{h}
}

const golden = 0x9e3779b97f4a7c15 // 2^64 over the golden ratio

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Uint64 is uniform over all 64 bits.
func (r *Rand) Uint64() uint64 {
	r.state += golden
	return mix(r.state)
}

// Float64 is uniform in [0,1).
func (r *Rand) Float64() float64 { return float64(r.Uint64()>>11) / (1 << 53) }

// Uniform is uniform in [lo,hi).
func (r *Rand) Uniform(lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }

// Chance is true with probability p.
func (r *Rand) Chance(p float64) bool { return r.Float64() < p }

// Intn is uniform in 0 .. n-1, up to a bias below n/2^53; n is at least 1.
func (r *Rand) Intn(n int) int { return int(r.Float64() * float64(n)) }

// Order fills order with the numbers below its length in random order, and returns it.
func (r *Rand) Order(order []int) []int {
	for i := range order {
		order[i] = i
	}
	r.Shuffle(order)
	return order
}

// Shuffle permutes s (Fisher and Yates).
func (r *Rand) Shuffle(s []int) {
	for i := len(s) - 1; i > 0; i-- {
		j := r.Intn(i + 1)
		s[i], s[j] = s[j], s[i]
	}
}
