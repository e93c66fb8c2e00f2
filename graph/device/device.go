// Package device is the one place that knows which backends there are. Whoever runs programs asks it for a device by
// the name that recipes use, and sees the backend only through ir.Backend.
package device

import (
	"fmt"

	"selfsup/graph/ir"
)

// Device is a backend and what it runs on.
type Device interface {
	ir.Backend
	// SetThreads says how many cores the device's work on the host uses. It changes no result.
	SetThreads(n int)
	// About describes the device: Kernels, Threads and Chip, empty where the system does not tell.
	About() About
	// Peak measures what the device can do at most: float32 GFLOPS of products, and GB/s of its memory. It takes a
	// fraction of a second and is right only while nothing else runs.
	Peak() (gflops, gbPerS float64)
}

// About is a description of a device.
type About struct {
	Kernels string // instruction set or architecture that the kernels are written in
	Threads int    // that work at once
	Chip    string // name of the processor
}

// Options are what a recipe lets a device do.
type Options struct {
	Reference bool // run operations that have no kernel by their reference, slowly; without it they are refused
}

// Check says what is wrong with the name of a device.
func Check(name string) error {
	switch name {
	case "cpu":
		return nil
	case "cuda":
		return fmt.Errorf("\"cuda\": this binary has no CUDA backend; use device = \"cpu\"")
	}
	return fmt.Errorf("%q: want \"cpu\"", name)
}

// Open returns the device of a name.
func Open(name string, o Options) (Device, error) {
	if err := Check(name); err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	return newProcessor(o), nil
}

// Host is the processor, on which evaluation and whatever else is no program of a graph computes.
func Host() Device { return newProcessor(Options{}) }
