package cuda

import (
	"time"

	"selfsup/graph/ir"
)

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
	apart  []lowered // the same, every instruction by itself; made when it is asked for
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
