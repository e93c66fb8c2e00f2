package plan

import (
	"slices"
	"sort"

	"selfsup/graph/ir"
)

// recompute shrinks the arena to limit bytes, or as far as it can: of the values that are kept over the instruction
// where memory is fullest, it makes one at a time again just before its readers behind that, largest and longest kept
// first, as long as that lowers the peak. Only operations that say they are cheap run twice, and the numbers are the
// same bits. What is chosen does not depend on the limit, only where it stops does: an arena that one limit leads to is
// a limit that can be met. 0 is no limit.
func recompute(p *ir.Program, limit int) error {
	if limit == 0 {
		return nil
	}
	now, err := outline(p)
	if err != nil {
		return err
	}
	best := now
	tried := map[int]bool{} // values that it did not help to make again
	for best.planned.Arena > limit {
		next, err := now.better(tried)
		if err != nil {
			return err
		}
		if next == nil {
			break
		}
		now = next
		if now.planned.Arena < best.planned.Arena {
			best = now
		}
	}
	*p = *best.p
	return nil
}

// sketch is a scheduled program with the memory that it would take.
type sketch struct {
	p, planned *ir.Program
	at         int   // the place of the peak among p's instructions
	live       []int // the roots that live there
	peak       int   // bytes
}

func outline(p *ir.Program) (*sketch, error) {
	s := &sketch{p: p, planned: clone(p)}
	for _, pass := range []func(*ir.Program) error{alias, arena} {
		if err := pass(s.planned); err != nil {
			return nil, err
		}
	}
	var at int
	if at, s.live, s.peak = Peak(s.planned); len(s.planned.Instrs) > 0 {
		out := s.planned.Instrs[at].Out
		s.at = slices.IndexFunc(p.Instrs, func(in ir.Instr) bool { return in.Out == out })
	}
	return s, nil
}

// better is a program that makes one more value again and needs less memory for it; nil if there is none.
func (s *sketch) better(tried map[int]bool) (*sketch, error) {
	u := usesOf(s.p)
	for _, v := range s.candidates(u) {
		if tried[v] {
			continue
		}
		next, err := outline(again(s.p, u, v, s.at))
		if err != nil {
			return nil, err
		}
		if next.over(s.peak) < s.over(s.peak) {
			return next, nil
		}
		tried[v] = true
	}
	return nil, nil
}

// over is how much memory is above nine tenths of peak, in byte-instructions. It falls with every step towards a lower
// peak, also where several instructions share that.
func (s *sketch) over(peak int) int {
	sum := 0
	for _, live := range liveBytes(s.planned) {
		if live > peak {
			return int(^uint(0) >> 1) // it rose
		}
		sum += max(0, live-peak/10*9)
	}
	return sum
}

// candidates are the values that are kept over the peak and could be made again, the most promising first.
func (s *sketch) candidates(u *uses) []int {
	held := map[int]bool{}
	for _, r := range s.live {
		held[r] = true
	}
	type candidate struct{ buf, gain int }
	var cs []candidate
	for i, in := range s.p.Instrs[:s.at] {
		if _, ok := in.Spec.(ir.Cheap); !ok || u.pinned[in.Out] || u.last[in.Out] <= s.at ||
			!held[s.planned.Bufs[in.Out].Root] {
			continue
		}
		early, late := i, 0
		for _, r := range u.readers(in.Out) {
			if r.instr <= s.at {
				early = r.instr
			} else if late == 0 {
				late = r.instr
			}
		}
		cs = append(cs, candidate{in.Out, size(s.p, in.Out) * (late - early)})
	}
	sort.SliceStable(cs, func(a, b int) bool { return cs[a].gain > cs[b].gain })
	vs := make([]int, len(cs))
	for i, c := range cs {
		vs[i] = c.buf
	}
	return vs
}

// again is the program in which the readers of v behind instruction at read a v made anew, just before the first of
// them. What it is made of is made anew too where it would not live that long and is cheap, and lives longer where not.
func again(old *ir.Program, u *uses, v, at int) *ir.Program {
	p := clone(old)
	late := slices.DeleteFunc(u.readers(v), func(r use) bool { return r.instr <= at })
	m := maker{p: p, u: u, at: late[0].instr, made: map[int]int{}}
	m.repeat(v)
	for _, r := range late {
		p.Instrs[r.instr].In[r.operand] = m.operand(old.Instrs[r.instr].In[r.operand])
	}
	p.Instrs = slices.Insert(p.Instrs, m.at, m.instrs...)
	return p
}

