// Package cpu runs programs in float32 on the processor: one arena, one bound kernel an instruction, no allocation
// while running. Work is cut by shape, never by the number of threads, so results are the same bits on any number of
// them.
package cpu

import (
	"fmt"
	"math"
	"time"
	"unsafe"

	"selfsup/graph/comm"
	"selfsup/graph/cpu/kern"
	"selfsup/graph/ir"
	"selfsup/graph/plan"
)

// Backend compiles programs for the processor.
type Backend struct {
	// Poison fills every temporary with NaN before it is made, and the scratch memory before every kernel, so that a
	// kernel that reads what nobody wrote shows in the result. For tests; slow.
	Poison bool
	// Direct keeps convolutions to sums over taps. Winograd's algorithm, the choice where it is faster, is ten times
	// further from exact (1e-5 of the largest value), so that a few ReLUs in a million switch, which moves single
	// gradients by per cents. For comparisons with reference numbers.
	Direct bool
	// Reference lets operations that have no kernel run by their Ref, in float64 and on one core: slow. Without it they
	// are refused.
	Reference bool
	// Ranks are the other processes that programs which are dealt out run with; nil: there are none.
	Ranks *comm.Line
}

// kernel makes the function that runs one instruction. scratch is the number of floats of working memory it asks for,
// by spec and types alone.
type kernel struct {
	scratch func(c *call) int
	bind    func(c *call) func()
}

// call is an instruction with its memory. Integer operands and results are in the ints fields.
type call struct {
	spec    ir.Spec
	in      []ir.Type
	out     ir.Type
	x       [][]float32
	xi      [][]int32
	xh      [][]uint16 // of operands that are kept in bfloat16
	y       []float32
	yi      []int32
	yh      []uint16
	scratch []float32
	direct  bool // convolutions without Winograd's algorithm
	ranks   *comm.Line
	tickets map[*float32]comm.Ticket // of sums under way, by where they are
}

// operand adds the next operand's memory.
func (c *call) operand(a ir.Array) {
	c.x, c.xi, c.xh = append(c.x, a.F32), append(c.xi, a.I32), append(c.xh, a.BF16)
}

// result sets where the result goes.
func (c *call) result(a ir.Array) { c.y, c.yi, c.yh = a.F32, a.I32, a.BF16 }

// values is operand k in either type.
func (c *call) values(k int) kern.Values { return kern.Values{F32: c.x[k], BF16: c.xh[k]} }

// bits is operand k as float32s, the bits of integers included.
func (c *call) bits(k int) []float32 { return asBits(c.x[k], c.xi[k]) }

// outBits is the result as float32s, the bits of integers included.
func (c *call) outBits() []float32 { return asBits(c.y, c.yi) }

func asBits(f []float32, i []int32) []float32 {
	if i == nil {
		return f
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&i[0])), len(i))
}

// Name implements ir.Backend.
func (Backend) Name() string { return "cpu" }

// executable is a bound program.
type executable struct {
	p     *ir.Program
	host  []ir.Array // by buffer
	steps []step
	calls int             // instructions and copies of updates
	times []time.Duration // of each instruction, when profiling
	arena []float32
}

// step runs one instruction or a group of them.
type step struct {
	at    int       // the first instruction
	share []float64 // of each instruction's part of the time: of the memory they touch
	run   func()
}

// Compile implements ir.Backend. It refuses float64 and an instruction level that the machine does not have.
func (b Backend) Compile(p *ir.Program, state func(buf int) ir.Array) (_ ir.Executable, err error) {
	if err := kern.CheckLevel(); err != nil {
		return nil, err
	}
	e := &executable{p: p, host: make([]ir.Array, len(p.Bufs)), arena: aligned(p.Arena / 4)}
	made := p.Made()
	for i, buf := range p.Bufs {
		if buf.DType == ir.F64 {
			return nil, fmt.Errorf("%s is float64; the cpu backend computes in float32 (use the reference backend)",
				buf.Name)
		}
		if buf.Root != i {
			continue
		}
		switch buf.Class {
		case ir.Temp:
			if made[i] { // else it has no place
				e.host[i] = view(e.arena, buf.Offset/4, buf.Type)
			}
		case ir.Input:
			e.host[i] = ir.NewArray(buf.Type)
		case ir.State:
			e.host[i] = state(i)
		case ir.Const:
			e.host[i] = ir.NewArray(buf.Type)
			e.host[i].Copy(buf.Data)
		}
	}
	for i, buf := range p.Bufs {
		if buf.Root == i || !made[i] {
			continue
		}
		root := e.host[buf.Root]
		n := buf.Shape.Size()
		switch root.DType {
		case ir.I32:
			e.host[i] = ir.Array{Type: buf.Type, I32: root.I32[buf.Start : buf.Start+n]}
		case ir.BF16:
			e.host[i] = ir.Array{Type: buf.Type, BF16: root.BF16[buf.Start : buf.Start+n : buf.Start+n]}
		default:
			e.host[i] = view(root.F32, buf.Start, buf.Type)
		}
	}

	calls := make([]*call, 0, len(p.Instrs)+len(p.Updates))
	tickets := map[*float32]comm.Ticket{}
	for _, in := range p.Instrs {
		c := b.call(p, in)
		c.ranks, c.tickets = b.Ranks, tickets
		c.result(e.host[in.Out])
		for _, x := range in.In {
			c.operand(e.host[x])
		}
		calls = append(calls, c)
	}
	for _, u := range p.Updates {
		if p.Bufs[u.New].Root != u.State {
			n, s := e.host[u.New], e.host[u.State]
			c := &call{spec: plan.Copy{}, in: []ir.Type{n.Type}, out: s.Type}
			c.result(s)
			c.operand(n)
			calls = append(calls, c)
		}
	}
	e.calls = len(calls)
	at := 0
	defer e.failed(&at, &err)
	scratch := aligned(b.Scratch(p) / 4)
	fresh := func(i int) bool { return i < len(p.Instrs) && p.Bufs[p.Instrs[i].Out].Root == p.Instrs[i].Out }
	for i := 0; i < len(calls); {
		at = i
		var g group
		n := 0
		for i+n < len(p.Instrs) && !fresh(i+n) && g.add(calls[i+n]) {
			n++
		}
		if n > 1 {
			e.steps = append(e.steps, step{i, shares(calls[i : i+n]), g.bind()})
			i += n
			continue
		}
		var run func()
		run, n = bindNext(calls[i:], scratch)
		for k := range n {
			if b.Poison {
				run = poisoned(run, scratch, calls[i+k], fresh(i+k))
			}
		}
		e.steps = append(e.steps, step{i, shares(calls[i : i+n]), run})
		i += n
	}
	return e, nil
}

