// Package movers finds what moves by itself in the frames of a clip, beside what the camera does, without labels.
package movers

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/setting"
)

// Movers is an editor that makes, of the frames of a view [F,H,W,C], the segments of what moves in the frame in their
// middle: moving [H,W], 1 where something does, 0 where nothing does and -1 where that is not clear.
//
// The camera's motion between the middle frame and each other one is the shift, at most Reach, that brings most
// pixels onto their like (the least sum of differences that are capped), between pixels by a parabola. What is left
// between a pixel and the nearest of the 3x3 that it should lie on, averaged over 5x5 pixels, is the residual, and
// its median over the other frames, of two the smaller, tells: a place that something passes in one frame has it in
// that frame alone. Above Moves it moves, below Still it does not; holes are filled, and segments that are too small
// are not clear.
//
// Pathak et al. 2017, arXiv:1612.06370, section 4.1, take uNLC (Faktor and Irani 2014, with optical flow of EpicFlow
// in place of trained parts) over whole shots: more careful, and for cameras that move freely. This is of the same
// kind, for cameras that move sideways before a distant ground.
type Movers struct {
	Reach    float64 `toml:"reach"`    // of the camera between two frames, at most, in sides of the view
	Still    float64 `toml:"still"`    // residual below which nothing moves, in the units of the view: deviations
	Moves    float64 `toml:"moves"`    // residual above which something moves
	Smallest float64 `toml:"smallest"` // segment, as a share of the view
}

// Default is for a quarter of the view's side between two frames.
func Default() Movers { return Movers{Reach: 0.25, Still: 0.1, Moves: 0.3, Smallest: 0.005} }

// Validate checks the settings.
func (m *Movers) Validate() error {
	bad := []error{setting.Within("reach", m.Reach, 0, 0.5), setting.Positive("still", m.Still),
		setting.Within("smallest", m.Smallest, 0, 1)}
	if !(m.Moves >= m.Still) || math.IsInf(m.Moves, 0) {
		bad = append(bad, setting.Bad("moves", "%v: want a number from still = %v on", m.Moves, m.Still))
	}
	return errors.Join(bad...)
}

// Of is the editor for views of a shape [F,H,W,C].
func (m *Movers) Of(shape []int) *Finder { return &Finder{*m, slices.Clone(shape)} }

// Finder is Movers for views of one shape.
type Finder struct {
	Movers
	shape []int
}

// Edits implements feed.Editor.
func (f *Finder) Edits(of []feed.Field) ([]feed.Field, error) {
	if len(of) != 1 || !slices.Equal(of[0].Shape, f.shape) || len(f.shape) != 4 || f.shape[0] < 2 {
		return nil, fmt.Errorf("what moves is found in views of 2 frames or more, and they are %v", of)
	}
	return []feed.Field{{Name: "moving", Shape: f.shape[1:3]}}, nil
}

// Middle is the number of the frame, of so many, whose segments are found.
func Middle(frames int) int { return frames / 2 }

// Edit implements feed.Editor. Nothing is drawn.
func (f *Finder) Edit(to, from []feed.Slot, _ *datasets.Rand) error {
	n, h, w, c := f.shape[0], f.shape[1], f.shape[2], f.shape[3]
	all := from[0].F32
	frame := func(k int) *image { return &image{h, w, c, all[k*h*w*c : (k+1)*h*w*c]} }
	middle := frame(Middle(n))
	residuals := make([][]float64, 0, n-1)
	for k := range n {
		if k == Middle(n) {
			continue
		}
		other := frame(k)
		dx, dy := middle.shift(other, int(math.Ceil(f.Reach*float64(min(h, w)))))
		residuals = append(residuals, blurred(middle.residual(other, dx, dy), h, w))
	}
	f.segment(to[0].F32, residuals, h, w)
	return nil
}

// image is a frame [H,W,C].
type image struct {
	h, w, c int
	pix     []float32
}

// differ is the mean absolute difference of a pixel and one of another image.
func (m *image) differ(at int, o *image, other int) (sum float64) {
	for k := range m.c {
		sum += math.Abs(float64(m.pix[at*m.c+k] - o.pix[other*m.c+k]))
	}
	return sum / float64(m.c)
}

// capped is the difference, in deviations, that counts at most in the search for the camera's motion, so that what
// moves otherwise counts little.
const capped = 0.5

