package tables

import (
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
)

func openModulated(t *testing.T, s *Modulated) (train, test *mixed) {
	t.Helper()
	d, err := s.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return d.Train.(*mixed), d.Test.(*mixed)
}

// deviations are those of a source in each segment of n rows.
func deviations(source []float64, n int) (all []float64) {
	for part := range slices.Chunk(source, n) {
		square := 0.0
		for _, v := range part {
			square += v * v / float64(n)
		}
		all = append(all, math.Sqrt(square))
	}
	return all
}

// Sources have the deviations of their segments, in training and test rows alike, uniform in [0,1]; over them they are
// Laplace's, independent of each other; and a rotation of them keeps their length.
func TestModulated(t *testing.T) {
	s := &Modulated{Sources: 4, Segments: 50, Length: 400, Held: 300, Layers: 1, Seed: 3}
	train, test := openModulated(t, s)
	if train.Len() != 20000 || test.Len() != 15000 || len(train.Columns()) != 4 || len(train.Classes()) != 0 {
		t.Fatalf("%d and %d rows of %d columns and %d classes, want 20000 and 15000 of 4 and none", train.Len(),
			test.Len(), len(train.Columns()), len(train.Classes()))
	}
	low, high, mean, fourth := 1.0, 0.0, 0.0, 0.0
	for j := range 4 {
		a, b := deviations(train.sources[j], s.Length), deviations(test.sources[j], s.Held)
		for i := range a {
			low, high, mean = min(low, a[i]), max(high, a[i]), mean+a[i]/200
			if math.Abs(a[i]-b[i]) > 0.4*a[i] { // five deviations of what 300 rows say
				t.Errorf("source %d has deviation %.3f in the training rows of segment %d and %.3f in the test's",
					j, a[i], i, b[i])
			}
			for _, v := range train.sources[j][i*s.Length : (i+1)*s.Length] {
				fourth += math.Pow(v/a[i], 4) / 80000
			}
		}
	}
	if low > 0.05 || high < 0.95 || high > 1.3 || math.Abs(mean-0.5) > 0.1 {
		t.Errorf("deviations from %.3f to %.3f, mean %.3f; want 0 to 1, and about 0.5", low, high, mean)
	}
	if math.Abs(fourth-6) > 0.5 {
		t.Errorf("the fourth moment is %.2f, want Laplace's 6", fourth)
	}
	row, own := make([]float64, 4), make([]float64, 4)
	for i := range train.Len() {
		if err := train.Row(i, row); err != nil {
			t.Fatal(err)
		}
		train.Source(i, own)
		x, y := 0.0, 0.0
		for j := range row {
			x, y = x+row[j]*row[j], y+own[j]*own[j]
		}
		if math.Abs(x-y) > 1e-9*y {
			t.Fatalf("row %d has square %v, its sources %v: a rotation keeps it", i, x, y)
		}
	}
}

// The mixture is the layers' by plain loops, and what is drawn depends on the seed alone.
func TestModulatedMixes(t *testing.T) {
	x := mix([][]float64{{0, 1, -1, 0}, {1, 2, 3, 4}}, []float64{2, 5}) // leaky(5, -2) = 5, -0.4
	if want := []float64{5 - 0.8, 15 - 1.6}; math.Abs(x[0]-want[0]) > 1e-12 || math.Abs(x[1]-want[1]) > 1e-12 {
		t.Errorf("mixed to %v, want %v", x, want)
	}
	first := func(seed uint64) []float64 {
		s := NewModulated()
		s.Length, s.Held, s.Seed = 2, 1, seed
		train, _ := openModulated(t, s)
		return train.cells[0]
	}
	if !slices.Equal(first(1), first(1)) || slices.Equal(first(1), first(2)) {
		t.Error("want the same rows of the same seed and others of another")
	}
}

func TestModulatedRefuses(t *testing.T) {
	s := NewModulated()
	s.Layers = 0
	if _, err := s.Open(datasets.Env{}); err == nil || !strings.Contains(err.Error(), "layers: 0: want at least 1") {
		t.Errorf("got %v, want a word about layers", err)
	}
}
