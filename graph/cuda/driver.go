package cuda

import (
	"fmt"
	"time"
)

// Ptr is an address in a device's memory.
type Ptr uint64

// Stream is one of the two queues of work that a device is used by.
type Stream uint8

// The streams.
const (
	Work   Stream = iota // kernels, and whatever must come in their order
	Copies               // inputs of the next step, while the step before runs
)

// Driver is what the backend uses of a GPU. Package graph/cuda/driver implements it with gorgonia.org/cu; tests have a
// recording one. One goroutine uses a Driver at a time. An address that a Driver handed out is good until it is freed.
type Driver interface {
	About() About
	// Memory is the device's free and whole memory in bytes.
	Memory() (free, total int64, err error)

	Alloc(bytes int) (Ptr, error)
	Free(p Ptr) error
	// Host is page-locked memory of the host, which copies run from and to while the host does other work. It is
	// zeroed. Who still holds a part of it after FreeHost may read and write that, as it is memory of Go's.
	Host(bytes int) ([]byte, error)
	FreeHost(b []byte) error

	// Load compiles PTX for the device. name says in errors what it is; the driver's own log is part of them.
	Load(name, ptx string) (Module, error)

	// The following are queued on a stream and return at once.

	Upload(s Stream, to Ptr, from []byte) error
	Download(s Stream, to []byte, from Ptr) error
	Copy(s Stream, to, from Ptr, bytes int) error
	// Fill sets 32-bit words.
	Fill(s Stream, to Ptr, word uint32, words int) error
	Launch(s Stream, l Launch) error
	Record(s Stream, e Event) error
	// Wait lets what is queued on s from here on start when e has happened.
	Wait(s Stream, e Event) error

	// Capture calls queue, which only queues on Work, and returns what it queued as one graph, without running it.
	Capture(queue func() error) (Graph, error)

	Event() (Event, error)
	// Synchronize returns when all that was queued on s has run, with the error of what failed.
	Synchronize(s Stream) error
	// Close gives everything back.
	Close() error
}

// Module is loaded PTX.
type Module interface {
	Kernel(name string) (Kernel, error)
	Unload() error
}

// Kernel is a function of a module.
type Kernel interface {
	// Allow lets launches have so many bytes of shared memory beside the kernel's own; needed above 48 KiB less that.
	Allow(shared int) error
	// Resources are what the compiled kernel takes.
	Resources() (Resources, error)
}

// Resources are what a thread and a block of a kernel take.
type Resources struct {
	Registers int // of a thread
	Shared    int // static shared memory of a block, in bytes
	Local     int // spilled memory of a thread, in bytes
	Threads   int // most that a block may have
}

// Event is a point in a stream.
type Event interface {
	Synchronize() error
	// Since is the time on the device between another event and this one.
	Since(from Event) (time.Duration, error)
	Destroy() error
}

// Graph is a captured sequence of work.
type Graph interface {
	// Launch queues the graph on Work.
	Launch() error
	// Nodes is the number of kernels and copies in it.
	Nodes() int
	Destroy() error
}

// About describes a device.
type About struct {
	Index          int
	Name           string
	Memory         int64 // bytes
	Major, Minor   int   // compute capability
	Processors     int   // multiprocessors
	SharedPerBlock int   // most shared memory that a block may ask for, in bytes
	Driver         int   // the newest CUDA version that the driver speaks, such as 12040
	ClockKHz       int   // of the multiprocessors
	MemoryClockKHz int
	MemoryBits     int // width of the memory bus
}

// Capability is the compute capability as NVIDIA writes it, such as 8.0.
func (a About) Capability() string { return fmt.Sprintf("%d.%d", a.Major, a.Minor) }

// Launch is one call of a kernel.
type Launch struct {
	Kernel      Kernel
	Name        string // of the kernel
	Grid, Block [3]int
	Shared      int      // dynamic shared memory of a block, in bytes
	Args        []uint64 // the parameters, each in 8 bytes whatever its type
}