// shift is how far to the right and down another image shows what an image shows, at most reach pixels: that of the
// least mean difference over the pixels that both show.
func (m *image) shift(o *image, reach int) (dx, dy float64) {
	side := 2*reach + 1
	cost := make([]float64, side*side)
	best := 0
	for i := range cost {
		sx, sy := i%side-reach, i/side-reach
		sum, count := 0.0, 0
		for y := max(0, -sy); y < min(m.h, m.h-sy); y++ {
			for x := max(0, -sx) + y%2; x < min(m.w, m.w-sx); x += 2 {
				sum += min(m.differ(y*m.w+x, o, (y+sy)*m.w+x+sx), capped)
				count++
			}
		}
		cost[i] = sum / float64(max(count, 1))
		if cost[i] < cost[best] {
			best = i
		}
	}
	at := func(x, y int) (float64, bool) {
		return cost[min(max(y, 0), side-1)*side+min(max(x, 0), side-1)], x >= 0 && y >= 0 && x < side && y < side
	}
	x, y := best%side, best/side
	vertex := func(ax, ay int) float64 { // of the parabola through three costs
		before, ok1 := at(x-ax, y-ay)
		after, ok2 := at(x+ax, y+ay)
		bend := before - 2*cost[best] + after
		if !ok1 || !ok2 || bend <= 0 {
			return 0
		}
		return min(max((before-after)/(2*bend), -0.5), 0.5)
	}
	return float64(x-reach) + vertex(1, 0), float64(y-reach) + vertex(0, 1)
}

// residual is, of every pixel, the least difference to the 3x3 pixels of another image around where it should be shown
// there; NaN where that is outside.
func (m *image) residual(o *image, dx, dy float64) []float64 {
	out := make([]float64, m.h*m.w)
	for i := range out {
		x, y := int(math.Round(float64(i%m.w)+dx)), int(math.Round(float64(i/m.w)+dy))
		out[i] = math.NaN()
		if x < 0 || y < 0 || x >= m.w || y >= m.h {
			continue
		}
		for v := max(y-1, 0); v <= min(y+1, m.h-1); v++ {
			for u := max(x-1, 0); u <= min(x+1, m.w-1); u++ {
				if d := m.differ(i, o, v*m.w+u); !(d >= out[i]) {
					out[i] = d
				}
			}
		}
	}
	return out
}

// blurred is the mean over 5x5 pixels of those that are known; NaN where the pixel is not.
func blurred(x []float64, h, w int) []float64 {
	out := make([]float64, len(x))
	for i := range out {
		if out[i] = x[i]; x[i] != x[i] {
			continue
		}
		sum, n := 0.0, 0
		for v := max(i/w-2, 0); v <= min(i/w+2, h-1); v++ {
			for u := max(i%w-2, 0); u <= min(i%w+2, w-1); u++ {
				if d := x[v*w+u]; d == d {
					sum, n = sum+d, n+1
				}
			}
		}
		out[i] = sum / float64(n)
	}
	return out
}

// segment writes what the residuals of several frames tell of each pixel.
func (f *Finder) segment(dst []float32, residuals [][]float64, h, w int) {
	for i := range dst {
		var known []float64
		for _, r := range residuals {
			if r[i] == r[i] {
				known = append(known, r[i])
			}
		}
		slices.Sort(known)
		dst[i] = -1
		if n := len(known); n > 0 {
			switch middle := known[(n-1)/2]; {
			case middle > f.Moves:
				dst[i] = 1
			case middle < f.Still:
				dst[i] = 0
			}
		}
	}
	for _, s := range regions(dst, h, w, func(v float32) bool { return v != 1 }) {
		if !s.border { // a hole
			for _, i := range s.pixels {
				dst[i] = 1
			}
		}
	}
	for _, s := range regions(dst, h, w, func(v float32) bool { return v == 1 }) {
		if float64(len(s.pixels)) < f.Smallest*float64(h*w) {
			for _, i := range s.pixels {
				dst[i] = -1
			}
		}
	}
}

// region is pixels that touch each other by their sides.
type region struct {
	pixels []int
	border bool // one of them is at the image's border
}

// regions are those of the pixels that belong.
func regions(x []float32, h, w int, belongs func(v float32) bool) (all []region) {
	seen := make([]bool, len(x))
	for first := range x {
		if seen[first] || !belongs(x[first]) {
			continue
		}
		r := region{pixels: []int{first}}
		seen[first] = true
		for k := 0; k < len(r.pixels); k++ {
			i := r.pixels[k]
			r.border = r.border || i < w || i >= (h-1)*w || i%w == 0 || i%w == w-1
			for _, next := range [4]struct {
				at int
				ok bool
			}{{i - 1, i%w > 0}, {i + 1, i%w < w-1}, {i - w, i >= w}, {i + w, i < (h-1)*w}} {
				if next.ok && !seen[next.at] && belongs(x[next.at]) {
					seen[next.at] = true
					r.pixels = append(r.pixels, next.at)
				}
			}
		}
		all = append(all, r)
	}
	return all
}
