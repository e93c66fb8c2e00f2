package kmeans_test

import (
	"math"
	"testing"

	"selfsup/internal/kmeans"
)

// Concentrations by hand: clusters of two rows at distance 0.6 and 0.2 from their centre, and one row alone, which has
// the largest; percentiles of three numbers move the ends a fifth of the way to the middle.
func TestConcentrations(t *testing.T) {
	x := []float32{0.6, 0, -0.6, 0, 5.2, 0, 4.8, 0, 9, 9}
	c := &kmeans.Clusters{Centres: []float32{0, 0, 5, 0, 9, 9}, Of: []int32{0, 0, 1, 1, 2}}
	wide, narrow := 2*0.6/(2*math.Log(12)), 2*0.2/(2*math.Log(12))
	want := []float64{wide, narrow + 0.2*(wide-narrow), wide}
	sum := (want[0] + want[1] + want[2]) / 3
	for i, v := range c.Concentrations(x, 2, 0.3) {
		if w := 0.3 * want[i] / sum; math.Abs(float64(v)-w) > 1e-6 {
			t.Errorf("the width of cluster %d is %v, want %v", i, v, w)
		}
	}
	alone := &kmeans.Clusters{Centres: []float32{1, 0}, Of: []int32{0}}
	if got := alone.Concentrations([]float32{1, 0}, 2, 0.3); got[0] != 0.3 {
		t.Errorf("phi of a single row is %v, want the mean of 0.3", got)
	}
}
