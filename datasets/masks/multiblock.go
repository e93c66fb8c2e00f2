package masks

import (
	"fmt"
	"math"

	"selfsup/datasets"
)

// MultiBlock draws a context block and several target blocks. Plane 0 is the context, what the encoder sees, without
// the targets; planes 1 and on are the targets, what is predicted, and may overlap; 1 is in the block. Assran et al.
// 2023, I-JEPA, arXiv:2301.08243, section 3 and appendix A.
//
// As in the authors' code the blocks of a step are of one size, whose fraction and shape one number decides together;
// blocks are less high and less wide than the grid, and a context of fewer than LeastContext tokens is drawn again;
// after every twenty such draws one more target, from the last, may stay in the context. The code's blocks never touch
// the last row and column, for how it counts places; here they do.
type MultiBlock struct {
	Targets      int        `toml:"targets"`       // blocks
	TargetScale  [2]float64 `toml:"target_scale"`  // smallest and largest fraction of the tokens
	TargetAspect [2]float64 `toml:"target_aspect"` // smallest and largest height / width
	ContextScale [2]float64 `toml:"context_scale"` // the same as target_scale, of a square
	LeastContext int        `toml:"least_context"` // tokens
}

// DefaultMultiBlock has I-JEPA's values.
func DefaultMultiBlock() *MultiBlock {
	return &MultiBlock{Targets: 4, TargetScale: [2]float64{0.15, 0.2}, TargetAspect: [2]float64{0.75, 1.5},
		ContextScale: [2]float64{0.85, 1}, LeastContext: 10}
}

// Validate implements Kind.
func (m *MultiBlock) Validate(g Grid) error {
	scale := func(s [2]float64) bool { return s[0] > 0 && s[0] <= s[1] && s[1] <= 1 }
	switch {
	case g.Frames != 1:
		return fmt.Errorf("multi-block: a grid of %s tokens, want one frame", g)
	case m.Targets < 1 || m.Targets > 64:
		return fmt.Errorf("multi-block: targets = %d, want 1 to 64", m.Targets)
	case !scale(m.TargetScale) || !scale(m.ContextScale):
		return fmt.Errorf("multi-block: target_scale = %v, context_scale = %v, want [smallest, largest], above "+
			"0 and at most 1", m.TargetScale, m.ContextScale)
	case !(m.TargetAspect[0] > 0 && m.TargetAspect[0] <= m.TargetAspect[1]) || math.IsInf(m.TargetAspect[1], 1):
		return fmt.Errorf("multi-block: target_aspect = %v, want [smallest, largest] height / width, above 0",
			m.TargetAspect)
	}
	if least := shape(g, m.ContextScale[0], 1); m.LeastContext < 1 || m.LeastContext > least.h*least.w {
		return fmt.Errorf("multi-block: least_context = %d, want 1 to %d, the smallest context of a grid of %s",
			m.LeastContext, least.h*least.w, g)
	}
	return nil
}

// Planes implements Kind.
func (m *MultiBlock) Planes() int { return 1 + m.Targets }

// sizesOfBlocks is how many sizes there are between the smallest and the largest.
const sizesOfBlocks = 1024

// sizes are the blocks of a step by a number in [0,1] each, of which the first decides scale and aspect of the targets.
func (m *MultiBlock) sizes(g Grid, target, context float64) (t, c block) {
	at := func(r [2]float64, u float64) float64 { return r[0] + u*(r[1]-r[0]) }
	return shape(g, at(m.TargetScale, target), at(m.TargetAspect, target)), shape(g, at(m.ContextScale, context), 1)
}

// Most is the most tokens that a target and a context can have on a grid.
func (m *MultiBlock) Most(g Grid) (target, context int) {
	for i := range sizesOfBlocks {
		u := float64(i) / (sizesOfBlocks - 1)
		t, c := m.sizes(g, u, u)
		target, context = max(target, t.h*t.w), max(context, c.h*c.w)
	}
	return target, context
}

// Draw implements Kind.
func (m *MultiBlock) Draw(dst []uint8, g Grid, step, r *datasets.Rand, _ *Scratch) {
	number := func() float64 { return float64(step.Intn(sizesOfBlocks)) / (sizesOfBlocks - 1) }
	target, context := m.sizes(g, number(), number())
	m.draw(dst, g, target, context, func(b block) block { return b.anywhere(g, r) })
}

// draw puts blocks where place says.
func (m *MultiBlock) draw(dst []uint8, g Grid, target, context block, place func(b block) block) {
	n := g.Tokens()
	for t := range m.Targets {
		place(target).paint(dst[(1+t)*n:(2+t)*n], g.Columns)
	}
	const tries = 20
	for try := 0; ; try++ {
		clear(dst[:n])
		place(context).paint(dst[:n], g.Columns)
		for t := range max(m.Targets-try/tries, 0) {
			for i, v := range dst[(1+t)*n : (2+t)*n] {
				dst[i] &^= v
			}
		}
		if count(dst[:n]) >= m.LeastContext {
			return
		}
	}
}

// shape is a block of a fraction of the grid with a ratio height / width, less high and less wide than the grid.
func shape(g Grid, scale, aspect float64) block {
	area := math.Floor(float64(g.Tokens()) * scale)
	side := func(v float64, most int) int { return max(min(int(math.RoundToEven(math.Sqrt(v))), most-1), 1) }
	return block{h: side(area*aspect, g.Rows), w: side(area/aspect, g.Columns)}
}

// anywhere puts a block at a uniform place.
func (b block) anywhere(g Grid, r *datasets.Rand) block {
	b.top, b.left = r.Intn(g.Rows-b.h+1), r.Intn(g.Columns-b.w+1)
	return b
}
