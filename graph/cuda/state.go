package cuda

import (
	"cmp"
	"runtime"
	"sync"

	"selfsup/graph/ir"
)

// shared is what all programs of a device share: compiled modules, the state of their Stores, and what programs that
// nobody uses any more have taken, which the next one gives back.
type shared struct {
	modules map[string]Module
	kernels map[string]Kernel

	state map[*byte]*entry // by the host's memory of the array
	syncs int              // counts that state came back to the host, which may have changed it since

	mu   sync.Mutex
	left []*taken
}

// entry is an array of a Store on the device. Programs over one Store share it, so that what one leaves the next finds,
// without a copy.
type entry struct {
	at    Ptr
	in    *block
	host  ir.Array // keeps the Store's array alive, whose address is the entry's key
	users int
	ahead bool // a step wrote it, and the host has not seen that
	known bool // the device holds what the host holds, unless it is ahead
}

// block is memory of entries that came together.
type block struct {
	at      Ptr
	entries int
}

// taken is what a program has of its device.
type taken struct {
	blocks  []Ptr
	pinned  [][]byte
	events  []Event
	modules []Module
	graph   Graph
	keys    []*byte // of entries of the state
}

// leave notes that nobody uses a program any more. It may be called by any goroutine.
func (s *shared) leave(t *taken) {
	s.mu.Lock()
	s.left = append(s.left, t)
	s.mu.Unlock()
}

// tidy gives back what programs have taken that nobody uses any more.
func (b Backend) tidy() error {
	b.shared.mu.Lock()
	left := b.shared.left
	b.shared.left = nil
	b.shared.mu.Unlock()
	if len(left) == 0 {
		return nil
	}
	err := b.Driver.Synchronize(Work)
	for _, t := range left {
		err = cmp.Or(err, b.giveBack(t))
	}
	return err
}

// collect gives back what a garbage collection finds unused.
func (b Backend) collect() error {
	runtime.GC() // finds programs that nobody uses
	runtime.GC() // and has run what they left to be called
	return b.tidy()
}

func (b Backend) giveBack(t *taken) error {
	d := b.Driver
	var first error // of a device that failed all calls have the same
	note := func(err error) { first = cmp.Or(first, err) }
	if t.graph != nil {
		note(t.graph.Destroy())
	}
	for _, e := range t.events {
		note(e.Destroy())
	}
	for _, m := range t.modules {
		note(m.Unload())
	}
	for _, p := range t.blocks {
		note(d.Free(p))
	}
	for _, m := range t.pinned {
		note(d.FreeHost(m))
	}
	for _, k := range t.keys {
		note(b.release(k))
	}
	*t = taken{}
	return first
}

// release ends a program's use of an entry. The last entry of a block frees it.
func (b Backend) release(k *byte) error {
	e := b.shared.state[k]
	if e.users--; e.users > 0 {
		return nil
	}
	delete(b.shared.state, k)
	if e.in == nil { // there was no memory for it
		return nil
	}
	if e.in.entries--; e.in.entries > 0 {
		return nil
	}
	return b.Driver.Free(e.in.at)
}

// placeState finds the program's part of the Store on the device, and takes memory for what is not there yet.
func (e *executable) placeState() error {
	s := e.b.shared
	var fresh []int
	bytes := 0
	for i, buf := range e.p.Bufs {
		if buf.Root != i || buf.Class != ir.State || len(raw(e.state[i])) == 0 {
			continue
		}
		k := &raw(e.state[i])[0]
		if s.state[k] == nil {
			s.state[k] = &entry{host: e.state[i]}
			fresh = append(fresh, i)
			bytes += aligned(bytesOf(buf.Type))
		}
		s.state[k].users++
		e.taken.keys = append(e.taken.keys, k)
		e.entries[i] = s.state[k]
	}
	var in *block
	at := Ptr(0)
	for _, i := range fresh {
		n := aligned(bytesOf(e.p.Bufs[i].Type))
		if in == nil || e.b.Apart {
			if e.b.Apart {
				bytes = n
			}
			p, err := e.b.Driver.Alloc(bytes)
			if err != nil {
				return err
			}
			in, at = &block{at: p}, p
		}
		x := e.entries[i]
		x.in, x.at = in, at
		in.entries++
		at += Ptr(n)
	}
	for i, x := range e.entries {
		e.at[i] = x.at
	}
	return nil
}

// attach brings to the device what the host may have changed: at the program's first step and after its Sync all of its
// state but what another program's step wrote, later what came back to the host by another's Sync.
func (e *executable) attach() error {
	s := e.b.shared
	if e.attached && e.seen == s.syncs {
		return nil
	}
	for _, x := range e.entries {
		if x.ahead || e.attached && x.known {
			continue
		}
		if err := e.b.Driver.Upload(Work, x.at, raw(x.host)); err != nil {
			return err
		}
		x.known = true
	}
	e.attached, e.seen = true, s.syncs
	return e.b.Driver.Synchronize(Work)
}

// wrote notes what a step that was queued changes.
func (e *executable) wrote() {
	for _, u := range e.p.Updates {
		if x := e.entries[e.p.Bufs[u.State].Root]; x != nil {
			x.ahead = true
		}
	}
}

// Sync implements ir.Executable.
func (e *executable) Sync() error {
	if err := e.Wait(); err != nil {
		return err
	}
	for _, x := range e.entries {
		if x.ahead {
			if err := e.b.Driver.Download(Work, raw(x.host), x.at); err != nil {
				return err
			}
		}
	}
	if err := e.b.Driver.Synchronize(Work); err != nil {
		return err
	}
	for _, x := range e.entries {
		x.ahead, x.known = false, false
	}
	e.attached = false
	e.b.shared.syncs++
	return nil
}
