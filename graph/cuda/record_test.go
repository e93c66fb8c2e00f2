package cuda

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// recorder is a Driver without a device: it hands out addresses, remembers what was queued, and checks every launch
// against the PTX of its kernel.
type recorder struct {
	t        *testing.T
	next     Ptr
	live     map[Ptr]int
	events   int
	launches []Launch
	modules  map[string]string // texts of those that were loaded
	graphs   int
	about    About
	free     int64
}

func newRecorder(t *testing.T) *recorder {
	return &recorder{t: t, next: 1 << 20, live: map[Ptr]int{}, modules: map[string]string{}, free: 8 << 30,
		about: About{Name: "a recorder", Memory: 8 << 30, Major: 8, Processors: 108, SharedPerBlock: 163 << 10}}
}

func (r *recorder) About() About                  { return r.about }
func (r *recorder) Memory() (int64, int64, error) { return r.free, r.about.Memory, nil }
func (r *recorder) Alloc(n int) (Ptr, error) {
	p := r.next
	r.next += Ptr((n + 511) / 256 * 256)
	r.live[p] = n
	return p, nil
}
func (r *recorder) Free(p Ptr) error {
	if _, ok := r.live[p]; !ok {
		r.t.Errorf("%#x is freed and was not allocated", p)
	}
	delete(r.live, p)
	return nil
}
func (r *recorder) Host(n int) ([]byte, error)               { return make([]byte, n), nil }
func (r *recorder) FreeHost([]byte) error                    { return nil }
func (r *recorder) Upload(Stream, Ptr, []byte) error         { return nil }
func (r *recorder) Download(_ Stream, _ []byte, _ Ptr) error { return nil }
func (r *recorder) Copy(Stream, Ptr, Ptr, int) error         { return nil }
func (r *recorder) Fill(Stream, Ptr, uint32, int) error      { return nil }
func (r *recorder) Record(Stream, Event) error               { return nil }
func (r *recorder) Wait(Stream, Event) error                 { return nil }
func (r *recorder) Synchronize(Stream) error                 { return nil }
func (r *recorder) Close() error                             { return nil }
func (r *recorder) Event() (Event, error)                    { r.events++; return recordedEvent{}, nil }

func (r *recorder) Launch(_ Stream, l Launch) error {
	r.launches = append(r.launches, l)
	k := l.Kernel.(recordedKernel)
	if len(l.Args) != k.params {
		r.t.Errorf("kernel %s is launched with %d parameters, its PTX has %d", l.Name, len(l.Args), k.params)
	}
	if n := l.Block[0] * l.Block[1] * l.Block[2]; n < 1 || n > k.threads {
		r.t.Errorf("kernel %s is launched with blocks of %d threads, its PTX allows %d", l.Name, n, k.threads)
	}
	if l.Grid[0] < 1 || l.Grid[1] < 1 || l.Grid[2] < 1 || l.Grid[1] > 65535 || l.Grid[2] > 65535 {
		r.t.Errorf("kernel %s is launched on a grid of %v", l.Name, l.Grid)
	}
	return nil
}

func (r *recorder) Capture(queue func() error) (Graph, error) {
	r.graphs++
	return recordedGraph{}, queue()
}

func (r *recorder) Load(name, ptx string) (Module, error) {
	r.modules[name] = ptx
	return recordedModule{name, ptx}, nil
}

type recordedModule struct{ name, ptx string }

func (m recordedModule) Kernel(name string) (Kernel, error) {
	head := regexp.MustCompile(`(?s)\.visible \.entry ` + name + `\((.*?)\)\s*\n(.*?)\{`).FindStringSubmatch(m.ptx)
	if head == nil {
		return nil, fmt.Errorf("%s has no kernel %s", m.name, name)
	}
	k := recordedKernel{name: name, params: strings.Count(head[1], ".param"), threads: 1024}
	if most := regexp.MustCompile(`\.maxntid (\d+)`).FindStringSubmatch(head[2]); most != nil {
		k.threads, _ = strconv.Atoi(most[1])
	}
	return k, nil
}

type recordedKernel struct {
	name            string
	params, threads int
}

func (recordedKernel) Allow(int) error                 { return nil }
func (k recordedKernel) Resources() (Resources, error) { return Resources{Threads: k.threads}, nil }

type recordedEvent struct{}

func (recordedEvent) Synchronize() error                 { return nil }
func (recordedEvent) Since(Event) (time.Duration, error) { return time.Millisecond, nil }

type recordedGraph struct{}

func (recordedGraph) Launch() error  { return nil }
func (recordedGraph) Nodes() int     { return 0 }
func (recordedGraph) Destroy() error { return nil }
