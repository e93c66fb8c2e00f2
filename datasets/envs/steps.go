package envs

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"selfsup/datasets"
)

// steps is a set of steps of episodes; it implements datasets.StepSet. A step is a row of numbers: the episode, the
// action, the reward's bits, whether it was an end, the state before the action and the state after it. Observations
// are drawn when they are asked for.
type steps struct {
	*Envs
	world world
	part  string
	rows  []int32 // [N,width]
	ring  bool    // the row after the last is the first
}

// Places of a row.
const (
	episodeAt = iota
	actionAt
	rewardAt
	terminalAt
	before
)

func (s *steps) width() int { return before + 2*s.state() }
func (s *steps) state() int { return common + s.world.size() }

// row is the numbers of a step.
func (s *steps) row(i int) []int32 {
	w := s.width()
	return s.rows[i*w : (i+1)*w]
}

// act writes the row of an action, moves the state on, and reports whether the episode is over.
func (s *steps) act(i, episode int, now state, action int) (over bool) {
	row, n := s.row(i), s.state()
	copy(row[before:], now)
	reward, terminal := advance(s.world, now, action)
	copy(row[before+n:], now)
	row[episodeAt], row[actionAt], row[terminalAt] = int32(episode), int32(action), 0
	row[rewardAt] = int32(math.Float32bits(float32(reward)))
	if terminal {
		row[terminalAt] = 1
	}
	return terminal || now.time() >= s.world.limit()
}

func (s *steps) at(i int) state    { return s.row(i)[before : before+s.state()] }
func (s *steps) after(i int) state { return s.row(i)[before+s.state():] }

// Len implements datasets.Labelled.
func (s *steps) Len() int { return len(s.rows) / s.width() }

// Label implements datasets.Labelled: the expert's action.
func (s *steps) Label(i int) int { return s.world.expert(s.at(i)) }

// Classes implements datasets.Labelled: the actions.
func (s *steps) Classes() []string { return s.world.actions() }

// Name implements datasets.Labelled.
func (s *steps) Name(i int) string {
	return fmt.Sprintf("%s, %s episode %d, step %d", s.Env, s.part, s.row(i)[episodeAt], s.at(i).time())
}

// Shape implements datasets.Shaped.
func (s *steps) Shape(int) (h, w, c int) { return Side, Side, 3 }

// draw is the observation of a state.
func (e *Envs) draw(w world, now state, dst *datasets.Image) {
	dst.Reshape(Side, Side, 3)
	c := &canvas{dst.Pix}
	background(e.Distractor, e.Strength, now, c)
	w.draw(now, c)
}

// Image implements datasets.Set.
func (s *steps) Image(i int, dst *datasets.Image) error {
	s.draw(s.world, s.at(i), dst)
	return nil
}

// Sum implements datasets.Summed: of the row that the observation is drawn from.
func (s *steps) Sum(i int) (uint32, error) {
	h := crc32.NewIEEE()
	err := binary.Write(h, binary.LittleEndian, s.row(i))
	return h.Sum32(), err
}

// Sources implements datasets.MixedSet.
func (s *steps) Sources() int { return len(s.world.sources()) }

// Source implements datasets.MixedSet: where things are.
func (s *steps) Source(i int, dst []float64) { s.world.truth(s.at(i), dst) }

// SourceNames names the sources.
func (s *steps) SourceNames() []string { return s.world.sources() }

// Actions implements datasets.StepSet.
func (s *steps) Actions() []string { return s.world.actions() }

// next is the place of the row behind row i; -1: there is none.
func (s *steps) next(i int) int {
	if i++; i < s.Len() {
		return i
	}
	if s.ring {
		return 0
	}
	return -1
}

// follows reports whether row j is the step after row i in its episode.
func (s *steps) follows(i, j int) bool {
	return j >= 0 && s.row(i)[episodeAt] == s.row(j)[episodeAt] && s.at(j).time() == s.at(i).time()+1
}

// Step implements datasets.StepSet.
func (s *steps) Step(i int) datasets.Step {
	row := s.row(i)
	st := datasets.Step{Action: int(row[actionAt]), Reward: math.Float32frombits(uint32(row[rewardAt])),
		Terminal: row[terminalAt] != 0, After: 1}
	for j := i; ; st.After++ {
		k := s.next(j)
		if !s.follows(j, k) {
			break
		}
		j = k
	}
	for j := i; ; st.Before++ {
		k := j - 1
		if k < 0 && s.ring {
			k += s.Len()
		}
		if k < 0 || !s.follows(k, j) {
			return st
		}
		j = k
	}
}

// Moved is the place of the step that comes k after step i, which Step says to be there.
func (s *steps) Moved(i, k int) int {
	n := s.Len()
	return ((i+k)%n + n) % n
}

// Result implements datasets.StepSet.
func (s *steps) Result(i int, dst *datasets.Image) error {
	s.draw(s.world, s.after(i), dst)
	return nil
}

// Words implements datasets.StepSet.
func (s *steps) Words(i int) string { return s.world.words(s.at(i)) }

// Facts describes the episodes.
func (s *steps) Facts() []datasets.Fact {
	episodes, reward, last := 0, 0.0, int32(-1)
	for i := range s.Len() {
		row := s.row(i)
		if row[episodeAt] != last {
			episodes, last = episodes+1, row[episodeAt]
		}
		reward += float64(math.Float32frombits(uint32(row[rewardAt])))
	}
	return []datasets.Fact{{Key: "episodes", Value: fmt.Sprint(episodes)},
		{Key: "return", Value: fmt.Sprintf("%.3f an episode", reward/float64(episodes))}}
}
