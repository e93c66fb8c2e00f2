package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"

	"selfsup/graph/device"
	"selfsup/setting"
)

// Segmentation is how well a linear classifier of single places tells the classes of pixels: softmax regression on the
// frozen encoder's last feature map, upsampled to the masks (bilinear), trained to its optimum on pixels of the
// training masks. It measures the intersection over the union of each class on all pixels of the test masks, and the
// mean over the classes that are there. Pixels that belong to no class count nowhere.
//
// The pixels' baseline classifies every pixel by its own colour. As upsampling and a linear classifier commute, scores
// are made at the map's places and upsampled. The setting is the linear evaluation of dense features, such as Ziegler
// and Asano 2022, Leopart, arXiv:2204.13101, section 4.1.
type Segmentation struct {
	AtEnd
	Pixels     int     `toml:"pixels"`     // of each training mask that the classifier learns from, drawn by the seed
	L2         float64 `toml:"l2"`         // strength of the penalty, as of the linear probe
	Iterations int     `toml:"iterations"` // of the fit, at most
	// the fit has converged when no entry of the objective's gradient is larger, in nats
	Tolerance float64 `toml:"tolerance"`
}

// DefaultSegmentation learns from 256 pixels of a mask.
func DefaultSegmentation() *Segmentation {
	return &Segmentation{Pixels: 256, L2: 1e-3, Iterations: 500, Tolerance: 1e-5}
}

// Validate checks the settings.
func (p *Segmentation) Validate() error {
	var bad []error
	if p.Pixels < 1 {
		bad = append(bad, setting.Bad("pixels", "%d: want 1 or more", p.Pixels))
	}
	if !(p.L2 > 0) || math.IsInf(p.L2, 0) {
		bad = append(bad, setting.Bad("l2", "%v: want a number above 0", p.L2))
	}
	if p.Iterations < 1 {
		bad = append(bad, setting.Bad("iterations", "%d: want 1 or more", p.Iterations))
	}
	if !(p.Tolerance > 0) || math.IsInf(p.Tolerance, 0) {
		bad = append(bad, setting.Bad("tolerance", "%v: want a number above 0, such as 1e-5", p.Tolerance))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *Segmentation) Needs() Needs { return Needs{Pixels: p.Pixels} }

// Maps are the feature maps of a test set and the masks that belong to them.
type Maps struct {
	X          []float32 // [M,H,W,F]; nil where the masks alone are needed
	H, W       int       // of a map
	Masks      []byte    // [M,MaskH,MaskW], the classes of pixels
	MaskH      int
	MaskW      int
	Ignored    byte // of a pixel that belongs to no class
	ClassNames []string
}

// Evaluate returns the mean intersection over union, that of every class, and the share of pixels that are right.
func (p *Segmentation) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	m := f.Maps
	if m == nil || m.H*m.W == 0 || len(m.X)%(m.H*m.W*max(f.Dim, 1)) != 0 || len(m.Masks) != len(m.X)/max(m.H*m.W*f.Dim,
		1)*m.MaskH*m.MaskW || len(m.Masks) == 0 {
		return nil, errors.New("evaluate: segmentation: no feature maps with a mask each")
	}
	f.TestX, f.TestY = f.TrainX, f.TrainY // which are checked; the test is the maps
	if err := f.check("segmentation"); err != nil {
		return nil, err
	}
	fit := (&Linear{Standardize: true, L2: []float64{p.L2}, Iterations: p.Iterations, Tolerance: p.Tolerance}).prepare(
		ctx, f, rowsBut(f, nil))
	best, err := fit.fit(p.L2, p.Tolerance)
	if err != nil {
		return nil, err
	}
	counts := make([]confusion, len(m.Masks)/(m.MaskH*m.MaskW))
	device.Parallel(len(counts), func(i int) { counts[i] = m.compare(fit, best.x, i) })
	total := newConfusion(f.Classes)
	for _, c := range counts {
		for i, n := range c {
			total[i] += n
		}
	}
	settings := map[string]any{"pixels": p.Pixels, "l2": p.L2, "iterations": best.iterations,
		"converged": best.converged, "tolerance": p.Tolerance}
	var notes []string
	if !best.converged {
		notes = append(notes, fmt.Sprintf("the fit has not converged: after %d iterations its gradient is %.2g, "+
			"want %.2g", best.iterations, best.slope, p.Tolerance))
	}
	return total.results("segmentation", m.ClassNames, settings, notes)
}

