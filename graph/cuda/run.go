package cuda

import (
	"fmt"
	"time"
	"unsafe"

	"selfsup/graph/ir"
)

// queue queues a step on Work.
func (e *executable) queue() error {
	if err := e.b.Driver.Fill(Work, e.errors, 0, 2); err != nil {
		return err
	}
	for i := range e.calls {
		if err := e.run(e.calls, i); err != nil {
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
func (e *executable) run(calls []lowered, i int) error {
	c, d := calls[i], e.b.Driver
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

// Feed implements ir.Starter: the inputs are on their way while the step before may still run.
func (e *executable) Feed() error {
	d := e.b.Driver
	if e.sent {
		return nil
	}
	if n := e.singles; n < len(e.fed) {
		if err := d.Upload(Copies, e.arrived+Ptr(n), e.fed[n:]); err != nil {
			return err
		}
	}
	e.sent = true
	return d.Record(Copies, e.copied)
}

// take queues what puts the inputs where kernels read them: what Feed sent, and the single numbers.
func (e *executable) take() error {
	d := e.b.Driver
	if len(e.fed) == 0 {
		return nil
	}
	if err := e.Feed(); err != nil {
		return err
	}
	e.sent = false
	n := e.singles
	if err := d.Upload(Work, e.input, e.fed[:n]); err != nil {
		return err
	}
	if err := d.Wait(Work, e.copied); err != nil {
		return err
	}
	if n < len(e.fed) {
		if err := d.Copy(Work, e.input+Ptr(n), e.arrived+Ptr(n), len(e.fed)-n); err != nil {
			return err
		}
	}
	return d.Record(Work, e.placed)
}

// Start implements ir.Starter.
func (e *executable) Start() error {
	if err := e.Wait(); err != nil {
		return err
	}
	if err := e.attach(); err != nil {
		return err
	}
	if err := e.take(); err != nil {
		return err
	}
	step := e.queue
	switch {
	case e.times != nil:
		step = e.timed
	case e.taken.graph != nil:
		step = e.taken.graph.Launch
	}
	if err := step(); err != nil {
		return err
	}
	e.wrote()
	e.running = true
	if len(e.fed) == 0 {
		return nil
	}
	return e.placed.Synchronize()
}

// Wait implements ir.Starter.
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

// Profile implements ir.Profiler: from here on steps run one instruction after the other, each between two events.
func (e *executable) Profile() []time.Duration {
	if e.times == nil {
		e.times = make([]time.Duration, len(e.calls))
	}
	return e.times
}

func (e *executable) timed() error {
	d := e.b.Driver
	if err := d.Fill(Work, e.errors, 0, 2); err != nil {
		return err
	}
	for len(e.marks) <= len(e.calls) {
		mark, err := e.event()
		if err != nil {
			return err
		}
		e.marks = append(e.marks, mark)
	}
	for i := range e.marks {
		if i > 0 {
			if err := e.run(e.calls, i-1); err != nil {
				return err
			}
		}
		if err := d.Record(Work, e.marks[i]); err != nil {
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
		t, err := e.marks[i+1].Since(e.marks[i])
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
	if e.apart == nil {
		var err error
		if e.apart, err = e.lower(true); err != nil {
			return err
		}
	}
	if err := e.Wait(); err != nil {
		return err
	}
	if err := e.attach(); err != nil {
		return err
	}
	if err := e.take(); err != nil {
		return err
	}
	e.wrote()
	if err := d.Fill(Work, e.errors, 0, 2); err != nil {
		return err
	}
	for i := range e.apart {
		if err := e.run(e.apart, i); err != nil {
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
