// Package device is the one place that knows which backends there are. Whoever runs programs asks it for a device by
// the name that recipes use, and sees the backend only through ir.Backend.
package device

import (
	"fmt"
	"strings"

	"selfsup/graph/comm"
	"selfsup/graph/ir"
)

// Device is a backend and what it runs on.
type Device interface {
	ir.Backend
	// SetThreads says how many cores the device's work on the host uses. It changes no result.
	SetThreads(n int)
	// About describes the device; what the system does not tell is empty.
	About() About
	// Peak measures what the device can do at most: float32 GFLOPS of products, and GB/s of its memory. It takes a
	// fraction of a second and is right only while nothing else runs.
	Peak() (gflops, gbPerS float64)
}

// Roomy is a Device with memory of its own, in which the temporaries of its programs and their state lie.
type Roomy interface {
	// Room is the bytes that are free there.
	Room() (int64, error)
}

// About is a description of a device.
type About struct {
	Name    string `json:"device"`  // as recipes write it
	Kernels string `json:"kernels"` // instruction set or architecture that the kernels are written in: cuda 9.0
	Threads int    `json:"-"`       // that work at once, on the host
	Chip    string `json:"chip"`    // name of the processor
	Memory  int64  `json:"memory"`  // of a GPU, in bytes
	Driver  string `json:"driver"`  // of a GPU: the CUDA version that it speaks
}

// Options are what a recipe lets a device do.
type Options struct {
	Reference bool // run operations that have no kernel by their reference, slowly; without it they are refused
	// Ranks are the other processes that a training step is dealt out over; nil: there are none
	Ranks *comm.Line
	TF32  bool // round the operands of float32 products to 10 bits of mantissa on a GPU, which is faster
}

// Check says what is wrong with the name of a device.
func Check(name string) error {
	switch {
	case name == "cpu":
		return nil
	case IsGPU(name):
		return checkCUDA(name)
	}
	return fmt.Errorf("%q: want \"cpu\", or \"cuda\" for a GPU", name)
}

// IsGPU reports whether a device's name is that of a GPU.
func IsGPU(name string) bool { return name == "cuda" || strings.HasPrefix(name, "cuda:") }

// Open returns the device of a name.
func Open(name string, o Options) (Device, error) {
	if err := Check(name); err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	if IsGPU(name) {
		if o.Ranks != nil {
			return nil, fmt.Errorf("device: %q on %d ranks: gradients are summed over ranks on the processor alone; "+
				"want \"cpu\", or one process", name, o.Ranks.Size())
		}
		d, err := openCUDA(name, o)
		if err != nil {
			return nil, fmt.Errorf("device: %w", err)
		}
		return d, nil
	}
	return newProcessor(o), nil
}

// Host is the processor, on which evaluation and whatever else is no program of a graph computes.
func Host() Device { return newProcessor(Options{}) }