// results turns counts into numbers.
func (c confusion) results(protocol string, names []string, settings map[string]any, notes []string) ([]Result,
	error) {
	one := func(metric string, v float64) Result {
		return Result{Protocol: protocol, Metric: metric, Value: v, Settings: settings, Notes: notes}
	}
	iou, mean, right := c.scores()
	if math.IsNaN(mean) {
		return nil, fmt.Errorf("evaluate: %s: no pixel of the test masks belongs to a class", protocol)
	}
	out := []Result{one("mean_iou", mean)}
	for k, v := range iou {
		if !math.IsNaN(v) {
			out = append(out, one("iou "+names[k], v))
		}
	}
	return append(out, one("pixels", right)), nil
}

// compare counts the pixels of test mask i by their class and by the classifier's.
func (m *Maps) compare(fit *probe, params []float64, i int) confusion {
	dim, classes, places := fit.f.Dim, fit.f.Classes, m.H*m.W
	scores, x := make([]float64, places*classes), make([]float64, dim)
	for at := range places {
		fit.take(x, m.X[(i*places+at)*dim:][:dim], 0, dim)
		fit.softmax.logits(scores[at*classes:(at+1)*classes], params, x)
	}
	out, pixel := newConfusion(classes), make([]float64, classes)
	for y := range m.MaskH {
		for x := range m.MaskW {
			truth := m.Masks[(i*m.MaskH+y)*m.MaskW+x]
			if truth == m.Ignored {
				continue
			}
			clear(pixel)
			for _, c := range Corners(m.H, m.W, m.MaskH, m.MaskW, y, x) {
				for k := range pixel {
					pixel[k] += c.Weight * scores[c.At*classes+k]
				}
			}
			best := 0
			for k, v := range pixel {
				if v > pixel[best] {
					best = k
				}
			}
			out[int(truth)*classes+best]++
		}
	}
	return out
}

// Corner is a place of a map and what it gives to a pixel.
type Corner struct {
	At     int // row-major
	Weight float64
}

// Corners are the four places of a map [h,w] that pixel (y, x) of [toH,toW] is made of by bilinear interpolation,
// pixels being areas and the edge going on outside, as PyTorch's without aligned corners.
func Corners(h, w, toH, toW, y, x int) [4]Corner {
	along := func(at, from, to int) (lo, hi int, share float64) {
		v := math.Max(0, (float64(at)+0.5)*float64(from)/float64(to)-0.5)
		lo = min(int(v), from-1)
		return lo, min(lo+1, from-1), math.Min(v-float64(lo), 1)
	}
	y0, y1, dy := along(y, h, toH)
	x0, x1, dx := along(x, w, toW)
	return [4]Corner{{y0*w + x0, (1 - dy) * (1 - dx)}, {y0*w + x1, (1 - dy) * dx}, {y1*w + x0, dy * (1 - dx)},
		{y1*w + x1, dy * dx}}
}

// confusion counts pixels [C,C]: row their class, column the classifier's.
type confusion []int64

func newConfusion(classes int) confusion { return make(confusion, classes*classes) }

// scores are the intersection over the union of every class, NaN where neither mask nor classifier has any; the mean
// over the others; and the share of pixels that are right.
func (c confusion) scores() (iou []float64, mean, right float64) {
	n := int(math.Sqrt(float64(len(c))))
	var there, all, hit float64
	for k := range n {
		var truth, said int64
		for j := range n {
			truth, said = truth+c[k*n+j], said+c[j*n+k]
		}
		both := c[k*n+k]
		v := float64(both) / float64(truth+said-both)
		iou = append(iou, v)
		if !math.IsNaN(v) {
			mean, there = mean+v, there+1
		}
		all, hit = all+float64(truth), hit+float64(both)
	}
	return iou, mean / there, hit / all
}
