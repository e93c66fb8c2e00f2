package cpu

import (
	"unsafe"

	"selfsup/graph/cpu/kern"
)

// pass is an elementwise kernel that makes new state: before, if there is one, runs once and reads only settings; then
// part runs over any cut of the elements.
type pass struct {
	before func()
	part   func(from, to int)
}

// passes are the kernels that can be run in groups.
var passes = map[string]func(c *call) pass{
	"adam":             passAdam,
	"descend":          passDescend,
	"descend_nesterov": passDescendNesterov,
	"lerp":             passLerp,
	"moment":           passMoment,
	"momentum":         passMomentum,
	"running_stats":    passRunning,
}

// bindPass runs a pass alone.
func bindPass(c *call) func() {
	p := passes[c.spec.Name()](c)
	run := sweep(len(c.y), block, p.part)
	if p.before == nil {
		return run
	}
	return func() {
		p.before()
		run()
	}
}

// group is a run of passes that are done in one walk over memory: all passes of a chain on a piece that stays in the
// cache, then on the next piece, so that an optimiser's moments, its step and the teacher's average read and write each
// number once. What is small is done together, in one task. The results are those of one pass after the other, bit for
// bit.
type group struct{ chains []chain }

// chain is passes over the same n elements, in order: what one writes is nothing to the others, or the same element.
type chain struct {
	n     int
	calls []*call
	areas []area
}

// area is the memory of an operand or a result.
type area struct {
	from, to uintptr
	written  bool
}

func (a area) meets(b area) bool {
	return (a.written || b.written) && a.from < b.to && b.from < a.to
}

func areaOf(x []float32, written bool) area {
	at := uintptr(unsafe.Pointer(unsafe.SliceData(x)))
	return area{at, at + uintptr(4*len(x)), written}
}

// add takes a call in, if it is a pass that may run piece by piece with the others.
func (g *group) add(c *call) bool {
	if passes[c.spec.Name()] == nil || !ours(c.spec) {
		return false
	}
	all := chain{n: len(c.y), areas: []area{areaOf(c.y, true)}}
	for _, x := range c.x {
		all.areas = append(all.areas, areaOf(x, false))
	}
	var kept []chain
	for _, o := range g.chains {
		meets, fits := o.relation(&all)
		if !fits {
			return false
		}
		if meets {
			o.calls = append(o.calls, all.calls...)
			all.calls, all.areas = o.calls, append(all.areas, o.areas...)
		} else {
			kept = append(kept, o)
		}
	}
	all.calls = append(all.calls, c)
	g.chains = append(kept, all)
	return true
}

// relation says whether two chains have memory in common that one of them writes, and whether they may run in one
// group: such memory must be the same elements. Single numbers are left alone, since settings are single numbers that
// all elements read.
func (o *chain) relation(p *chain) (meets, fits bool) {
	fits = true
	for _, a := range o.areas {
		for _, b := range p.areas {
			if a.meets(b) {
				meets = true
				fits = fits && a.from == b.from && a.to == b.to && o.n == p.n && a.to-a.from == uintptr(4*o.n) &&
					o.n > 1
			}
		}
	}
	return meets, fits
}

// piece is how many elements of a chain run through all its passes before the next: with six tensors, some 100 KB. load
// is how many elements of all passes make a task.
const (
	piece = 4 << 10
	load  = 4 * block
)

// bind makes the function that runs the group. The work is cut by the sizes alone.
func (g *group) bind() func() {
	type span struct {
		passes   []pass
		from, to int
	}
	var befores []func()
	var tasks [][]span
	room := 0
	for _, c := range g.chains {
		var ps []pass
		for _, k := range c.calls {
			p := passes[k.spec.Name()](k)
			if ps = append(ps, p); p.before != nil {
				befores = append(befores, p.before)
			}
		}
		for from := 0; from < c.n; from += piece {
			if room <= 0 {
				tasks, room = append(tasks, nil), load
			}
			to := min(from+piece, c.n)
			last := &tasks[len(tasks)-1]
			*last = append(*last, span{ps, from, to})
			room -= (to - from) * len(ps)
		}
	}
	task := func(i int) {
		for _, s := range tasks[i] {
			for _, p := range s.passes {
				p.part(s.from, s.to)
			}
		}
	}
	return func() {
		for _, f := range befores {
			f()
		}
		kern.Run(len(tasks), task)
	}
}

// shares are the calls' parts of the memory that they touch.
func shares(calls []*call) []float64 {
	s := make([]float64, len(calls))
	var all float64
	for i, c := range calls {
		for _, t := range append(c.in[:len(c.in):len(c.in)], c.out) {
			s[i] += float64(t.Shape.Size() * t.DType.Size())
		}
		all += s[i]
	}
	for i := range s {
		s[i] /= all
	}
	return s
}