// maker collects the instructions that make values anew for the one at a place.
type maker struct {
	p      *ir.Program
	u      *uses
	at     int
	made   map[int]int // value -> the same made anew
	instrs []ir.Instr
}

// operand is what to read for x: itself if it is still there.
func (m *maker) operand(x int) int {
	if c, ok := m.made[x]; ok {
		return c
	}
	i := m.u.producer[x]
	if m.p.Bufs[x].Class != ir.Temp || i < 0 {
		return x
	}
	in := m.p.Instrs[i]
	if _, view := in.Spec.(ir.Viewer); view {
		if m.operand(in.In[0]) == in.In[0] {
			return x
		}
		return m.repeat(x)
	}
	if _, cheap := in.Spec.(ir.Cheap); cheap && m.u.last[x] < m.at && !m.u.pinned[x] {
		return m.repeat(x)
	}
	return x
}

// repeat makes x anew.
func (m *maker) repeat(x int) int {
	in := m.p.Instrs[m.u.producer[x]]
	in.In = slices.Clone(in.In)
	for k, b := range in.In {
		in.In[k] = m.operand(b)
	}
	in.Out = len(m.p.Bufs)
	buf := m.p.Bufs[x]
	buf.Root = in.Out
	m.p.Bufs = append(m.p.Bufs, buf)
	m.made[x] = in.Out
	m.instrs = append(m.instrs, in)
	if _, view := in.Spec.(ir.Viewer); !view {
		m.p.Again++
	}
	return in.Out
}

// use is an operand of an instruction that is not a view.
type use struct{ instr, operand int }

// uses knows who makes and who reads every value of a program whose views are still instructions.
type uses struct {
	p        *ir.Program
	producer []int   // instruction by buffer, -1 where none is
	direct   [][]use // by buffer, views included
	last     []int   // reader by buffer, through views too; -1 where none is
	pinned   []bool  // outputs and new state
}

func usesOf(p *ir.Program) *uses {
	n := len(p.Bufs)
	u := &uses{p: p, producer: make([]int, n), direct: make([][]use, n), last: make([]int, n), pinned: make([]bool, n)}
	for b := range n {
		u.producer[b], u.last[b] = -1, -1
	}
	for i, in := range p.Instrs {
		u.producer[in.Out] = i
		for k, b := range in.In {
			u.direct[b] = append(u.direct[b], use{i, k})
		}
	}
	for _, o := range p.Outputs {
		u.pinned[o.Buf] = true
	}
	for _, d := range p.Updates {
		u.pinned[d.New] = true
	}
	for i := len(p.Instrs) - 1; i >= 0; i-- {
		in := p.Instrs[i]
		at := i
		if _, view := in.Spec.(ir.Viewer); view {
			at = u.last[in.Out]
			u.pinned[in.In[0]] = u.pinned[in.In[0]] || u.pinned[in.Out]
		}
		for _, b := range in.In {
			u.last[b] = max(u.last[b], at)
		}
	}
	return u
}

// readers are all who read b, through views too, in order.
func (u *uses) readers(b int) []use {
	var rs []use
	for _, r := range u.direct[b] {
		in := u.p.Instrs[r.instr]
		if _, view := in.Spec.(ir.Viewer); view {
			rs = append(rs, u.readers(in.Out)...)
		} else {
			rs = append(rs, r)
		}
	}
	sort.SliceStable(rs, func(a, b int) bool { return rs[a].instr < rs[b].instr })
	return rs
}

// clone is a copy that passes cannot change.
func clone(p *ir.Program) *ir.Program {
	c := *p
	c.Bufs, c.Instrs = slices.Clone(p.Bufs), slices.Clone(p.Instrs)
	c.Updates, c.Outputs = slices.Clone(p.Updates), slices.Clone(p.Outputs)
	for i := range c.Instrs {
		c.Instrs[i].In = slices.Clone(c.Instrs[i].In)
	}
	return &c
}
