package graph

import (
	"fmt"
	"runtime/debug"

	"selfsup/graph/ir"
	"selfsup/graph/plan"
)

// Memory counts the bytes of a program: all that it allocates for its steps, and the entries of the Store that it
// works on. What else a process holds (data, views, the Go runtime) is not part of it.
type Memory struct {
	Temporaries int64 // the arena
	Scratch     int64 // working memory of kernels; grows with the number of threads
	State       int64 // of the Store: parameters, the optimiser's moments, teachers, statistics
	Inputs      int64 // and constants
}

// Total is all of it.
func (m Memory) Total() int64 { return m.Temporaries + m.Scratch + m.State + m.Inputs }

// Memory counts the bytes that the program has allocated.
func (p *Program) Memory() Memory { return p.memory }

// MemoryError is a limit that a program does not fit.
type MemoryError struct {
	Limit int64
	Least Memory // with as little kept as can be; a limit of Least.Total() can be met
}

func (e *MemoryError) Error() string {
	mb := func(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/(1<<20)) }
	return fmt.Sprintf("the step needs at least %s (temporaries %s, scratch %s, state %s, inputs %s), the limit is %s",
		mb(e.Least.Total()), mb(e.Least.Temporaries), mb(e.Least.Scratch), mb(e.Least.State), mb(e.Least.Inputs),
		mb(e.Limit))
}

// plan plans the lowered program p for a backend, within a limit if it is not 0.
func (g *Graph) plan(p *ir.Program, b ir.Backend, limit int64) (*ir.Program, Memory, error) {
	options := plan.Options{Supports: b.Supports}
	if n, ok := b.(ir.Narrower); ok {
		options.Narrows = n.Narrows
	}
	if l, ok := b.(ir.Later); ok {
		options.Late = l.UpdatesLast()
	}
	if err := plan.Plan(p, options); err != nil {
		return nil, Memory{}, err
	}
	if err := lacking(p, b); err != nil {
		return nil, Memory{}, err
	}
	m := memoryOf(p, b)
	if limit == 0 || m.Total() <= limit {
		return p, m, nil
	}
	p, _, err := g.lower()
	if err != nil {
		return nil, m, err
	}
	// Scratch is known once operations are fused. Those that run again are among them, and need no more.
	options.Limit = int(max(1, limit-(m.Total()-m.Temporaries)))
	if err := plan.Plan(p, options); err != nil {
		return nil, m, err
	}
	if m = memoryOf(p, b); m.Total() > limit {
		return nil, m, &MemoryError{limit, m}
	}
	debug.FreeOSMemory() // the plans that were tried, before the arena is taken
	return p, m, nil
}

func memoryOf(p *ir.Program, b ir.Backend) Memory {
	m := Memory{Temporaries: int64(p.Arena)}
	if s, ok := b.(ir.Scratcher); ok {
		m.Scratch = int64(s.Scratch(p))
	}
	for _, v := range p.Bufs {
		switch n := int64(v.Shape.Size() * v.DType.Size()); v.Class {
		case ir.State:
			m.State += n
		case ir.Input, ir.Const:
			m.Inputs += n
		}
	}
	return m
}
