package envs

import (
	"fmt"
	"strings"

	"selfsup/datasets"
)

// Side is the height and the width of an observation, in pixels.
const Side = 32

// A state is the numbers that an environment is at: the episode's key, which seeds what is drawn in it, the steps
// since it began, how many of them did nothing, and what the world adds.
type state []int32

// Places of a state that every world has.
const (
	keyAt = iota
	timeAt
	stayedAt
	common
)

func (s state) key() uint64 { return uint64(uint32(s[keyAt])) }
func (s state) time() int   { return int(s[timeAt]) }
func (s state) stayed() int { return int(s[stayedAt]) }

// stay names the action that does nothing.
const stay = "stay"

// advance moves a state on by an action, and counts it.
func advance(w world, s state, action int) (reward float64, terminal bool) {
	reward, terminal = w.step(s, action)
	s[timeAt]++
	if w.actions()[action] == stay {
		s[stayedAt]++
	}
	return reward, terminal
}

// world is the rules of an environment. Everything is a function of the state and the action, so that states are all
// that has to be kept.
type world interface {
	actions() []string
	size() int  // numbers of a state behind the common ones
	limit() int // steps after which an episode ends that has come to no end of its own
	start(s state, r *datasets.Rand)
	// step moves s on, and says whether that is an end: what comes is worth nothing
	step(s state, action int) (reward float64, terminal bool)
	draw(s state, c *canvas)
	truth(s state, dst []float64) // the sources, each from 0 to 1
	sources() []string
	expert(s state) int
	words(s state) string // what is to be done
}

// worlds are the environments by name.
var worlds = map[string]func(e *Envs) world{
	"reach": func(e *Envs) world { return reach{e.Near} },
	"catch": func(*Envs) world { return catch{} },
	"maze":  func(e *Envs) world { return newMaze(e.Far) },
}

// checkAction refuses what is no action of a world.
func checkAction(name string, w world, action int) error {
	all := w.actions()
	if action >= 0 && action < len(all) {
		return nil
	}
	var list []string
	for i, a := range all {
		list = append(list, fmt.Sprintf("%d %s", i, a))
	}
	return fmt.Errorf("envs: %s has no action %d; its actions are %s", name, action, strings.Join(list, ", "))
}

// colour is red, green and blue.
type colour [3]byte

// canvas is an observation while it is drawn, [Side,Side,3].
type canvas struct{ pix []byte }

// box fills the pixels of a rectangle, cut to the canvas.
func (c *canvas) box(x, y, w, h int, p colour) {
	for v := max(y, 0); v < min(y+h, Side); v++ {
		row := c.pix[3*(v*Side+max(x, 0)) : 3*(v*Side+max(min(x+w, Side), x, 0))]
		for i := 0; i+2 < len(row); i += 3 {
			row[i], row[i+1], row[i+2] = p[0], p[1], p[2]
		}
	}
}

// compass is the moves of actions 1 to 4, after the one that stays: up, down, left, right.
var compass = [5][2]int{{0, 0}, {0, -1}, {0, 1}, {-1, 0}, {1, 0}}

var compassNames = []string{stay, "up", "down", "left", "right"}

func clamp(v, most int) int { return max(0, min(v, most)) }

// share is v of n as a source has it.
func share(v int32, n int) float64 { return float64(v) / float64(n) }
