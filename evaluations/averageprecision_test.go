package evaluations

import (
	"math"
	"testing"

	"selfsup/datasets"
)

func box(class int, x0, y0, x1, y1 float64) datasets.ClassBox {
	return datasets.ClassBox{Class: class, Box: datasets.Box{X0: x0, Y0: y0, X1: x1, Y1: y1}}
}

// Average precision by hand.
func TestAveragePrecision(t *testing.T) {
	a, b := box(0, 0, 0, 0.4, 0.4), box(0, 0.5, 0.5, 0.9, 0.9)
	away := box(0, 0.6, 0, 0.9, 0.3)
	// of the square a, a strip of it: an intersection over union of 0.75, 0.6 and 0.5
	part := func(share float64) datasets.ClassBox { return box(0, 0, 0, 0.4, 0.4*share) }
	is := func(f datasets.ClassBox, score float64) Found { return Found{f, score} }
	for name, c := range map[string]struct {
		found     []([]Found)
		truth     []([]datasets.ClassBox)
		threshold float64
		want      float64
	}{
		"both are found":        {[][]Found{{is(a, 0.9), is(b, 0.8)}}, [][]datasets.ClassBox{{a, b}}, 0.5, 1},
		"nothing is found":      {[][]Found{{}}, [][]datasets.ClassBox{{a}}, 0.5, 0},
		"one of two":            {[][]Found{{is(a, 0.9)}}, [][]datasets.ClassBox{{a, b}}, 0.5, 51. / 101},
		"a wrong one after it":  {[][]Found{{is(a, 0.9), is(away, 0.8)}}, [][]datasets.ClassBox{{a}}, 0.5, 1},
		"a wrong one before it": {[][]Found{{is(a, 0.8), is(away, 0.9)}}, [][]datasets.ClassBox{{a}}, 0.5, 0.5},
		"a box twice": {[][]Found{{is(a, 0.9), is(a, 0.85), is(b, 0.8)}}, [][]datasets.ClassBox{{a, b}}, 0.5,
			(51 + 50*2./3) / 101},
		"over a half":        {[][]Found{{is(part(0.75), 1)}}, [][]datasets.ClassBox{{a}}, 0.7, 1},
		"below a threshold":  {[][]Found{{is(part(0.6), 1)}}, [][]datasets.ClassBox{{a}}, 0.7, 0},
		"just at it":         {[][]Found{{is(part(0.5), 1)}}, [][]datasets.ClassBox{{a}}, 0.5, 1},
		"of another class":   {[][]Found{{is(box(1, 0, 0, 0.4, 0.4), 1)}}, [][]datasets.ClassBox{{a}}, 0.5, 0},
		"in the other image": {[][]Found{{}, {is(a, 1)}}, [][]datasets.ClassBox{{a}, {}}, 0.5, 0},
		"scores across images": {[][]Found{{is(away, 0.9)}, {is(a, 0.95)}}, [][]datasets.ClassBox{{a}, {a}}, 0.5,
			51. / 101},
		"precision rises again": {[][]Found{{is(away, 0.9), is(a, 0.8), is(b, 0.7)}}, [][]datasets.ClassBox{{a, b}},
			0.5,
			2. / 3},
		"the better box chooses": {[][]Found{{is(part(0.6), 0.9), is(a, 0.8)}}, [][]datasets.ClassBox{{a}}, 0.5, 1},
	} {
		if got := averagePrecision(c.found, c.truth, 1, []float64{c.threshold})[0][0]; math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	// a strip of 0.75 counts at the thresholds .5 to .75: at six of ten
	got := averagePrecision([][]Found{{is(part(0.76), 1)}}, [][]datasets.ClassBox{{a}}, 2, overlaps())
	sum := 0.0
	for _, of := range got {
		sum += of[0]
		if !math.IsNaN(of[1]) {
			t.Errorf("a class without any box has %v", of[1])
		}
	}
	if sum != 6 {
		t.Errorf("a box of 0.76 counts at %v of ten thresholds, want 6", sum)
	}
}

// More than a hundred boxes of a class in an image do not count.
func TestMostFound(t *testing.T) {
	a := box(0, 0, 0, 0.4, 0.4)
	var found []Found
	for i := range 100 {
		found = append(found, Found{box(0, 0.5, 0.5, 0.6, 0.6), 1 - float64(i)/1000})
	}
	if got := averagePrecision([][]Found{append(found, Found{a, 0.1})}, [][]datasets.ClassBox{{a}}, 1,
		[]float64{0.5})[0][0]; got != 0 {
		t.Errorf("the 101st box counts: %v", got)
	}
	if got := averagePrecision([][]Found{append(found[1:], Found{a, 0.1})}, [][]datasets.ClassBox{{a}}, 1,
		[]float64{0.5})[0][0]; math.Abs(got-0.01) > 1e-12 {
		t.Errorf("with the 100th box %v, want 0.01", got)
	}
}
