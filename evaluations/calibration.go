package evaluations

import (
	"context"
	"errors"
	"math"

	"selfsup/graph/device"
	"selfsup/setting"
)

// Calibration is how far the confidence of the linear probe is from how often it is right.
//
//	ece    sum over bins b of |b|/M * |accuracy(b) - mean confidence(b)|
//	nll    mean negative log probability of the label, in nats
//	brier  mean squared distance of the probabilities from the one-hot label
//
// Confidence is the largest probability, and bins are of equal width: Guo et al. 2017, arXiv:1706.04599, eq. 3; Brier
// 1950. The probe is that of [evaluate.linear] with the same settings.
type Calibration struct {
	Linear
	Bins int `toml:"bins"` // of the confidence, from 0 to 1
}

// DefaultCalibration has the paper's 15 bins.
func DefaultCalibration() *Calibration { return &Calibration{Linear: *DefaultLinear(), Bins: 15} }

// Validate checks the settings.
func (p *Calibration) Validate() error {
	bad := []error{p.Linear.Validate()}
	if p.Bins < 1 {
		bad = append(bad, setting.Bad("bins", "%d: want 1 or more", p.Bins))
	}
	return errors.Join(bad...)
}

// Evaluate returns ece, nll and brier. Less is better.
func (p *Calibration) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	whole, best, err := p.solve(ctx, f, "calibration")
	if err != nil {
		return nil, err
	}
	probabilities := whole.probabilities(best.x, f.TestX)
	settings := p.settings(best)
	settings["bins"] = p.Bins
	ece, nll, brier := calibration(probabilities, f.TestY, f.Classes, p.Bins)
	classes := f.Classes
	interval := f.bootstrap(len(f.TestY), func(rows []int32) float64 {
		some := make([]float64, 0, len(rows)*classes)
		for _, i := range rows {
			some = append(some, probabilities[int(i)*classes:int(i+1)*classes]...)
		}
		ece, _, _ := calibration(some, at(f.TestY, rows), classes, p.Bins)
		return ece
	})
	var out []Result
	for _, m := range []struct {
		name  string
		value float64
	}{{"ece", ece}, {"nll", nll}, {"brier", brier}} {
		out = append(out, Result{Protocol: "calibration", Metric: m.name, Value: m.value, Settings: settings,
			Notes: p.notes(best), Lower: true})
	}
	out[0].Bootstrap = interval
	return out, nil
}

// calibration measures probabilities [M,C].
func calibration(probabilities []float64, labels []int32, classes, bins int) (ece, nll, brier float64) {
	m := float64(len(labels))
	right, confidence := make([]float64, bins), make([]float64, bins)
	for i, y := range labels {
		row := probabilities[i*classes : (i+1)*classes]
		top := 0
		for c, v := range row {
			if v > row[top] {
				top = c
			}
			hot := 0.0
			if c == int(y) {
				hot = 1
			}
			brier += (v - hot) * (v - hot) / m
		}
		nll -= math.Log(max(row[y], math.SmallestNonzeroFloat64)) / m
		at := min(max(int(math.Ceil(row[top]*float64(bins)))-1, 0), bins-1) // a bin has its upper end
		confidence[at] += row[top]
		if top == int(y) {
			right[at]++
		}
	}
	for b := range right {
		ece += math.Abs(right[b]-confidence[b]) / m
	}
	return ece, nll, brier
}

// probabilities [M,C] of the classes of rows x [M,F].
func (s *softmax) probabilities(params []float64, x []float32) []float64 {
	dim, classes := s.f.Dim, s.f.Classes
	n := len(x) / dim
	out := make([]float64, n*classes)
	device.Parallel((n+softmaxRows-1)/softmaxRows, func(task int) {
		row := make([]float64, dim)
		for i := task * softmaxRows; i < min((task+1)*softmaxRows, n); i++ {
			s.take(row, x[i*dim:(i+1)*dim], 0, dim)
			p := out[i*classes : (i+1)*classes]
			s.logits(p, params, row)
			top, sum := p[0], 0.0
			for _, v := range p {
				top = max(top, v)
			}
			for c, v := range p {
				p[c] = math.Exp(v - top)
				sum += p[c]
			}
			for c := range p {
				p[c] /= sum
			}
		}
	})
	return out
}
