package graph

import "math"

// Constantly is a setting that does not change.
func Constantly(v float64) Schedule { return func(int, int) float64 { return v } }

// WarmupCosine rises linearly from 0 to peak over the first warmup steps and then falls as half a cosine towards final, which the step
// after the last would reach. With t from 0: peak*t/warmup, then final + (peak-final)*(1+cos(pi (t-warmup)/(total-warmup)))/2.
//
// Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5 with one cycle; the form of MAE's and VICReg's code, which start at 0 too.
func WarmupCosine(peak, final float64, warmup func(total int) int) Schedule {
	return func(step, total int) float64 {
		w := warmup(total)
		if step < w {
			return peak * float64(step) / float64(w)
		}
		t := float64(step-w) / float64(max(total-w, 1))
		return final + (peak-final)*(1+math.Cos(math.Pi*min(t, 1)))/2
	}
}

// CosineRamp goes from one value to another along half a cosine: BYOL's momentum, with t from 0 to total:
// to - (to-from)*(cos(pi t/total)+1)/2. Grill et al. 2020, arXiv:2006.07733, section 3.2.
func CosineRamp(from, to float64) Schedule {
	return func(step, total int) float64 {
		return to - (to-from)*(math.Cos(math.Pi*float64(step)/float64(max(total, 1)))+1)/2
	}
}
