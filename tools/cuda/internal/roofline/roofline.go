// Package roofline estimates how long a recipe's training step takes on a GPU at best: every operation takes as long as
// its floating-point operations at the device's peak or its bytes at the memory's speed, whichever is more, and every
// launch has a gap of its own. No device is needed.
package roofline

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"selfsup/experiment"
	"selfsup/graph/cuda"
	"selfsup/graph/device"
	"selfsup/graph/ir"
	"selfsup/recipes"
)

// Chip is a device's peaks by its data sheet.
type Chip struct {
	Name   string
	FP32   float64 // TFLOP/s of the ordinary cores
	TF32   float64 // TFLOP/s of dense products on tensor cores
	BF16   float64
	GBPerS float64
}

// Chips are those that estimates are made for (NVIDIA's data sheets of the A100 80GB SXM and the H100 SXM).
var Chips = []Chip{
	{"A100", 19.5, 156, 312, 2039},
	{"H100", 67, 495, 989, 3350},
}

// gap is the time between two kernels of one graph, in microseconds: a usual value, not a data sheet's.
const gap = 1.0

// Row is the estimate of one kind of operation, in microseconds of a step.
type Row struct {
	Op     string
	Count  int
	GFLOP  float64
	MB     float64
	Micros []float64 // by chip
	Bound  []string  // by chip: arithmetic or memory, of most of the time
}

// Estimate is a step's.
type Estimate struct {
	Recipe    string
	Precision string
	Rows      []Row // longest first
	Launches  int   // kernels and copies that the graph of a step queues
	Total     []float64
}

// paper is the CUDA backend as a device of which nothing is asked.
type paper struct{ cuda.Backend }

func (paper) SetThreads(int)           {}
func (paper) About() device.About      { return device.About{Kernels: "cuda", Threads: 1} }
func (paper) Peak() (float64, float64) { return 0, 0 }

// Of estimates a recipe's step.
func Of(r *recipes.Loaded, tf32 bool) (*Estimate, error) {
	p := cuda.NewPaper()
	b := cuda.New(p)
	b.TF32 = tf32
	e := &Estimate{Recipe: r.Name, Precision: r.Precision, Total: make([]float64, len(Chips))}
	if tf32 {
		e.Precision = "tf32"
	}
	p.Each = func(cuda.Launch) error { e.Launches++; return nil }
	s, err := experiment.PrepareOn(r, paper{b})
	if err != nil {
		return nil, err
	}
	e.add(s.Train.IR)
	for c := range Chips {
		e.Total[c] += gap * float64(e.Launches)
	}
	return e, nil
}

// add sums the operations of a program by name.
func (e *Estimate) add(p *ir.Program) {
	rows := map[string]*Row{}
	bound := map[string][]map[string]float64{}
	for _, in := range p.Instrs {
		name := in.Spec.Name()
		r := rows[name]
		if r == nil {
			r = &Row{Op: name, Micros: make([]float64, len(Chips)), Bound: make([]string, len(Chips))}
			rows[name] = r
			for range Chips {
				bound[name] = append(bound[name], map[string]float64{})
			}
		}
		flops, bytes := float64(p.FLOPs(in)), float64(p.Bytes(in))
		r.Count++
		r.GFLOP += flops / 1e9
		r.MB += bytes / 1e6
		for c, chip := range Chips {
			peak := chip.FP32
			if product(name) {
				peak = map[string]float64{"tf32": chip.TF32, "bf16": chip.BF16}[e.Precision]
				if peak == 0 {
					peak = chip.FP32
				}
			}
			compute, memory := flops/peak/1e6, bytes/chip.GBPerS/1e3
			t := max(compute, memory)
			r.Micros[c] += t
			if compute > memory {
				bound[name][c]["arithmetic"] += t
			} else {
				bound[name][c]["memory"] += t
			}
		}
	}
	for name, r := range rows {
		for c := range Chips {
			r.Bound[c] = "memory"
			if bound[name][c]["arithmetic"] > bound[name][c]["memory"] {
				r.Bound[c] = "arithmetic"
			}
			e.Total[c] += r.Micros[c]
		}
		e.Rows = append(e.Rows, *r)
	}
	slices.SortFunc(e.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Micros[0], a.Micros[0]), strings.Compare(a.Op, b.Op))
	})
}

// product reports whether an operation is one that tensor cores do.
func product(name string) bool {
	return name == "matmul" || name == "gram" || strings.HasPrefix(name, "conv2d") ||
		strings.HasPrefix(name, "attention")
}

// Write prints the estimate. What takes less than a hundredth of the whole is one row.
func (e *Estimate) Write(to io.Writer) error {
	fmt.Fprintf(to, "%s, %s: %d launches a step\n", e.Recipe, e.Precision, e.Launches)
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "operation\tcount\tGFLOP\tMB\t")
	for _, c := range Chips {
		fmt.Fprintf(w, "%s, us\tbound by\t", c.Name)
	}
	fmt.Fprintln(w)
	rest := Row{Op: "others", Micros: make([]float64, len(Chips)), Bound: make([]string, len(Chips))}
	line := func(r Row) {
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.0f\t", r.Op, r.Count, r.GFLOP, r.MB)
		for c := range Chips {
			fmt.Fprintf(w, "%.0f\t%s\t", r.Micros[c], r.Bound[c])
		}
		fmt.Fprintln(w)
	}
	for _, r := range e.Rows {
		if r.Micros[0] >= e.Total[0]/100 {
			line(r)
			continue
		}
		rest.Count += r.Count
		rest.GFLOP += r.GFLOP
		rest.MB += r.MB
		for c := range Chips {
			rest.Micros[c] += r.Micros[c]
			rest.Bound[c] = "memory"
		}
	}
	if rest.Count > 0 {
		line(rest)
	}
	gaps := Row{Op: "launches", Count: e.Launches, Micros: make([]float64, len(Chips)),
		Bound: make([]string, len(Chips))}
	whole := Row{Op: "step", Micros: e.Total, Bound: make([]string, len(Chips))}
	for c := range Chips {
		gaps.Micros[c], gaps.Bound[c] = gap*float64(e.Launches), "gaps"
	}
	line(gaps)
	line(whole)
	return w.Flush()
}
