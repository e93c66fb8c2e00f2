// Package cuda runs programs on NVIDIA GPUs. Every instruction becomes launches of our own kernels (package kernels);
// the launches of a step are captured once as one CUDA graph. Memory is one arena for what lives in a step, one block
// for the state, one for constants and inputs, and page-locked memory of the host; running allocates nothing. This
// package needs no GPU and no cgo: what it asks of one is a Driver.
//
// Results are the same bits from run to run: no kernel adds floating-point numbers in an order that depends on timing.
// They differ from the processor's by rounding, as sums are taken in another order.
package cuda

import (
	"fmt"
	"time"
	"unsafe"

	"selfsup/graph/cuda/kernels"
	"selfsup/graph/ir"
)

// Backend compiles programs for one GPU.
type Backend struct {
	Driver Driver
	// TF32 lets products of float32 round their operands to 10 bits of mantissa, which tensor cores multiply several
	// times as fast.
	TF32 bool
	// Poison fills every temporary with NaN before it is made, and the scratch memory before every kernel. For tests;
	// slow.
	Poison bool
	// Apart gives every buffer memory of its own, so that an access outside it is outside all. For tests.
	Apart bool

	loaded *loaded
}

// loaded are the modules that a device has compiled, which all programs share.
type loaded struct {
	modules map[string]Module
	kernels map[string]Kernel
}

// New is a backend for a device.
func New(d Driver) Backend {
	return Backend{Driver: d, loaded: &loaded{map[string]Module{}, map[string]Kernel{}}}
}

// Name implements ir.Backend.
func (Backend) Name() string { return "cuda" }

// Supports implements ir.Backend. Views need no kernel.
func (Backend) Supports(s ir.Spec, in []ir.Type) bool {
	if _, view := s.(ir.Viewer); view {
		return true
	}
	l, ok := lowerings[s.Name()]
	return ok && ours(s) && (l.takes == nil || l.takes(s, in))
}

// kernel finds a kernel, and has its module compiled when it is needed for the first time.
func (b Backend) kernel(name string) (Kernel, error) {
	if k, ok := b.loaded.kernels[name]; ok {
		return k, nil
	}
	text, ok := kernels.Of(name)
	if !ok {
		return nil, fmt.Errorf("there is no kernel %s", name)
	}
	m, ok := b.loaded.modules[text.Name]
	if !ok {
		var err error
		if m, err = b.Driver.Load(text.Name+".ptx", text.PTX); err != nil {
			return nil, err
		}
		b.loaded.modules[text.Name] = m
	}
	k, err := m.Kernel(name)
	if err != nil {
		return nil, err
	}
	b.loaded.kernels[name] = k
	return k, nil
}

// call is an instruction before it has memory.
func (b Backend) call(p *ir.Program, in ir.Instr) *call {
	a := b.Driver.About()
	return &call{spec: in.Spec, in: p.Types(in), out: p.Bufs[in.Out].Type,
		fp: precision{tf32: b.TF32, sm80: a.Major >= 8}}
}

// Scratch is the bytes of working memory that the kernels of a program share.
func (b Backend) Scratch(p *ir.Program) int {
	need := 0
	for _, in := range p.Instrs {
		if l := lowerings[in.Spec.Name()]; l.scratch != nil {
			need = max(need, l.scratch(b.call(p, in)))
		}
	}
	return need
}

// MemoryError is a program that has no place on its device.
type MemoryError struct {
	Want, Free int64
	Device     string
}

func (e *MemoryError) Error() string {
	const mib = 1 << 20
	return fmt.Sprintf("the program takes %d MiB of the device's memory and %s has %d MiB free, %d MiB too few: a "+
		"smaller batch, or memory_limit = \"%dMiB\", which computes cheap values again rather than keep them, may help",
		(e.Want+mib-1)/mib, e.Device, e.Free/mib, (e.Want-e.Free+mib-1)/mib, e.Free/mib)
}

// align is the alignment of everything on the device, in bytes: what the driver aligns allocations to.
const align = 256

func aligned(n int) int { return (n + align - 1) / align * align }

func bytesOf(t ir.Type) int { return t.Shape.Size() * t.DType.Size() }

