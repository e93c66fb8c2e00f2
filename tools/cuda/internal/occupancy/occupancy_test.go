package occupancy

import (
	"io"
	"testing"

	"selfsup/graph/cuda/kernels"
)

// Every kernel has launch bounds and keeps the limits; none is missing from the list.
func TestKernelsKeepLimits(t *testing.T) {
	if err := Write(io.Discard, Ampere); err != nil {
		t.Error(err)
	}
	n := 0
	for _, m := range kernels.Modules() {
		n += len(m.Kernels)
	}
	if got := len(Kernels()); got != n || n == 0 {
		t.Errorf("%d kernels are listed, the modules have %d", got, n)
	}
}

// The figures of one kernel by hand: 256 threads in 2 blocks leave 128 registers; 16,896 bytes fit 9 times, registers
// twice.
func TestFigures(t *testing.T) {
	k := Kernel{Name: "k", Threads: 256, Blocks: 2, Shared: 16896}
	if r, b, o := k.Registers(Ampere), k.Resident(Ampere), k.Occupancy(Ampere); r != 128 || b != 2 || o != .25 {
		t.Errorf("%d registers, %d blocks, occupancy %v; want 128, 2, 0.25", r, b, o)
	}
	if f := (Kernel{Name: "k", Threads: 2048}).Fault(Ampere); f == "" {
		t.Error("2,048 threads pass")
	}
	if f := (Kernel{Name: "k", Threads: 256, Shared: 50000}).Fault(Ampere); f == "" {
		t.Error("50,000 bytes of static shared memory pass")
	}
}
