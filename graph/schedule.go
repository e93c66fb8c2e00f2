package graph

import "math"

// Time is where a training stands. Schedules and random numbers depend on it alone, so a resumed training goes on with
// the same ones.
type Time struct {
	Step     int // that comes next, counted from 0
	Steps    int // of the whole training
	PerEpoch int // steps of an epoch; 0 where nobody counts epochs
	Part     int // of a step that is done in parts, see optim.Training, counted from 0
	Parts    int // 0 is one
}

// Draw numbers the draws of a training: one a step, or one a part of a step.
func (t Time) Draw() int { return t.Step*max(t.Parts, 1) + t.Part }

// Schedule is a setting that changes with time.
type Schedule func(t Time) float64

// Constantly is a setting that does not change.
func Constantly(v float64) Schedule { return func(Time) float64 { return v } }

// Warmup rises linearly from 0 to peak over the first warmup steps, peak*t/warmup with t from 0, and is then what then
// says.
func Warmup(peak float64, warmup func(t Time) int, then Schedule) Schedule {
	return func(t Time) float64 {
		if w := warmup(t); t.Step < w {
			return peak * float64(t.Step) / float64(w)
		}
		return then(t)
	}
}

// CosineFall falls from peak as half a cosine towards final, from step s = from on: final + (peak-final)*(1+cos(pi
// (t-s)/(total-s)))/2. The step after the last would reach final.
//
// Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5 with one cycle; the form of MAE's and VICReg's code, which start
// at 0 too.
func CosineFall(peak, final float64, from func(t Time) int) Schedule {
	return func(t Time) float64 { return final + (peak-final)*(1+math.Cos(math.Pi*t.since(from(t))))/2 }
}

// LinearFall falls from peak in a straight line towards final, from step s = from on: peak - (peak-final)*(t-s)/
// (total-s). The step after the last would reach final. BERT's, arXiv:1810.04805, appendix A.2.
func LinearFall(peak, final float64, from func(t Time) int) Schedule {
	return func(t Time) float64 { return peak + (final-peak)*t.since(from(t)) }
}

// since is the part of the steps from step from to the end that has been taken, 0 before from and at most 1.
func (t Time) since(from int) float64 {
	return min(1, max(0, float64(t.Step-from)/float64(max(t.Steps-from, 1))))
}

// Drops is peak, multiplied by factor once for each of the steps at that has come: MultiStepLR of PyTorch.
func Drops(peak, factor float64, at func(t Time) []int) Schedule {
	return func(t Time) float64 {
		rate := peak
		for _, step := range at(t) {
			if t.Step >= step {
				rate *= factor
			}
		}
		return rate
	}
}

// CosineRamp goes from one value to another along half a cosine: BYOL's momentum, with t from 0 to total:
// to - (to-from)*(cos(pi t/total)+1)/2. Grill et al. 2020, arXiv:2006.07733, section 3.2.
func CosineRamp(from, to float64) Schedule {
	return func(t Time) float64 {
		return to - (to-from)*(math.Cos(math.Pi*float64(t.Step)/float64(max(t.Steps, 1)))+1)/2
	}
}

// LinearRamp goes from one value to another in so many steps, both of which it takes, and stays: with t from 0,
// from + (to-from)*t/(steps-1), NumPy's linspace.
func LinearRamp(from, to float64, steps func(t Time) int) Schedule {
	return func(t Time) float64 {
		n := steps(t)
		if t.Step >= n {
			return to
		}
		return from + (to-from)*float64(t.Step)/float64(max(n-1, 1))
	}
}