// raw is the memory of an array.
func raw(a ir.Array) []byte {
	switch {
	case len(a.F32) > 0:
		return unsafe.Slice((*byte)(unsafe.Pointer(&a.F32[0])), 4*len(a.F32))
	case len(a.I32) > 0:
		return unsafe.Slice((*byte)(unsafe.Pointer(&a.I32[0])), 4*len(a.I32))
	case len(a.BF16) > 0:
		return unsafe.Slice((*byte)(unsafe.Pointer(&a.BF16[0])), 2*len(a.BF16))
	}
	return nil
}

// arrayIn is an array of a type that lies in memory of the host.
func arrayIn(mem []byte, t ir.Type) ir.Array {
	a := ir.Array{Type: t}
	n := t.Shape.Size()
	if n == 0 {
		return ir.NewArray(t)
	}
	switch p := unsafe.Pointer(&mem[0]); t.DType {
	case ir.F32:
		a.F32 = unsafe.Slice((*float32)(p), n)
	case ir.I32:
		a.I32 = unsafe.Slice((*int32)(p), n)
	case ir.BF16:
		a.BF16 = unsafe.Slice((*uint16)(p), n)
	}
	return a
}

// Compile implements ir.Backend. It refuses float64, and a program that is larger than the device's memory.
func (b Backend) Compile(p *ir.Program, state func(buf int) ir.Array) (ir.Executable, error) {
	e := &executable{b: b, p: p, at: make([]Ptr, len(p.Bufs)), host: map[int]ir.Array{}, state: map[int]ir.Array{}}
	for i, buf := range p.Bufs {
		if buf.DType == ir.F64 {
			return nil, fmt.Errorf("%s is float64; the cuda backend computes in float32 (use the reference backend)",
				buf.Name)
		}
		if buf.Class == ir.State && buf.Root == i {
			e.state[i] = state(i)
		}
	}
	if err := e.place(); err != nil {
		e.free()
		return nil, err
	}
	if err := e.lower(); err != nil {
		e.free()
		return nil, err
	}
	if !b.Poison {
		graph, err := b.Driver.Capture(e.queue)
		if err != nil {
			e.free()
			return nil, fmt.Errorf("the step as one graph: %w", err)
		}
		e.graph = graph
	}
	return e, nil
}

// executable is a program with its memory on a device.
type executable struct {
	b      Backend
	p      *ir.Program
	at     []Ptr            // by buffer
	host   map[int]ir.Array // inputs and outputs, in page-locked memory
	state  map[int]ir.Array // the Store's, by root
	blocks []Ptr            // what was allocated
	pinned [][]byte

	inputs         []int  // roots
	fed            []byte // the host's memory of all inputs together
	arrived, input Ptr    // where copies of the next step's inputs arrive, and where kernels read them
	stateAt        Ptr
	scratch        Ptr
	scratchBytes   int
	outputs        []output
	arenaAt        Ptr

	calls  []lowered // by instruction, then the copies of updates
	errors Ptr       // 64 bits, see report in prelude.h
	note   []byte    // its copy on the host

	copied, taken, done Event
	graph               Graph
	resident            bool // the state is on the device
	running             bool // a step was queued and nobody waited for it
	times               []time.Duration
}

// lowered is an instruction as launches.
type lowered struct {
	launches []Launch
	copies   [2]Ptr // to, from: of an update that is a plain copy
	bytes    int
}

type output struct {
	from Ptr
	to   []byte
}

// alloc takes memory of the device.
func (e *executable) alloc(bytes int) (Ptr, error) {
	p, err := e.b.Driver.Alloc(max(aligned(bytes), align))
	if err == nil {
		e.blocks = append(e.blocks, p)
	}
	return p, err
}

// room takes page-locked memory of the host.
func (e *executable) room(bytes int) ([]byte, error) {
	m, err := e.b.Driver.Host(max(bytes, align))
	if err == nil {
		e.pinned = append(e.pinned, m)
	}
	return m, err
}

