package sampling

import (
	"math/bits"

	"selfsup/datasets"
)

// Permutation is a permutation of 0 .. n-1 that is computed and not held: a balanced Feistel network of four rounds
// over the smallest even number of bits that counts n, walked until it comes back below n (on average less than four
// times).
//
// Black, Rogaway, Ciphers with Arbitrary Finite Domains, CT-RSA 2002, sec. 4 and 5 (cycle walking and the generalised
// Feistel cipher); Luby, Rackoff, SIAM J. Comput. 17(2), 1988, for four rounds. It mixes for training and keeps no
// secret.
type Permutation struct {
	n    uint64
	half int // bits
	key  [4]uint64
}

// NewPermutation draws the permutation of a seed, a name and indices; n is at least 1.
func NewPermutation(n int, seed uint64, name string, index ...uint64) Permutation {
	r := datasets.NewRand(seed, name, index...)
	p := Permutation{n: uint64(n), half: max(1, (bits.Len64(uint64(n)-1)+1)/2)}
	for i := range p.key {
		p.key[i] = r.Uint64()
	}
	return p
}

// At is the number at a place, both 0 .. n-1.
func (p *Permutation) At(place int) int {
	x := uint64(place)
	for {
		if x = p.network(x); x < p.n {
			return int(x)
		}
	}
}

// network permutes the numbers of 2 half bits.
func (p *Permutation) network(x uint64) uint64 {
	mask := uint64(1)<<p.half - 1
	left, right := x>>p.half, x&mask
	for _, k := range p.key {
		z := (right ^ k) * 0xbf58476d1ce4e5b9 // the finalizer of SplitMix64, keyed
		z = (z ^ z>>27 ^ k>>32) * 0x94d049bb133111eb
		left, right = right, left^(z^z>>31)&mask
	}
	return left<<p.half | right
}
