package ir

import (
	"math"
	"testing"
)

func TestBF16(t *testing.T) {
	for _, c := range []struct{ in, want float64 }{
		{0, 0}, {1, 1}, {-1, -1},
		{1 + 1.0/256, 1},            // a tie goes to the even neighbour
		{1 + 3.0/256, 1 + 4.0/256},  // the tie above it too
		{1 + 1.01/256, 1 + 2.0/256}, // past the middle
		{-1 - 1.01/256, -1 - 2.0/256},
		{math.MaxFloat32, math.Inf(1)},
		{math.Inf(-1), math.Inf(-1)},
		{0x1p-133, 0x1p-133}, // subnormal
	} {
		if got := BF16Of(c.in); got != c.want {
			t.Errorf("BF16Of(%v) = %v, want %v", c.in, got, c.want)
		}
	}
	if got := BF16Of(math.NaN()); got == got {
		t.Errorf("BF16Of(NaN) = %v", got)
	}
}
