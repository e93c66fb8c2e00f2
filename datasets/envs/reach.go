package envs

import (
	"fmt"

	"selfsup/datasets"
)

// reach is a point that is to be brought to a target: cells of 3 pixels, nothing between them. Reaching the target is
// worth 1 and ends the episode; each step before costs 0.02, or, where it is near, the steps that are left over the
// longest way.
type reach struct{ near bool }

const (
	reachCells = 9    // a side
	reachCell  = 3    // pixels
	reachEdge  = 2    // pixels before the first cell
	stepCost   = 0.02 // of reach and maze
)

func (reach) actions() []string { return compassNames }
func (reach) size() int         { return 4 } // x, y of the point, x, y of the target
func (reach) limit() int        { return 30 }
func (reach) sources() []string { return []string{"x", "y", "target x", "target y"} }

func (reach) start(s state, r *datasets.Rand) {
	p := s[common:]
	for {
		for i := range 4 {
			p[i] = int32(r.Intn(reachCells))
		}
		if p[0] != p[2] || p[1] != p[3] {
			return
		}
	}
}

func (w reach) step(s state, action int) (float64, bool) {
	p, d := s[common:], compass[action]
	p[0], p[1] = int32(clamp(int(p[0])+d[0], reachCells-1)), int32(clamp(int(p[1])+d[1], reachCells-1))
	if p[0] == p[2] && p[1] == p[3] {
		return 1, true
	}
	if w.near {
		left := max(p[0]-p[2], p[2]-p[0]) + max(p[1]-p[3], p[3]-p[1])
		return -float64(left) / (2 * (reachCells - 1)), false
	}
	return -stepCost, false
}

func (reach) draw(s state, c *canvas) {
	p := s[common:]
	at := func(v int32) int { return reachEdge + reachCell*int(v) }
	c.box(at(p[2]), at(p[3]), reachCell, reachCell, colour{230, 60, 50})
	c.box(at(p[0]), at(p[1]), reachCell, reachCell, colour{240, 230, 120})
}

func (reach) truth(s state, dst []float64) {
	for i := range 4 {
		dst[i] = share(s[common+i], reachCells-1)
	}
}

// expert goes along the longer way first.
func (reach) expert(s state) int {
	p := s[common:]
	dx, dy := p[2]-p[0], p[3]-p[1]
	switch {
	case dx*dx >= dy*dy && dx > 0:
		return 4
	case dx*dx >= dy*dy && dx < 0:
		return 3
	case dy > 0:
		return 2
	case dy < 0:
		return 1
	}
	return 0
}

func (reach) words(s state) string {
	return "reach the target " + place(s[common+2], s[common+3], reachCells)
}

// place names a third of a field in each direction.
func place(x, y int32, cells int) string {
	third := func(v int32) int { return int(v) * 3 / cells }
	return fmt.Sprintf("%s %s", []string{"top", "middle", "bottom"}[third(y)],
		[]string{"left", "centre", "right"}[third(x)])
}
