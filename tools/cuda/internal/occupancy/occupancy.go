// Package occupancy lists what every kernel takes of a multiprocessor, as far as PTX tells: threads, shared memory, and
// the registers that its launch bounds leave a thread. How many a kernel really uses the driver's compiler decides;
// bench/gpu.sh reads that on a device.
package occupancy

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"

	"selfsup/graph/cuda/kernels"
)

// Limits are a generation's, of one multiprocessor and of one block.
type Limits struct {
	Name                                 string
	Threads, Blocks, Registers           int // of a multiprocessor
	Shared                               int // bytes of a multiprocessor
	BlockThreads, BlockShared, PerThread int // of a block, and registers of a thread
}

// Ampere is sm_80 as NVIDIA's programming guide lists it (CUDA C++ Programming Guide, table of compute capabilities).
var Ampere = Limits{Name: "sm_80", Threads: 2048, Blocks: 32, Registers: 64 << 10, Shared: 164 << 10,
	BlockThreads: 1024, BlockShared: 163 << 10, PerThread: 255}

// Kernel is one kernel's use.
type Kernel struct {
	Module, Name    string
	Threads, Blocks int  // of a block; blocks that a multiprocessor is to hold
	Shared          int  // static bytes of a block
	Dynamic         bool // the launch adds shared memory
}

// Registers is how many a thread may use by the launch bounds.
func (k Kernel) Registers(l Limits) int {
	n := l.Registers / (k.Threads * max(1, k.Blocks))
	return min(l.PerThread, n/8*8)
}

// Resident is how many blocks fit on a multiprocessor if every thread uses the registers it may.
func (k Kernel) Resident(l Limits) int {
	// 1 KiB of shared memory of every block is the system's.
	return min(l.Blocks, l.Threads/k.Threads, l.Registers/(k.Registers(l)*k.Threads), l.Shared/(k.Shared+1<<10))
}

// Occupancy is the share of a multiprocessor's threads that Resident blocks have.
func (k Kernel) Occupancy(l Limits) float64 {
	return float64(k.Resident(l)*k.Threads) / float64(l.Threads)
}

// Fault says how a kernel is above the limits, empty if it is not.
func (k Kernel) Fault(l Limits) string {
	switch {
	case k.Threads < 1 || k.Threads > l.BlockThreads:
		return fmt.Sprintf("%s: blocks of %d threads, want 1 to %d", k.Name, k.Threads, l.BlockThreads)
	case k.Shared > 48<<10:
		return fmt.Sprintf("%s: %d bytes of static shared memory, the most is %d", k.Name, k.Shared, 48<<10)
	case k.Registers(l) < 24:
		return fmt.Sprintf("%s: its bounds leave a thread %d registers", k.Name, k.Registers(l))
	}
	return ""
}

var (
	head   = regexp.MustCompile(`(?s)\.visible \.entry (\w+)\((.*?)\)\s*\n(.*?)\n\{(.*?)\n\}`)
	ntid   = regexp.MustCompile(`\.maxntid (\d+)(?:, (\d+))?(?:, (\d+))?`)
	mincta = regexp.MustCompile(`\.minnctapersm (\d+)`)
	shared = regexp.MustCompile(`(?m)^\s*(\.extern )?\.shared \.align \d+ \.b(\d+) (\w+)\[?(\d*)\]?`)
)

// Kernels are those of all committed modules.
func Kernels() (all []Kernel) {
	for _, m := range kernels.Modules() {
		areas := shared.FindAllStringSubmatch(m.PTX, -1)
		for _, e := range head.FindAllStringSubmatch(m.PTX, -1) {
			k := Kernel{Module: m.Name, Name: e[1]}
			if n := ntid.FindStringSubmatch(e[3]); n != nil {
				k.Threads = 1
				for _, d := range n[1:] {
					if v, err := strconv.Atoi(d); err == nil {
						k.Threads *= v
					}
				}
			}
			if n := mincta.FindStringSubmatch(e[3]); n != nil {
				k.Blocks, _ = strconv.Atoi(n[1])
			}
			for _, a := range areas {
				if !regexp.MustCompile(`\b` + a[3] + `\b`).MatchString(e[4]) {
					continue
				}
				bits, _ := strconv.Atoi(a[2])
				n, err := strconv.Atoi(a[4])
				switch {
				case a[1] != "":
					k.Dynamic = true
				case err == nil:
					k.Shared += n * bits / 8
				default:
					k.Shared += bits / 8
				}
			}
			all = append(all, k)
		}
	}
	return all
}

// Write prints the table and returns an error that names kernels above the limits.
func Write(to io.Writer, l Limits) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "file\tkernel\tthreads\tshared, bytes\tregisters at most\tblocks on an %s\toccupancy\n", l.Name)
	var faults []string
	for _, k := range Kernels() {
		if f := k.Fault(l); f != "" {
			faults = append(faults, f)
			continue
		}
		size := strconv.Itoa(k.Shared)
		if k.Dynamic {
			size += " and the launch's"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d\t%d\t%.0f %%\n", k.Module, k.Name, k.Threads, size, k.Registers(l),
			k.Resident(l), 100*k.Occupancy(l))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if faults != nil {
		return fmt.Errorf("kernels above the limits of %s:\n  %s", l.Name, strings.Join(faults, "\n  "))
	}
	return nil
}