// bindNext makes the function that runs the first of the calls or, where they are done together, the first two, and
// returns how many.
func bindNext(calls []*call, scratch []float32) (run func(), n int) {
	for _, c := range calls[:min(2, len(calls))] {
		c.scratch = scratch
	}
	if len(calls) > 1 {
		if sums, grad, ok := layerNormPair(calls[0], calls[1]); ok {
			return bindLayerNormBoth(sums, grad), 2
		}
	}
	return kernelOf(calls[0].spec).bind(calls[0]), 1
}

// call is an instruction before it has memory.
func (b Backend) call(p *ir.Program, in ir.Instr) *call {
	return &call{spec: in.Spec, in: p.Types(in), out: p.Bufs[in.Out].Type, direct: b.Direct}
}

// Scratch is the bytes of working memory that the kernels of a program share.
func (b Backend) Scratch(p *ir.Program) int {
	need := 0
	for _, in := range p.Instrs {
		if k := kernelOf(in.Spec); k.scratch != nil {
			need = max(need, k.scratch(b.call(p, in)))
		}
	}
	return 4 * need
}

// Host implements ir.Executable.
func (e *executable) Host(buf int) ir.Array { return e.host[buf] }

// Run implements ir.Executable. What a kernel cannot do with the values at hand, such as a row number outside its
// table, is an error that names the operation.
func (e *executable) Run() (err error) {
	at := 0
	defer e.failed(&at, &err)
	if e.times == nil {
		for i := range e.steps {
			at = e.steps[i].at
			e.steps[i].run()
		}
		return nil
	}
	for i := range e.steps {
		s := &e.steps[i]
		at = s.at
		t := time.Now()
		s.run()
		d := time.Since(t)
		for k, part := range s.share {
			e.times[at+k] += time.Duration(part * float64(d))
		}
	}
	return nil
}

// failed turns a panic of the instruction at into an error.
func (e *executable) failed(at *int, err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("cpu: operation %d, %s: %v", *at, e.name(*at), v)
	}
}

// Sync implements ir.Executable: kernels work on the Store's arrays.
func (e *executable) Sync() error { return nil }

// Trace implements ir.Tracer.
func (e *executable) Trace(each func(instr int, result ir.Array)) (err error) {
	at := 0
	defer e.failed(&at, &err)
	for _, s := range e.steps {
		at = s.at
		s.run()
		for i := s.at; i < min(s.at+len(s.share), len(e.p.Instrs)); i++ {
			each(i, e.host[e.p.Instrs[i].Out])
		}
	}
	return nil
}

// name is the operation of an instruction, with its scope and operands.
func (e *executable) name(at int) string {
	if at >= len(e.p.Instrs) {
		return "update"
	}
	in := e.p.Instrs[at]
	return fmt.Sprintf("%s%v in %q", in.Spec.Name(), e.p.Types(in), in.Scope)
}

// Profile starts to time every instruction and returns the times so far, the copies of updates last.
func (e *executable) Profile() []time.Duration {
	if e.times == nil {
		e.times = make([]time.Duration, e.calls)
	}
	return e.times
}

// poisoned is run with NaN in all scratch memory, of which c may hold what is left, and in a fresh result first.
func poisoned(run func(), scratch []float32, c *call, fresh bool) func() {
	nan := float32(math.NaN())
	return func() {
		for i := range scratch {
			scratch[i] = nan
		}
		if fresh {
			for i := range c.y {
				c.y[i] = nan
			}
			for i := range c.yi {
				c.yi[i] = math.MinInt32
			}
			for i := range c.yh {
				c.yh[i] = 0x7fc0 // NaN
			}
		}
		run()
	}
}

// aligned returns n floats at a multiple of plan.Align bytes.
func aligned(n int) []float32 {
	const lane = plan.Align / 4
	s := make([]float32, n+lane)
	huge(s)
	skip := 0
	if r := int(uintptr(unsafe.Pointer(&s[0])) % plan.Align); r != 0 {
		skip = (plan.Align - r) / 4
	}
	return s[skip : skip+n : skip+n]
}

// view is the part of mem that a buffer of type t has from float at on. Integers and bfloat16s lie in the same memory,
// bit for bit.
func view(mem []float32, at int, t ir.Type) ir.Array {
	n := t.Shape.Size()
	switch t.DType {
	case ir.I32:
		return ir.Array{Type: t, I32: unsafe.Slice((*int32)(unsafe.Pointer(&mem[at])), n)}
	case ir.BF16:
		return ir.Array{Type: t, BF16: unsafe.Slice((*uint16)(unsafe.Pointer(&mem[at])), n)}
	}
	return ir.Array{Type: t, F32: mem[at : at+n : at+n]}
}