// place gives every buffer its memory.
func (e *executable) place() error {
	p, d := e.p, e.b.Driver
	var ins, states, consts, outs int
	for i, buf := range p.Bufs {
		if buf.Root != i {
			continue
		}
		switch n := aligned(bytesOf(buf.Type)); buf.Class {
		case ir.Input:
			ins += n
		case ir.State:
			states += n
		case ir.Const:
			consts += n
		}
	}
	for _, o := range p.Outputs {
		outs += aligned(bytesOf(p.Bufs[o.Buf].Type))
	}
	e.scratchBytes = e.b.Scratch(p)
	want := int64(p.Arena + 2*ins + states + consts + e.scratchBytes)
	if free, _, err := d.Memory(); err != nil {
		return err
	} else if want > free {
		return &MemoryError{Want: want, Free: free, Device: d.About().Name}
	}

	var arena, constsAt Ptr
	var err error
	for _, block := range []struct {
		at    *Ptr
		bytes int
	}{{&arena, p.Arena}, {&e.arrived, ins}, {&e.input, ins}, {&e.stateAt, states}, {&constsAt, consts},
		{&e.scratch, e.scratchBytes}, {&e.errors, 8}} {
		if *block.at, err = e.alloc(block.bytes); err != nil {
			return err
		}
	}
	e.arenaAt = arena
	if e.fed, err = e.room(ins); err != nil {
		return err
	}
	if e.note, err = e.room(8); err != nil {
		return err
	}
	results, err := e.room(outs)
	if err != nil {
		return err
	}
	fed, stateAt := 0, e.stateAt
	for i, buf := range p.Bufs {
		if buf.Root != i {
			continue
		}
		n := bytesOf(buf.Type)
		switch buf.Class {
		case ir.Temp:
			e.at[i] = arena + Ptr(buf.Offset)
			if e.b.Apart {
				if e.at[i], err = d.Alloc(max(n, 4)); err != nil {
					return err
				}
				e.blocks = append(e.blocks, e.at[i])
			}
		case ir.Input:
			e.at[i] = e.input + Ptr(fed)
			e.host[i] = arrayIn(e.fed[fed:], buf.Type)
			e.inputs = append(e.inputs, i)
			fed += aligned(n)
		case ir.State:
			e.at[i] = stateAt
			stateAt += Ptr(aligned(n))
		case ir.Const:
			e.at[i] = constsAt
			if n > 0 {
				if err := d.Upload(Work, constsAt, raw(buf.Data)); err != nil {
					return err
				}
			}
			constsAt += Ptr(aligned(n))
		}
	}
	for i, buf := range p.Bufs {
		if buf.Root != i {
			e.at[i] = e.at[buf.Root] + Ptr(buf.Start*buf.DType.Size())
		}
	}
	for _, o := range p.Outputs {
		t := p.Bufs[o.Buf].Type
		if _, ok := e.host[o.Buf]; ok {
			continue
		}
		e.host[o.Buf] = arrayIn(results, t)
		if n := bytesOf(t); n > 0 {
			e.outputs = append(e.outputs, output{e.at[o.Buf], results[:n]})
			results = results[aligned(n):]
		}
	}
	for _, ev := range []*Event{&e.copied, &e.taken, &e.done} {
		if *ev, err = d.Event(); err != nil {
			return err
		}
	}
	return d.Synchronize(Work)
}

// lower makes the launches of all instructions: once to find the tables they want, once with the tables in place.
func (e *executable) lower() error {
	b := &binder{kernel: e.b.kernel, errors: e.errors}
	if err := e.bind(b); err != nil {
		return err
	}
	at, err := e.alloc(4 * len(b.tables))
	if err != nil {
		return err
	}
	words := len(b.tables)
	b.consts, b.tables, b.filled = at, nil, true
	if err := e.bind(b); err != nil {
		return err
	}
	if len(b.tables) != words {
		return fmt.Errorf("the tables have %d words, at first they had %d", len(b.tables), words)
	}
	if words > 0 {
		mem := unsafe.Slice((*byte)(unsafe.Pointer(&b.tables[0])), 4*words)
		if err := e.b.Driver.Upload(Work, at, mem); err != nil {
			return err
		}
	}
	return e.b.Driver.Synchronize(Work)
}

