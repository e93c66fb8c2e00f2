package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"selfsup/setting"
)

// Surveyed is what a method tells of every pixel of a frame of each test clip, [M,H,W], and what is true of it.
type Surveyed struct {
	Told   []float32
	Depth  []float32 // true
	Moves  []bool    // by itself
	Pixels int       // of a frame, H*W
}

// check says what keeps a survey from being measured, and how many frames there are.
func (s *Surveyed) check(protocol string) (frames int, err error) {
	if s == nil || s.Pixels < 1 || len(s.Told) == 0 || len(s.Told)%s.Pixels != 0 || len(s.Depth) != len(s.Told) ||
		len(s.Moves) != len(s.Told) {
		return 0, fmt.Errorf("evaluate: %s: no frames of which something is told and true of every pixel", protocol)
	}
	for i, v := range s.Told {
		if v := float64(v); math.IsNaN(v) || math.IsInf(v, 0) {
			return 0, fmt.Errorf("evaluate: %s: pixel %d of frame %d is told to be %v", protocol, i%s.Pixels,
				i/s.Pixels, v)
		}
	}
	return len(s.Told) / s.Pixels, nil
}

// Depth is how wrong the depth is that a method tells of every pixel of the middle frame of each test clip. Of one eye
// the scale is not known: of each frame what is told is brought to the true median.
//
//	abs_rel   mean of |d - d*| / d*
//	rmse      of each frame sqrt(mean (d - d*)^2), the mean over the frames
//	delta     share of the pixels with max(d/d*, d*/d) below 1.25
//
// Beside each is what one depth for all pixels has, the frame's true median (constant ...). Eigen et al. 2014,
// arXiv:1406.2283, section 4.2, with the medians of Zhou et al. 2017, arXiv:1704.07813, section 4.3.
type Depth struct{ AtEnd }

// DefaultDepth has no settings.
func DefaultDepth() *Depth { return &Depth{} }

// Validate checks the settings, of which there are none.
func (p *Depth) Validate() error { return nil }

// Needs implements Protocol.
func (p *Depth) Needs() Needs { return Needs{Surveyed: "depth"} }

// Evaluate returns the errors.
func (p *Depth) Evaluate(_ context.Context, f Features) ([]Result, error) {
	s := f.Surveyed
	frames, err := s.check("depth")
	if err != nil {
		return nil, err
	}
	var own, constant depthErrors
	one := make([]float32, s.Pixels)
	for i := range one {
		one[i] = 1
	}
	for i := range frames {
		told, truth := s.Told[i*s.Pixels:(i+1)*s.Pixels], s.Depth[i*s.Pixels:(i+1)*s.Pixels]
		if slices.Min(told) <= 0 || slices.Min(truth) <= 0 {
			return nil, errors.New("evaluate: depth: a depth of 0 or less")
		}
		own.add(told, truth)
		constant.add(one, truth)
	}
	settings := map[string]any{"frames": frames}
	var out []Result
	for _, r := range []struct {
		name string
		e    depthErrors
	}{{"", own}, {"constant ", constant}} {
		n := float64(frames)
		out = append(out, Result{Protocol: "depth", Metric: r.name + "abs_rel", Value: r.e.relative / n, Lower: true,
			Settings: settings}, Result{Protocol: "depth", Metric: r.name + "rmse", Value: r.e.root / n, Lower: true,
			Settings: settings}, Result{Protocol: "depth", Metric: r.name + "delta", Value: r.e.near / n,
			Settings: settings})
	}
	return out, nil
}

// depthErrors are sums over frames.
type depthErrors struct{ relative, root, near float64 }

// add adds a frame.
func (e *depthErrors) add(told, truth []float32) {
	scale := median(truth) / median(told)
	var relative, squares, near float64
	for i, v := range told {
		d, t := float64(v)*scale, float64(truth[i])
		relative, squares = relative+math.Abs(d-t)/t, squares+(d-t)*(d-t)
		if max(d/t, t/d) < 1.25 {
			near++
		}
	}
	n := float64(len(told))
	e.relative, e.root, e.near = e.relative+relative/n, e.root+math.Sqrt(squares/n), e.near+near/n
}

// median of numbers, which stay as they are.
func median(x []float32) float64 {
	all := slices.Sorted(slices.Values(x))
	n := len(all)
	return (float64(all[(n-1)/2]) + float64(all[n/2])) / 2
}

