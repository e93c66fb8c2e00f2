package experiment

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"selfsup/methods"
)

// An alarm is heard after a tenth of the training, where its number stays within bounds for three lines in a row, and
// not again.
func TestAlarms(t *testing.T) {
	list := []methods.Alarm{methods.Collapsed("do this"), methods.Guessing("loss", 8, "do that")}
	chance := math.Log(8)
	for name, c := range map[string]struct {
		spread, loss []float64
		want         string // numbers that are warned of, with their steps
	}{
		"healthy":           {[]float64{0.5, 0.4, 0.3, 0.4, 0.5}, []float64{2, 1.9, 1.8, 1.7, 1.6}, ""},
		"collapsed at once": {[]float64{0.001, 0.001, 0.001, 0.001, 0.001}, []float64{2, 2, 2, 2, 2}, "spread@40"},
		"collapses":         {[]float64{0.5, 0.001, 0.001, 0.001, 0.001}, []float64{2, 2, 2, 2, 2}, "spread@40"},
		"dips":              {[]float64{0.5, 0.001, 0.001, 0.5, 0.001}, []float64{2, 2, 2, 2, 2}, ""},
		"guesses": {[]float64{0.5, 0.5, 0.5, 0.5, 0.5}, []float64{2, 2, chance, chance * 0.999, chance * 1.001},
			"loss@50"},
	} {
		var a alarms
		var got []string
		for i := range c.spread {
			done := 10 * (i + 1)
			means := map[string]float64{"spread": c.spread[i], "loss": c.loss[i]}
			for _, w := range a.heard(list, means, done, 150) { // a tenth is step 15
				got = append(got, w.About+"@"+string(rune('0'+w.Step/10))+"0")
				if !strings.Contains(w.Text, "do th") {
					t.Errorf("%s: the warning %q does not say what helps", name, w.Text)
				}
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: warned of %q, want %q", name, got, c.want)
		}
	}
}

// The effective rank of features that fill k directions evenly is k, whatever their mean; the deviation is a share of
// their length.
func TestSpectrum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const n, dim = 400, 12
	for _, c := range []struct {
		directions  int
		mean, scale float64
		warns       string
	}{
		{12, 0, 1, ""}, {6, 0, 1, ""}, {6, 2, 1, ""}, {1, 0, 1, "effective rank"}, {1, 3, 1, "effective rank"},
		{12, 5, 0.01, "deviation"}, {12, 1, 0, "deviation"},
	} {
		x := make([]float32, n*dim)
		for i := range n {
			for k := range dim {
				x[i*dim+k] = float32(c.mean)
				if k < c.directions {
					x[i*dim+k] += float32(c.scale * (r.Float64() - 0.5) * math.Sqrt(12)) // variance 1
				}
			}
		}
		rank, deviation := spectrum(x, dim)
		if want := float64(c.directions); c.scale > 0 && math.Abs(rank-want) > 0.05*want {
			t.Errorf("%+v: effective rank %v", c, rank)
		}
		varied := float64(c.directions) * c.scale * c.scale
		want := math.Sqrt(varied / (varied + dim*c.mean*c.mean))
		if math.Abs(deviation-want) > 0.03 {
			t.Errorf("%+v: deviation %v, want %v", c, deviation, want)
		}
		got := spectrumWarning(x, dim)
		if c.warns == "" && got != "" || !strings.Contains(got, c.warns) {
			t.Errorf("%+v: warned %q, want %q", c, got, c.warns)
		}
	}
	wide := make([]float32, 10*40) // fewer samples than dimensions: ten in general position span nine directions
	for i := range wide {
		wide[i] = float32(r.NormFloat64())
	}
	if rank, _ := spectrum(wide, 40); rank < 8 || rank > 9 {
		t.Errorf("ten random samples of 40 dimensions have the effective rank %v, want 8 to 9", rank)
	}
}