// bind lowers every instruction.
func (e *executable) bind(b *binder) (err error) {
	p := e.p
	e.calls = e.calls[:0]
	for i, in := range p.Instrs {
		c := e.b.call(p, in)
		c.b, c.at, c.y, c.scratch = b, i, e.at[in.Out], e.scratch
		for _, x := range in.In {
			c.x = append(c.x, e.at[x])
		}
		b.steps = nil
		lowerings[in.Spec.Name()].bind(c)
		if b.err != nil {
			return fmt.Errorf("%s: %w", e.name(i), b.err)
		}
		e.calls = append(e.calls, lowered{launches: b.steps})
	}
	for _, u := range p.Updates {
		if p.Bufs[u.New].Root != u.State {
			e.calls = append(e.calls, lowered{copies: [2]Ptr{e.at[u.State], e.at[u.New]},
				bytes: bytesOf(p.Bufs[u.State].Type)})
		}
	}
	return nil
}

// queue queues a step on Work.
func (e *executable) queue() error {
	d := e.b.Driver
	if n := len(e.fed); len(e.inputs) > 0 {
		if err := d.Copy(Work, e.input, e.arrived, n); err != nil {
			return err
		}
	}
	if err := d.Fill(Work, e.errors, 0, 2); err != nil {
		return err
	}
	for i := range e.calls {
		if err := e.run(i); err != nil {
			return err
		}
	}
	return e.results()
}

// results queues the copies of what the host may read.
func (e *executable) results() error {
	for _, o := range e.outputs {
		if err := e.b.Driver.Download(Work, o.to, o.from); err != nil {
			return err
		}
	}
	return e.b.Driver.Download(Work, e.note[:8], e.errors)
}

// run queues instruction i.
func (e *executable) run(i int) error {
	c, d := e.calls[i], e.b.Driver
	if e.b.Poison {
		if err := e.poison(i); err != nil {
			return err
		}
	}
	for _, l := range c.launches {
		if err := d.Launch(Work, l); err != nil {
			return fmt.Errorf("%s: kernel %s: %w", e.name(i), l.Name, err)
		}
	}
	if c.bytes > 0 {
		return d.Copy(Work, c.copies[0], c.copies[1], c.bytes)
	}
	return nil
}

// poison fills the scratch memory, and a fresh result of instruction i, with NaN.
func (e *executable) poison(i int) error {
	const nan = 0x7fc07fc0 // also in bfloat16
	d := e.b.Driver
	if e.scratchBytes > 0 {
		if err := d.Fill(Work, e.scratch, nan, e.scratchBytes/4); err != nil {
			return err
		}
	}
	if i < len(e.p.Instrs) {
		if out := e.p.Instrs[i].Out; e.p.Bufs[out].Root == out {
			if n := bytesOf(e.p.Bufs[out].Type); n >= 4 {
				return d.Fill(Work, e.at[out], nan, n/4)
			}
		}
	}
	return nil
}

// Host implements ir.Executable.
func (e *executable) Host(buf int) ir.Array { return e.host[buf] }

// Run implements ir.Executable.
func (e *executable) Run() error {
	if err := e.Start(); err != nil {
		return err
	}
	return e.Wait()
}

// Start queues a step and returns as soon as the inputs may be filled for the next one.
func (e *executable) Start() error {
	d := e.b.Driver
	if !e.resident {
		if err := e.upload(); err != nil {
			return err
		}
	}
	if len(e.inputs) > 0 {
		if e.running {
			if err := d.Wait(Copies, e.taken); err != nil {
				return err
			}
		}
		if err := d.Upload(Copies, e.arrived, e.fed); err != nil {
			return err
		}
		if err := d.Record(Copies, e.copied); err != nil {
			return err
		}
		if err := d.Wait(Work, e.copied); err != nil {
			return err
		}
	}
	switch {
	case e.times != nil:
		if err := e.timed(); err != nil {
			return err
		}
	case e.graph != nil:
		if err := e.graph.Launch(); err != nil {
			return err
		}
	default:
		if err := e.queue(); err != nil {
			return err
		}
	}
	if err := d.Record(Work, e.taken); err != nil {
		return err
	}
	e.running = true
	if len(e.inputs) == 0 {
		return nil
	}
	return e.copied.Synchronize()
}

