package claims

import (
	"fmt"

	"selfsup/evaluations"
)

// Verdict says whether measurements bear an expectation out.
type Verdict string

// The verdicts. An expectation that is within the noise is neither shown nor refuted by so many seeds.
const (
	Holds       Verdict = "holds"
	DoesNotHold Verdict = "does not hold"
	WithinNoise Verdict = "within noise"
)

// Judged is an expectation with what was measured.
type Judged struct {
	Expect
	A, B       []float64 // the measure of the better arm and of the worse one, by seed
	Difference float64   // mean of A - B
	Low, High  float64   // its 95 % interval
	Verdict    Verdict
}

// Judge compares the measures of two arms, seed by seed: the interval is Student's of the mean paired difference. It
// wants the same seeds of both, at least two.
func Judge(e Expect, a, b []float64) (*Judged, error) {
	if len(a) != len(b) || len(a) < 2 {
		return nil, fmt.Errorf("claims: %s: %d measurements of %s and %d of %s; want as many of both, at least 2",
			e.Measure, len(a), e.Better, len(b), e.Worse)
	}
	d := make([]float64, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	mean, low, high := evaluations.MeanInterval(d)
	j := &Judged{Expect: e, A: a, B: b, Difference: mean, Low: low, High: high, Verdict: WithinNoise}
	switch {
	case e.Alike && j.Low > -e.Margin && j.High < e.Margin:
		j.Verdict = Holds
	case e.Alike && (j.Low > e.Margin || j.High < -e.Margin):
		j.Verdict = DoesNotHold
	case e.Alike:
	case j.Low > e.Margin:
		j.Verdict = Holds
	case j.High < e.Margin:
		j.Verdict = DoesNotHold
	}
	return j, nil
}

// Together is the verdict of several expectations: all must hold, and one that does not is enough.
func Together(all []*Judged) Verdict {
	verdict := Holds
	for _, j := range all {
		switch {
		case j.Verdict == DoesNotHold:
			return DoesNotHold
		case j.Verdict == WithinNoise:
			verdict = WithinNoise
		}
	}
	return verdict
}
