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
	"runtime"
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

	shared *shared
}

// New is a backend for a device. Programs of all its copies share what they can.
func New(d Driver) Backend {
	return Backend{Driver: d, shared: &shared{modules: map[string]Module{}, kernels: map[string]Kernel{},
		state: map[*byte]*entry{}}}
}

// Name implements ir.Backend.
func (Backend) Name() string { return "cuda" }

// UpdatesLast implements ir.Later.
func (Backend) UpdatesLast() bool { return true }

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
	if k, ok := b.shared.kernels[name]; ok {
		return k, nil
	}
	text, ok := kernels.Of(name)
	if !ok {
		return nil, fmt.Errorf("there is no kernel %s", name)
	}
	m, ok := b.shared.modules[text.Name]
	if !ok {
		var err error
		if m, err = b.Driver.Load(text.Name+".ptx", text.PTX); err != nil {
			return nil, err
		}
		b.shared.modules[text.Name] = m
	}
	k, err := m.Kernel(name)
	if err != nil {
		return nil, err
	}
	b.shared.kernels[name] = k
	return k, nil
}

// call is an instruction before it has memory.
func (b Backend) call(p *ir.Program, in ir.Instr) *call {
	a := b.Driver.About()
	return &call{spec: in.Spec, in: p.Types(in), out: p.Bufs[in.Out].Type,
		fp: precision{b.TF32, a.Major >= 8, a.Processors, a.SharedPerBlock}}
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
	if err := b.tidy(); err != nil {
		return nil, err
	}
	e := &executable{b: b, p: p, at: make([]Ptr, len(p.Bufs)), host: map[int]ir.Array{}, state: map[int]ir.Array{},
		entries: map[int]*entry{}, taken: &taken{}}
	for i, buf := range p.Bufs {
		if buf.DType == ir.F64 {
			return nil, fmt.Errorf("%s is float64; the cuda backend computes in float32 (use the reference backend)",
				buf.Name)
		}
		if buf.Class == ir.State && buf.Root == i {
			e.state[i] = state(i)
		}
	}
	if err := e.build(); err != nil {
		b.giveBack(e.taken) // its own error would not say more
		return nil, err
	}
	runtime.AddCleanup(e, b.shared.leave, e.taken)
	return e, nil
}

// build takes the program's memory and makes its launches.
func (e *executable) build() (err error) {
	if err := e.place(); err != nil {
		return err
	}
	if e.calls, err = e.lower(e.b.Poison && !e.b.Apart); err != nil {
		return err
	}
	if e.b.Poison {
		return nil
	}
	if e.taken.graph, err = e.b.Driver.Capture(e.queue); err != nil {
		return fmt.Errorf("the step as one graph: %w", err)
	}
	return nil
}