// Moving is how well a method tells, from the middle frame of each test clip alone, which of its pixels show something
// that moves by itself: the intersection over the union of what it tells, with a probability above one half, and of
// what is true, over all frames (iou); the same of the threshold, of 0.05 to 0.95, that is best (best iou), which also
// measures what is told too weakly; and that of calling everything moving, which no other answer of one kind for all
// pixels passes (constant iou).
type Moving struct{ AtEnd }

// DefaultMoving has no settings.
func DefaultMoving() *Moving { return &Moving{} }

// Validate checks the settings, of which there are none.
func (p *Moving) Validate() error { return nil }

// Needs implements Protocol.
func (p *Moving) Needs() Needs { return Needs{Surveyed: "moving"} }

// Evaluate returns the intersections over unions.
func (p *Moving) Evaluate(_ context.Context, f Features) ([]Result, error) {
	s := f.Surveyed
	frames, err := s.check("moving")
	if err != nil {
		return nil, err
	}
	above := func(threshold float32) float64 {
		both, either := 0, 0
		for i, v := range s.Told {
			if s.Moves[i] && v > threshold {
				both++
			}
			if s.Moves[i] || v > threshold {
				either++
			}
		}
		return float64(both) / float64(max(either, 1))
	}
	best := 0.0
	for k := 1; k < 20; k++ {
		best = max(best, above(float32(k)/20))
	}
	settings := map[string]any{"frames": frames}
	return []Result{{Protocol: "moving", Metric: "iou", Value: above(0.5), Settings: settings},
		{Protocol: "moving", Metric: "best iou", Value: best, Settings: settings},
		{Protocol: "moving", Metric: "constant iou", Value: above(-1), Settings: settings}}, nil
}

// Motion is how much of what is true of the places of a frame a linear map reads off the encoder's last feature map:
// R2 as of State, of the motion to the next frame (right, down; pixels), of its length beside what the camera's motion
// makes of the ground (own speed), and of the logarithm of the depth, each the mean over a place's pixels. The map is
// fitted to places of training frames; a constant has 0. It needs no labels. Of clips it is the middle frame, which
// vit3d sees among the others and per_frame alone: what cannot be told from one frame, such as which way things go, is
// then not there to be read.
type Motion struct {
	AtEnd
	Ridge  float64 `toml:"ridge"`  // added to the variances, which are 1
	Places int     `toml:"places"` // of a frame, drawn by the seed
}

// DefaultMotion reads 16 places of a frame.
func DefaultMotion() *Motion { return &Motion{Ridge: 1e-3, Places: 16} }

// Validate checks the settings.
func (p *Motion) Validate() error {
	return errors.Join(setting.Positive("ridge", p.Ridge), setting.Least("places", p.Places, 1))
}

// Needs implements Protocol.
func (p *Motion) Needs() Needs { return Needs{SurveyedPlaces: p.Places} }

// Evaluate returns the coefficients.
func (p *Motion) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	rs, err := (&State{Ridge: p.Ridge}).Evaluate(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("evaluate: motion: %w", err)
	}
	for i := range rs {
		rs[i].Protocol = "motion"
		rs[i].Settings = map[string]any{"ridge": p.Ridge, "places": p.Places}
	}
	return rs, nil
}

// Camera is how well a method tells from a view of each test clip how the camera has moved in it: R2 as of State, of
// the way to the right and down, and their mean. A constant, such as the mean of what is true, has at most 0.
type Camera struct{ AtEnd }

// DefaultCamera has no settings.
func DefaultCamera() *Camera { return &Camera{} }

// Validate checks the settings, of which there are none.
func (p *Camera) Validate() error { return nil }

// Needs implements Protocol.
func (p *Camera) Needs() Needs { return Needs{Ridden: true} }

// Ridden is the camera's way in each test clip as a method tells it, and as it was, [M,2].
type Ridden struct{ Told, True []float64 }

// Evaluate returns the coefficients.
func (p *Camera) Evaluate(_ context.Context, f Features) ([]Result, error) {
	r := f.Ridden
	if r == nil || len(r.Told) < 4 || len(r.Told)%2 != 0 || len(r.True) != len(r.Told) {
		return nil, errors.New("evaluate: camera: want two clips or more in which the camera's way is told and known")
	}
	settings := map[string]any{"clips": len(r.Told) / 2}
	out := []Result{{Protocol: "camera", Metric: "r2", Settings: settings}}
	for axis, name := range []string{"right", "down"} {
		value := determination(r.True, 2, axis, func(i int) float64 { return r.Told[2*i+axis] })
		out[0].Value += value / 2
		out = append(out, Result{Protocol: "camera", Metric: "r2 of " + name, Value: value, Settings: settings})
	}
	return out, nil
}
