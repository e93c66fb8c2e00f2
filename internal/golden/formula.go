package golden

import (
	"math"
	"strings"
)

// Hash is the formula behind weights and inputs that are not stored: 32-bit arithmetic that wraps around.
func Hash(id, i uint32) uint32 {
	h := i*2654435761 + id*2246822519 + 374761393
	h ^= h >> 16
	h *= 0x85EBCA6B
	h ^= h >> 13
	h *= 0xC2B2AE35
	return h ^ h>>16
}

// U is Hash as a number in [-1, 1).
func U(id, i uint32) float64 { return float64(Hash(id, i))/2147483648 - 1 }

// Weight is entry i of parameter number p by the formula for its name's ending and shape, rounded to float32.
func Weight(p int, of Parameter, i int) float64 {
	u := U(uint32(p), uint32(i))
	d := of.Shape
	switch len(d) {
	case 1:
		u *= 0.1
		if strings.HasSuffix(of.Name, "weight") {
			u++
		}
	case 2:
		u *= math.Sqrt(3 / float64(d[1]))
	case 3:
		if of.Init == "formula_conv1d" {
			u *= math.Sqrt(6 / float64(size(d[1:])))
		} else {
			u *= 0.2
		}
	default:
		u *= math.Sqrt(6 / float64(size(d[1:])))
	}
	return float64(float32(u))
}
