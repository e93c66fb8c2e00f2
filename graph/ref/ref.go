// Package ref runs programs by the operations' own reference forwards, in float64 arithmetic: the truth that other
// backends are compared with. Values of float32 programs are rounded to float32 when they are stored. It gives every
// buffer memory of its own and so does not depend on the memory plan, only on the order of instructions.
package ref

import (
	"fmt"

	"selfsup/graph/comm"
	"selfsup/graph/ir"
	"selfsup/graph/spread"
)

// Backend is the reference backend.
type Backend struct {
	Ranks comm.Comm // that programs which are dealt out over ranks run with; nil: there are none
}

// Name implements ir.Backend.
func (Backend) Name() string { return "ref" }

// Supports implements ir.Backend: every operation has a reference forward.
func (Backend) Supports(ir.Spec, []ir.Type) bool { return true }

type executable struct {
	ranks comm.Comm
	p     *ir.Program
	vals  []ir.Tensor // by buffer
	host  []ir.Array  // of inputs and outputs, by buffer
	state []ir.Array  // the Store's
}

// Compile implements ir.Backend.
func (b Backend) Compile(p *ir.Program, state func(buf int) ir.Array) (ir.Executable, error) {
	e := &executable{ranks: b.Ranks, p: p, vals: make([]ir.Tensor, len(p.Bufs)), host: make([]ir.Array, len(p.Bufs)),
		state: make([]ir.Array, len(p.Bufs))}
	for i, b := range p.Bufs {
		e.vals[i] = ir.Tensor{Shape: b.Shape, Data: make([]float64, b.Shape.Size())}
		switch b.Class {
		case ir.Input:
			e.host[i] = ir.NewArray(b.Type)
		case ir.State:
			e.state[i] = state(i)
		case ir.Const:
			e.load(i, b.Data)
		}
	}
	for _, o := range p.Outputs {
		e.host[o.Buf] = ir.NewArray(p.Bufs[o.Buf].Type)
	}
	return e, nil
}

func (e *executable) load(buf int, a ir.Array) {
	for i := range e.vals[buf].Data {
		e.vals[buf].Data[i] = a.At(i)
	}
}

func (e *executable) store(a ir.Array, buf int) {
	for i, v := range e.vals[buf].Data {
		a.Set(i, v)
	}
}

// Host implements ir.Executable.
func (e *executable) Host(buf int) ir.Array { return e.host[buf] }

// Run implements ir.Executable. New state is computed from the old and written back at the end. A value that an
// operation cannot use, such as an id beyond its table, is an error, after which no state has changed.
func (e *executable) Run() error { return e.Trace(nil) }

// Sync implements ir.Executable. Run has stored the state already.
func (e *executable) Sync() error { return nil }

// Trace implements ir.Tracer.
func (e *executable) Trace(each func(instr int, result ir.Array)) (err error) {
	at := 0
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("ref: operation %d, %s: %v", at, e.p.Instrs[at].Spec.Name(), v)
		}
	}()
	for i, b := range e.p.Bufs {
		switch b.Class {
		case ir.Input:
			e.load(i, e.host[i])
		case ir.State:
			e.load(i, e.state[i])
		}
	}
	for i, in := range e.p.Instrs {
		at = i
		x := make([]ir.Tensor, len(in.In))
		for k, b := range in.In {
			x[k] = e.value(b)
		}
		y := e.vals[in.Out]
		clear(y.Data)
		if all, ok := in.Spec.(spread.Collective); ok && e.ranks != nil {
			if err := all.Together(e.ranks, x, y); err != nil {
				return err
			}
		} else {
			in.Spec.Ref(x, y)
		}
		switch e.p.Bufs[in.Out].DType {
		case ir.F32:
			for i, v := range y.Data {
				y.Data[i] = float64(float32(v))
			}
		case ir.BF16:
			for i, v := range y.Data {
				y.Data[i] = ir.BF16Of(v)
			}
		}
		if each != nil {
			result := ir.NewArray(e.p.Bufs[in.Out].Type)
			e.store(result, in.Out)
			each(i, result)
		}
	}
	for _, u := range e.p.Updates {
		e.store(e.state[u.State], u.New)
	}
	for _, o := range e.p.Outputs {
		e.store(e.host[o.Buf], o.Buf)
	}
	return nil
}

// value is a buffer's value; a view is part of what it views.
func (e *executable) value(b int) ir.Tensor {
	of := e.p.Bufs[b]
	if of.Viewed < 0 {
		return e.vals[b]
	}
	t := e.value(of.Viewed)
	return ir.Tensor{Shape: of.Shape, Data: t.Data[of.From : of.From+of.Shape.Size()]}
}
