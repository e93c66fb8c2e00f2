// Package cpu runs programs in float32 on the processor: one arena, one bound kernel an instruction, no allocation while running. Work
// is cut by shape, never by the number of threads, so results are the same bits on any number of them.
package cpu

import (
	"fmt"
	"math"
	"time"
	"unsafe"

	"selfsup/graph/cpu/kern"
	"selfsup/graph/ir"
	"selfsup/graph/plan"
)

// Backend compiles programs for the processor.
type Backend struct {
	// Poison fills every temporary with NaN before it is made, and the scratch memory before every kernel, so that a kernel that
	// reads what nobody wrote shows in the result. For tests; slow.
	Poison bool
	// Direct keeps convolutions to sums over taps. Winograd's algorithm, the choice where it is faster, is ten times further from
	// exact (1e-5 of the largest value), so that a few ReLUs in a million switch, which moves single gradients by per cents. For
	// comparisons with reference numbers.
	Direct bool
}

// kernel makes the function that runs one instruction. scratch is the number of floats of working memory it asks for, by spec and types alone.
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
	y       []float32
	yi      []int32
	scratch []float32
	direct  bool // convolutions without Winograd's algorithm
}

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

// Supports implements ir.Backend. Views need no kernel.
func (Backend) Supports(s ir.Spec) bool {
	_, ok := kernels[s.Name()]
	_, view := s.(ir.Viewer)
	return ok || view
}

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
func (b Backend) Compile(p *ir.Program, state func(buf int) ir.Array) (ir.Executable, error) {
	if err := kern.CheckLevel(); err != nil {
		return nil, err
	}
	e := &executable{p: p, host: make([]ir.Array, len(p.Bufs)), arena: aligned(p.Arena / 4)}
	for i, buf := range p.Bufs {
		if buf.DType == ir.F64 {
			return nil, fmt.Errorf("%s is float64; the cpu backend computes in float32 (use the reference backend)", buf.Name)
		}
		if buf.Root != i {
			continue
		}
		switch buf.Class {
		case ir.Temp:
			e.host[i] = view(e.arena, buf.Offset/4, buf.Type)
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
		if buf.Root == i {
			continue
		}
		root := e.host[buf.Root]
		if root.DType == ir.I32 {
			e.host[i] = ir.Array{Type: buf.Type, I32: root.I32[buf.Start : buf.Start+buf.Shape.Size()]}
		} else {
			e.host[i] = view(root.F32, buf.Start, buf.Type)
		}
	}

	calls := make([]*call, 0, len(p.Instrs)+len(p.Updates))
	for _, in := range p.Instrs {
		c := b.call(p, in)
		c.y, c.yi = e.host[in.Out].F32, e.host[in.Out].I32
		for _, x := range in.In {
			c.x = append(c.x, e.host[x].F32)
			c.xi = append(c.xi, e.host[x].I32)
		}
		calls = append(calls, c)
	}
	for _, u := range p.Updates {
		if p.Bufs[u.New].Root != u.State {
			n, s := e.host[u.New], e.host[u.State]
			calls = append(calls, &call{spec: plan.Copy{}, in: []ir.Type{n.Type}, out: s.Type, x: [][]float32{n.F32}, xi: [][]int32{n.I32}, y: s.F32, yi: s.I32})
		}
	}
	e.calls = len(calls)
	scratch := aligned(b.Scratch(p) / 4)
	fresh := func(i int) bool { return i < len(p.Instrs) && p.Bufs[p.Instrs[i].Out].Root == p.Instrs[i].Out }
	for i := 0; i < len(calls); {
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
		c := calls[i]
		c.scratch = scratch
		run := kernels[c.spec.Name()].bind(c)
		if b.Poison {
			run = poisoned(run, c, fresh(i))
		}
		e.steps = append(e.steps, step{i, []float64{1}, run})
		i++
	}
	return e, nil
}

// call is an instruction before it has memory.
func (b Backend) call(p *ir.Program, in ir.Instr) *call {
	return &call{spec: in.Spec, in: p.Types(in), out: p.Bufs[in.Out].Type, direct: b.Direct}
}

// Scratch is the bytes of working memory that the kernels of a program share.
func (b Backend) Scratch(p *ir.Program) int {
	need := 0
	for _, in := range p.Instrs {
		if k := kernels[in.Spec.Name()]; k.scratch != nil {
			need = max(need, k.scratch(b.call(p, in)))
		}
	}
	return 4 * need
}

// Host implements ir.Executable.
func (e *executable) Host(buf int) ir.Array { return e.host[buf] }

// Run implements ir.Executable. What a kernel cannot do with the values at hand, such as a row number outside its table, is an error
// that names the operation.
func (e *executable) Run() (err error) {
	at := 0
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("cpu: operation %d, %s: %v", at, e.name(at), v)
		}
	}()
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

func poisoned(run func(), c *call, fresh bool) func() {
	nan := float32(math.NaN())
	return func() {
		for i := range c.scratch {
			c.scratch[i] = nan
		}
		if fresh {
			for i := range c.y {
				c.y[i] = nan
			}
			for i := range c.yi {
				c.yi[i] = math.MinInt32
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

// view is the part of mem that a buffer of type t has from element at on. Integers lie in the same memory, bit for bit.
func view(mem []float32, at int, t ir.Type) ir.Array {
	n := t.Shape.Size()
	part := mem[at : at+n : at+n]
	if t.DType == ir.I32 {
		return ir.Array{Type: t, I32: unsafe.Slice((*int32)(unsafe.Pointer(&part[0])), n)}
	}
	return ir.Array{Type: t, F32: part}
}
