package cuda

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Paper is a Driver without a device, on which programs can be planned, placed and lowered: it hands out addresses and
// forgets what is queued. Tests look at the launches, estimates count them.
type Paper struct {
	Device  About
	Room    int64              // free memory in bytes
	Live    map[Ptr]int        // bytes of what is allocated
	Modules map[string]string  // texts of what was loaded
	Each    func(Launch) error // called with every launch, if it is not nil
	Graphs  int                // that were captured

	next Ptr
}

// NewPaper is a device of a capability with 80 GiB of memory, as an A100 has it.
func NewPaper() *Paper {
	const room = 80 << 30
	return &Paper{next: 1 << 20, Live: map[Ptr]int{}, Modules: map[string]string{}, Room: room,
		Device: About{Name: "paper", Memory: room, Major: 8, Processors: 108, SharedPerBlock: 163 << 10}}
}

// About implements Driver, and so do the other methods.
func (p *Paper) About() About { return p.Device }

// Memory is Room and the device's memory.
func (p *Paper) Memory() (free, total int64, err error) { return p.Room, p.Device.Memory, nil }

// Alloc hands out an address.
func (p *Paper) Alloc(n int) (Ptr, error) {
	at := p.next
	p.next += Ptr((n + 511) / 256 * 256)
	p.Live[at] = n
	return at, nil
}

// Free refuses what was not allocated.
func (p *Paper) Free(at Ptr) error {
	if _, ok := p.Live[at]; !ok {
		return fmt.Errorf("%#x is freed and was not allocated", at)
	}
	delete(p.Live, at)
	return nil
}

// Host is ordinary memory.
func (p *Paper) Host(n int) ([]byte, error) { return make([]byte, n), nil }

// FreeHost does nothing.
func (p *Paper) FreeHost([]byte) error { return nil }

// Upload does nothing.
func (p *Paper) Upload(Stream, Ptr, []byte) error { return nil }

// Download does nothing.
func (p *Paper) Download(Stream, []byte, Ptr) error { return nil }

// Copy does nothing.
func (p *Paper) Copy(Stream, Ptr, Ptr, int) error { return nil }

// Fill does nothing.
func (p *Paper) Fill(Stream, Ptr, uint32, int) error { return nil }

// Record does nothing.
func (p *Paper) Record(Stream, Event) error { return nil }

// Wait does nothing.
func (p *Paper) Wait(Stream, Event) error { return nil }

// Synchronize does nothing.
func (p *Paper) Synchronize(Stream) error { return nil }

// Close does nothing.
func (p *Paper) Close() error { return nil }

// Event is one that happens at once.
func (p *Paper) Event() (Event, error) { return paperEvent{}, nil }

// Launch hands the launch to Each.
func (p *Paper) Launch(_ Stream, l Launch) error {
	if p.Each != nil {
		return p.Each(l)
	}
	return nil
}

// Capture calls queue.
func (p *Paper) Capture(queue func() error) (Graph, error) {
	p.Graphs++
	return paperGraph{}, queue()
}

// Load keeps the text.
func (p *Paper) Load(name, ptx string) (Module, error) {
	p.Modules[name] = ptx
	return paperModule{name, ptx}, nil
}

type paperModule struct{ name, ptx string }

// Unload implements Module.
func (paperModule) Unload() error { return nil }

// Kernel finds an entry of the text.
func (m paperModule) Kernel(name string) (Kernel, error) {
	head := regexp.MustCompile(`(?s)\.visible \.entry ` + name + `\((.*?)\)\s*\n(.*?)\{`).FindStringSubmatch(m.ptx)
	if head == nil {
		return nil, fmt.Errorf("%s has no kernel %s", m.name, name)
	}
	k := paperKernel{params: strings.Count(head[1], ".param"), threads: 1024}
	if most := regexp.MustCompile(`\.maxntid (\d+)`).FindStringSubmatch(head[2]); most != nil {
		k.threads, _ = strconv.Atoi(most[1])
	}
	return k, nil
}

// paperKernel is what PTX says of a kernel: its parameters, and the most threads of a block.
type paperKernel struct{ params, threads int }

func (paperKernel) Allow(int) error                 { return nil }
func (k paperKernel) Resources() (Resources, error) { return Resources{Threads: k.threads}, nil }

type paperEvent struct{}

func (paperEvent) Synchronize() error                 { return nil }
func (paperEvent) Destroy() error                     { return nil }
func (paperEvent) Since(Event) (time.Duration, error) { return time.Millisecond, nil }

type paperGraph struct{}

func (paperGraph) Launch() error  { return nil }
func (paperGraph) Nodes() int     { return 0 }
func (paperGraph) Destroy() error { return nil }
