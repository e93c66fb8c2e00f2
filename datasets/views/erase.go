package views

import (
	"fmt"
	"math"

	"selfsup/datasets"
	"selfsup/datasets/resample"
)

// Erasing are the settings of random erasing, the last step of a view. Zhong et al. 2020, arXiv:1708.04896;
// torchvision's RandomErasing.
type Erasing struct {
	Erase      PerView    `toml:"erase"`       // probability that a rectangle is painted over
	EraseArea  [2]float64 `toml:"erase_area"`  // smallest and largest fraction of the view's area
	EraseRatio [2]float64 `toml:"erase_ratio"` // smallest and largest height / width
	EraseValue []float64  `toml:"erase_value"` // of the normalised view: one number, or one a channel
	EraseNoise bool       `toml:"erase_noise"` // normal noise of every pixel instead of erase_value
}

// erasure is what Erasing drew for a view.
type erasure struct {
	box   resample.Box // empty: nothing
	noise datasets.Rand
}

func (e *Erasing) validate(channels int) error {
	if !e.Erase.any() {
		return nil
	}
	a, q := e.EraseArea, e.EraseRatio
	switch {
	case !(a[0] > 0 && a[0] <= a[1] && a[1] <= 1):
		return fmt.Errorf("erase_area = %v, want [smallest, largest] fraction of the area, above 0 and at most 1", a)
	case !(q[0] > 0 && q[0] <= q[1] && !math.IsInf(q[1], 1)):
		return fmt.Errorf("erase_ratio = %v, want [smallest, largest] height / width, above 0", q)
	case len(e.EraseValue) != 1 && len(e.EraseValue) != channels:
		return fmt.Errorf("erase_value = %v, want one number, or %d, one a channel", e.EraseValue, channels)
	}
	for _, v := range e.EraseValue {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("erase_value = %v, want finite numbers", e.EraseValue)
		}
	}
	return nil
}

// draw tries ten times for a rectangle smaller than the view along both sides; after that nothing is erased.
func (e *Erasing) draw(r *datasets.Rand, view, h, w int) (d erasure) {
	if !r.Chance(e.Erase.At(view)) {
		return d
	}
	lo, hi := math.Log(e.EraseRatio[0]), math.Log(e.EraseRatio[1])
	for range 10 {
		a, q := float64(h*w)*r.Uniform(e.EraseArea[0], e.EraseArea[1]), math.Exp(r.Uniform(lo, hi))
		bh, bw := int(math.RoundToEven(math.Sqrt(a*q))), int(math.RoundToEven(math.Sqrt(a/q)))
		if bh > 0 && bw > 0 && bh < h && bw < w {
			d.box = resample.Box{Top: r.Intn(h - bh + 1), Left: r.Intn(w - bw + 1), Height: bh, Width: bw}
			break
		}
	}
	d.noise = *r
	return d
}

func (e *Erasing) apply(v Pixels, d *erasure) {
	b := d.box
	for y := b.Top; y < b.Top+b.Height; y++ {
		row := v.Pix[(y*v.W+b.Left)*v.C:][:b.Width*v.C]
		for i := range row {
			if e.EraseNoise {
				row[i] = float32(normal(&d.noise))
			} else {
				row[i] = float32(e.EraseValue[i%v.C%len(e.EraseValue)])
			}
		}
	}
}

// normal is a draw from the standard normal distribution (Box and Muller).
func normal(r *datasets.Rand) float64 {
	return math.Sqrt(-2*math.Log(1-r.Float64())) * math.Cos(2*math.Pi*r.Float64())
}
