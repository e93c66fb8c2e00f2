package evaluations

import (
	"math"
	"math/rand/v2"
	"testing"
)

// By hand: Student's t at 0.975 is 12.7062 with one degree of freedom and 3.1824 with three.
func TestMeanInterval(t *testing.T) {
	for _, c := range []struct {
		values          []float64
		mean, low, high float64
	}{
		{[]float64{1, 3}, 2, 2 - 12.7062, 2 + 12.7062},
		{[]float64{1, 2, 3, 4}, 2.5, 2.5 - 3.1824*math.Sqrt(5.0/12), 2.5 + 3.1824*math.Sqrt(5.0/12)},
		{[]float64{0.5, 0.5, 0.5}, 0.5, 0.5, 0.5},
	} {
		mean, low, high := MeanInterval(c.values)
		if mean != c.mean || math.Abs(low-c.low) > 1e-3 || math.Abs(high-c.high) > 1e-3 {
			t.Errorf("%v: %v, %v to %v; want %v, %v to %v", c.values, mean, low, high, c.mean, c.low, c.high)
		}
	}
}

// By hand: variances 1 and 4 of three values each give 2.94 degrees of freedom, at which t is 3.2188; equal variances
// of three values give four, at which it is 2.7764.
func TestApartInterval(t *testing.T) {
	for _, c := range []struct {
		a, b            []float64
		mean, low, high float64
	}{
		{[]float64{4, 5, 6}, []float64{1, 2, 3}, 3, 3 - 2.7764*math.Sqrt(2.0/3), 3 + 2.7764*math.Sqrt(2.0/3)},
		{[]float64{4, 5, 6}, []float64{0, 2, 4}, 3, 3 - 3.2188*math.Sqrt(5.0/3), 3 + 3.2188*math.Sqrt(5.0/3)},
		{[]float64{1, 1}, []float64{0, 0}, 1, 1, 1},
	} {
		mean, low, high := ApartInterval(c.a, c.b)
		if mean != c.mean || math.Abs(low-c.low) > 1e-3 || math.Abs(high-c.high) > 1e-3 {
			t.Errorf("%v, %v: %v, %v to %v; want %v, %v to %v", c.a, c.b, mean, low, high, c.mean, c.low, c.high)
		}
	}
}

// Of one seed the test is McNemar's exact one, and of several it counts every choice of signs.
func TestPairedExact(t *testing.T) {
	repeat := func(n, d int) (out []int) {
		for range n {
			out = append(out, d)
		}
		return out
	}
	join := func(parts ...[]int) (out []int) {
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	for _, c := range []struct {
		name string
		d    []int
		want float64
	}{
		{"10 against 2", join(repeat(10, 1), repeat(2, -1), repeat(80, 0)), 2 * 79.0 / 4096},
		{"equal", join(repeat(5, 1), repeat(5, -1)), 1},
		{"nothing differs", repeat(9, 0), 1},
		{"none", nil, 1},
		{"five of five", repeat(5, -1), 2.0 / 32},
		{"2 and 1 against 1", []int{2, 1, -1}, 6.0 / 8}, // all but +2-1-1 and its mirror are 2 or more from 0
	} {
		if got := PairedExact(c.d); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: p = %v, want %v", c.name, got, c.want)
		}
	}
	r := rand.New(rand.NewPCG(3, 1))
	for range 30 {
		d := make([]int, 1+r.IntN(12))
		for i := range d {
			d[i] = r.IntN(7) - 3
		}
		if got, want := PairedExact(d), enumerate(d); math.Abs(got-want) > 1e-12 {
			t.Errorf("%v: p = %v, of all signs %v", d, got, want)
		}
	}
	// 1000 is 4.82 standard deviations of sqrt(43000)
	if p := PairedExact(join(repeat(3000, 3), repeat(2000, -2), repeat(2000, -2))); p < 1.3e-6 || p > 1.6e-6 {
		t.Errorf("of 7,000 images p = %v, want about 1.4e-6", p)
	}
}

// enumerate counts all choices of signs.
func enumerate(d []int) float64 {
	total := 0
	for _, v := range d {
		total += v
	}
	far := 0
	for signs := range 1 << len(d) {
		sum := 0
		for i, v := range d {
			if signs>>i&1 == 1 {
				v = -v
			}
			sum += v
		}
		if max(sum, -sum) >= max(total, -total) {
			far++
		}
	}
	return float64(far) / float64(int(1)<<len(d))
}
