package cuda

import (
	"time"

	"selfsup/graph/ir"
)

// executable is a program with its memory on a device.
type executable struct {
	b     Backend
	p     *ir.Program
	at    []Ptr            // by buffer
	host  map[int]ir.Array // inputs and outputs, in page-locked memory
	state map[int]ir.Array // the Store's, by root
	taken *taken

	entries  map[int]*entry // the state on the device, by root
	attached bool           // the device has had all of the state since the last Sync
	seen     int            // shared.syncs when it was attached

	fed            []byte // the host's memory of all inputs together, single numbers first
	singles        int    // bytes of these
	arrived, input Ptr    // where copies of the next step's inputs arrive, and where kernels read them
	scratch        Ptr
	scratchBytes   int
	outputs        []output

	calls  []lowered // by instruction, then the copies of updates
	apart  []lowered // the same, every instruction by itself; made when it is asked for
	errors Ptr       // 64 bits, see report in prelude.h
	note   []byte    // its copy on the host

	copied, placed Event
	sent           bool // the inputs of the next step are on their way
	running        bool // a step was queued and nobody waited for it
	times          []time.Duration
	marks          []Event // between the instructions of a timed step
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
		e.taken.blocks = append(e.taken.blocks, p)
	}
	return p, err
}

// event makes an event.
func (e *executable) event() (Event, error) {
	ev, err := e.b.Driver.Event()
	if err == nil {
		e.taken.events = append(e.taken.events, ev)
	}
	return ev, err
}

// room takes page-locked memory of the host.
func (e *executable) room(bytes int) ([]byte, error) {
	m, err := e.b.Driver.Host(max(bytes, align))
	if err == nil {
		e.taken.pinned = append(e.taken.pinned, m)
	}
	return m, err
}

// need refuses a program that takes more bytes than the device has free.
func (b Backend) need(want int64) error {
	free, _, err := b.Driver.Memory()
	if err == nil && want > free {
		if err = b.collect(); err == nil {
			free, _, err = b.Driver.Memory()
		}
	}
	if err == nil && want > free {
		return &MemoryError{Want: want, Free: free, Device: b.Driver.About().Name}
	}
	return err
}

// place gives every buffer its memory.
func (e *executable) place() error {
	p, d := e.p, e.b.Driver
	var ins, states, consts, outs int // states: those that are not on the device yet
	for i, buf := range p.Bufs {
		if buf.Root != i {
			continue
		}
		switch n := aligned(bytesOf(buf.Type)); buf.Class {
		case ir.Input:
			ins += n
			if buf.Shape.Size() == 1 {
				e.singles += n
			}
		case ir.State:
			if m := raw(e.state[i]); len(m) > 0 && e.b.shared.state[&m[0]] == nil {
				states += n
			}
		case ir.Const:
			consts += n
		}
	}
	for _, o := range p.Outputs {
		outs += aligned(bytesOf(p.Bufs[o.Buf].Type))
	}
	e.scratchBytes = e.b.Scratch(p)
	want := int64(p.Arena + 2*ins + states + consts + e.scratchBytes)
	if err := e.b.need(want); err != nil {
		return err
	}

	var arena, constsAt Ptr
	var err error
	for _, block := range []struct {
		at    *Ptr
		bytes int
	}{{&arena, p.Arena}, {&e.arrived, ins}, {&e.input, ins}, {&constsAt, consts}, {&e.scratch, e.scratchBytes},
		{&e.errors, 8}} {
		if *block.at, err = e.alloc(block.bytes); err != nil {
			return err
		}
	}
	if e.fed, err = e.room(ins); err != nil {
		return err
	}
	e.fed = e.fed[:ins]
	if e.note, err = e.room(8); err != nil {
		return err
	}
	results, err := e.room(outs)
	if err != nil {
		return err
	}
	if err := e.placeState(); err != nil {
		return err
	}
	single, fed := 0, e.singles
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
				e.taken.blocks = append(e.taken.blocks, e.at[i])
			}
		case ir.Input:
			next := &fed
			if buf.Shape.Size() == 1 {
				next = &single
			}
			e.at[i] = e.input + Ptr(*next)
			e.host[i] = arrayIn(e.fed[*next:], buf.Type)
			*next += aligned(n)
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
	for _, ev := range []*Event{&e.copied, &e.placed} {
		if *ev, err = e.event(); err != nil {
			return err
		}
	}
	return d.Synchronize(Work)
}
