package inspect

import (
	"fmt"
	"io"
	"sort"
	"strings"

	"selfsup/experiment"
	"selfsup/experiment/report"
	"selfsup/graph"
	"selfsup/methods"
	"selfsup/setting"
)

// Describe prints what the recipe compiles to: data, parameters, operations with their costs, and memory.
func Describe(w io.Writer, s *experiment.Setup) error {
	p := s.Train.IR
	var trained, kept, moments int
	for _, l := range s.Leaves {
		switch n := l.Shape.Size(); l.Kind {
		case graph.Param:
			trained += n
		case graph.State:
			kept += n
		default:
			moments += n
		}
	}
	test := 0
	if s.Data.Test != nil {
		test = s.Data.Test.Len()
	}
	fmt.Fprintf(w, "data        %d training and %d test %s%s of %s\n", s.Data.Train.Len(), test, s.Noun(), s.SeenAs(),
		s.ViewSizes())
	if s.Data.Labelled != nil || s.Seen.Len() < s.Data.Train.Len() || s.Labelled.Len() < s.Data.Train.Len() {
		fmt.Fprintf(w, "subsets     the method sees %d training %s, evaluations learn from %d\n", s.Seen.Len(),
			s.Noun(), s.Labelled.Len())
	}
	if note := s.Faint(); note != "" {
		fmt.Fprintf(w, "pixels      %s\n", note)
	}
	fmt.Fprintf(w, "training    %d steps, %d an epoch, batch %d\n", s.Steps, s.PerEpoch, s.Recipe.Train.Batch)
	for _, early := range s.Stages[:len(s.Stages)-1] {
		fmt.Fprintf(w, "until step  %d views of %v, %.2f GFLOP a step, %.1f MB for temporaries\n", early.Until,
			methods.InputOf(early.Input), float64(early.Train.FLOPs())/1e9, float64(early.Train.IR.Arena)/(1<<20))
	}
	fmt.Fprintf(w, "parameters  %d trained, %d other state, %d of the optimiser\n", trained, kept, moments)
	fmt.Fprintf(w, "step        %d operations, %.2f GFLOP\n", len(p.Instrs), float64(s.Train.FLOPs())/1e9)
	if refs := s.ByReference(); len(refs) > 0 {
		fmt.Fprintf(w, "            without a kernel on %s: %s\n", s.Device.Name(), strings.Join(refs, ", "))
	}
	fmt.Fprintf(w, "memory      %.1f MB for temporaries, %.1f MB for state\n", float64(p.Arena)/(1<<20),
		float64(4*(trained+kept+moments))/(1<<20))
	if limit := s.Recipe.MemoryLimit; limit != 0 {
		fmt.Fprintf(w, "            %s in all within memory_limit = %q, %d operations run again for that\n",
			setting.Size(s.Train.Memory().Total()).In(limit), limit, p.Again)
	}
	fmt.Fprintln(w)

	type cost struct {
		count int
		flops int64
		bytes int64
	}
	costs := map[string]*cost{}
	for _, in := range p.Instrs {
		name := in.Spec.Name()
		if costs[name] == nil {
			costs[name] = &cost{}
		}
		c := costs[name]
		c.count++
		c.flops += p.FLOPs(in)
		c.bytes += int64(p.Bufs[in.Out].Shape.Size() * p.Bufs[in.Out].DType.Size())
	}
	var names []string
	for n := range costs {
		names = append(names, n)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := costs[names[i]], costs[names[j]]
		if a.flops != b.flops {
			return a.flops > b.flops
		}
		if a.bytes != b.bytes {
			return a.bytes > b.bytes
		}
		return names[i] < names[j]
	})
	t := report.Table{Header: []string{"operation", "count", "GFLOP", "result MB"}}
	for _, n := range names {
		c := costs[n]
		t.Rows = append(t.Rows, []string{n, fmt.Sprint(c.count), fmt.Sprintf("%.3f", float64(c.flops)/1e9),
			fmt.Sprintf("%.2f", float64(c.bytes)/(1<<20))})
	}
	if _, err := fmt.Fprintf(w, "%s\n", t); err != nil {
		return err
	}
	t = report.Table{Header: []string{"in the store", "shape", "kind"}}
	for _, l := range s.Leaves {
		if l.Kind != graph.Moment {
			t.Rows = append(t.Rows, []string{l.Name, l.Shape.String(), l.Kind.String()})
		}
	}
	_, err := io.WriteString(w, t.String())
	return err
}