// Wait returns when the step that was started has run and its outputs are there.
func (e *executable) Wait() error {
	if !e.running {
		return nil
	}
	e.running = false
	if err := e.b.Driver.Synchronize(Work); err != nil {
		return err
	}
	note := *(*uint64)(unsafe.Pointer(&e.note[0]))
	if note == 0 {
		return nil
	}
	at, value := int(note>>32)-1, int(int32(uint32(note)))
	return fmt.Errorf("cuda: operation %d, %s: %s", at, e.name(at), complaint(e.p.Instrs[at].Spec, value))
}

// upload brings the state to the device.
func (e *executable) upload() error {
	for i, a := range e.state {
		if m := raw(a); m != nil {
			if err := e.b.Driver.Upload(Work, e.at[i], m); err != nil {
				return err
			}
		}
	}
	e.resident = true
	return e.b.Driver.Synchronize(Work)
}

// Sync implements ir.Executable.
func (e *executable) Sync() error {
	if !e.resident {
		return nil
	}
	for i, a := range e.state {
		if m := raw(a); m != nil {
			if err := e.b.Driver.Download(Work, m, e.at[i]); err != nil {
				return err
			}
		}
	}
	e.resident = false
	return e.b.Driver.Synchronize(Work)
}

// Profile implements ir.Profiler: from here on steps run one instruction after the other, each between two events.
func (e *executable) Profile() []time.Duration {
	if e.times == nil {
		e.times = make([]time.Duration, len(e.calls))
	}
	return e.times
}

func (e *executable) timed() error {
	d := e.b.Driver
	if len(e.inputs) > 0 {
		if err := d.Copy(Work, e.input, e.arrived, len(e.fed)); err != nil {
			return err
		}
	}
	if err := d.Fill(Work, e.errors, 0, 2); err != nil {
		return err
	}
	marks := make([]Event, len(e.calls)+1)
	for i := range marks {
		var err error
		if marks[i], err = d.Event(); err != nil {
			return err
		}
		if i > 0 {
			if err := e.run(i - 1); err != nil {
				return err
			}
		}
		if err := d.Record(Work, marks[i]); err != nil {
			return err
		}
	}
	if err := e.results(); err != nil {
		return err
	}
	if err := d.Synchronize(Work); err != nil {
		return err
	}
	for i := range e.calls {
		t, err := marks[i+1].Since(marks[i])
		if err != nil {
			return err
		}
		e.times[i] += t
	}
	return nil
}

// Trace implements ir.Tracer.
func (e *executable) Trace(each func(instr int, result ir.Array)) error {
	d := e.b.Driver
	if !e.resident {
		if err := e.upload(); err != nil {
			return err
		}
	}
	if len(e.inputs) > 0 {
		if err := d.Upload(Work, e.input, e.fed); err != nil {
			return err
		}
	}
	if err := d.Fill(Work, e.errors, 0, 2); err != nil {
		return err
	}
	for i := range e.calls {
		if err := e.run(i); err != nil {
			return err
		}
		if i >= len(e.p.Instrs) {
			continue
		}
		if err := d.Synchronize(Work); err != nil {
			return fmt.Errorf("%s: %w", e.name(i), err)
		}
		out := e.p.Instrs[i].Out
		result := ir.NewArray(e.p.Bufs[out].Type)
		if m := raw(result); m != nil {
			if err := d.Download(Work, m, e.at[out]); err != nil {
				return err
			}
			if err := d.Synchronize(Work); err != nil {
				return err
			}
		}
		each(i, result)
	}
	if err := e.results(); err != nil {
		return err
	}
	e.running = true
	return e.Wait()
}

// name is the operation of an instruction, with its scope and operands.
func (e *executable) name(at int) string {
	if at < 0 || at >= len(e.p.Instrs) {
		return "update"
	}
	in := e.p.Instrs[at]
	return fmt.Sprintf("%s%v in %q", in.Spec.Name(), e.p.Types(in), in.Scope)
}

// free gives back all memory.
func (e *executable) free() {
	for _, p := range e.blocks {
		e.b.Driver.Free(p)
	}
	for _, m := range e.pinned {
		e.b.Driver.FreeHost(m)
	}
	e.blocks, e.pinned = nil, nil
}
