package device

import (
	"bufio"
	"os"
	"strings"

	"selfsup/graph/cpu"
	"selfsup/graph/cpu/kern"
)

// processor is the device "cpu".
type processor struct{ cpu.Backend }

func newProcessor(o Options) Device {
	return processor{cpu.Backend{Reference: o.Reference, Ranks: o.Ranks}}
}

// SetThreads implements Device, for all processors that were opened.
func (processor) SetThreads(n int) { kern.SetThreads(n) }

// About implements Device.
func (processor) About() About {
	return About{Name: "cpu", Kernels: kern.Level(), Threads: kern.Threads(), Chip: processorName()}
}

// Peak implements Device.
func (processor) Peak() (gflops, gbPerS float64) {
	p := kern.MeasurePeak()
	return p.GFLOPS, p.GBPerS
}

// processorName is the processor's name where the system tells it in /proc.
func processorName() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if key, value, _ := strings.Cut(s.Text(), ":"); strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
