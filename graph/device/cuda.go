//go:build gpu && cgo

package device

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"selfsup/graph"
	"selfsup/graph/cpu/kern"
	"selfsup/graph/cuda"
	"selfsup/graph/cuda/driver"
	"selfsup/graph/op"
)

// checkCUDA says what is wrong with the name of a GPU. Whether the machine has it is seen when it is opened.
func checkCUDA(name string) error {
	_, err := gpuIndex(name)
	return err
}

// gpuIndex is the number of a GPU by its name, "cuda" or "cuda:1".
func gpuIndex(name string) (int, error) {
	rest, numbered := strings.CutPrefix(name, "cuda:")
	if !numbered {
		return 0, nil
	}
	n, err := strconv.Atoi(rest)
	if err != nil || n < 0 || rest != strconv.Itoa(n) {
		return 0, fmt.Errorf("%q: want \"cuda\", or a GPU by its number such as \"cuda:1\"", name)
	}
	return n, nil
}

// gpus are the backends of the GPUs that this process has opened: each is opened once, as programs share what lies on
// it.
var gpus struct {
	sync.Mutex
	opened map[int]cuda.Backend
}

func openCUDA(name string, o Options) (Device, error) {
	if o.Reference {
		return nil, fmt.Errorf("%q: operations without a kernel cannot run by their reference on a GPU; want "+
			"allow_reference = false, or device = \"cpu\"", name)
	}
	n, err := gpuIndex(name)
	if err != nil {
		return nil, err
	}
	gpus.Lock()
	defer gpus.Unlock()
	b, ok := gpus.opened[n]
	if !ok {
		d, err := driver.Open(n)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		b = cuda.New(d)
		if gpus.opened == nil {
			gpus.opened = map[int]cuda.Backend{}
		}
		gpus.opened[n] = b
	}
	b.TF32 = o.TF32
	return gpu{b}, nil
}

// GPUs describes the GPUs of this machine.
func GPUs() ([]About, error) {
	all, err := driver.Devices()
	list := make([]About, len(all))
	for i, a := range all {
		list[i] = aboutGPU(a)
	}
	return list, err
}

// gpu is the device "cuda".
type gpu struct{ cuda.Backend }

// SetThreads implements Device: of what the host computes.
func (gpu) SetThreads(n int) { kern.SetThreads(n) }

// About implements Device.
func (g gpu) About() About { return aboutGPU(g.Driver.About()) }

func aboutGPU(a cuda.About) About {
	name := "cuda"
	if a.Index > 0 {
		name = fmt.Sprintf("cuda:%d", a.Index)
	}
	return About{Name: name, Kernels: "cuda " + a.Capability(), Threads: kern.Threads(), Chip: a.Name,
		Memory: a.Memory, Driver: fmt.Sprintf("%d.%d", a.Driver/1000, a.Driver%1000/10)}
}

// Room implements Roomy.
func (g gpu) Room() (int64, error) {
	free, _, err := g.Driver.Memory()
	return free, err
}

// Peak measures products of square matrices and sums of two long vectors, which read two numbers and write one: each
// at twice the size until it takes long enough to be measured well, or there is no more.
const (
	peakSide, mostSide     = 512, 8192
	peakLength, mostLength = 1 << 20, 1 << 26
	peakSeconds            = 2e-3
	peakRuns               = 3
)

// Peak implements Device. It is 0, 0 where the device has no room for the measurement.
func (g gpu) Peak() (gflops, gbPerS float64) {
	init := graph.Uniform(1)
	for n := peakSide; n <= mostSide; n *= 2 {
		t := g.fastest(func(s *graph.Scope) {
			a, b := s.State("a", init, n, n), s.State("b", init, n, n)
			s.Output("y", op.MeanAll(op.MatMul(a, b, false, false)))
		})
		if t == 0 {
			break
		}
		if gflops = 2 * float64(n) * float64(n) * float64(n) / t / 1e9; t > peakSeconds {
			break
		}
	}
	for n := peakLength; n <= mostLength; n *= 2 {
		t := g.fastest(func(s *graph.Scope) {
			a, b := s.State("a", graph.Fill(1), n), s.State("b", graph.Fill(2), n)
			s.Update(a, op.Add(a, b))
		})
		if t == 0 {
			break
		}
		if gbPerS = 3 * 4 * float64(n) / t / 1e9; t > peakSeconds/4 {
			break
		}
	}
	return gflops, gbPerS
}

// fastest is the shortest time that a program takes on the device, in seconds; 0 where it cannot run.
func (g gpu) fastest(build func(s *graph.Scope)) float64 {
	built, err := graph.Build(graph.Options{}, build)
	if err != nil {
		return 0
	}
	p, err := built.Compile(g, graph.NewStore(1))
	if err != nil {
		return 0
	}
	fastest, before := 0.0, 0.0
	for i := range peakRuns + 1 {
		p.Profile()
		if err := p.Run(); err != nil {
			return 0
		}
		total := 0.0
		for _, t := range p.Profile() {
			total += t.Seconds()
		}
		if t := total - before; i == 1 || i > 1 && t < fastest { // the first run warms up
			fastest = t
		}
		before = total
	}
	return fastest
}
