package experiment

import (
	"fmt"
	"slices"
	"strings"

	"selfsup/graph"
)

// checkInputs refuses a program with inputs that nothing fills, which would be zeros: a method or a backbone has asked
// for them under a name that is wrong. fills are the names that the host fills, beside the schedules that belong to the
// program itself.
func checkInputs(p *graph.Program, fills ...string) error {
	var unfilled []string
	for name, a := range p.Inputs() {
		if _, scheduled := p.Scheduled(name); !scheduled && !slices.Contains(fills, name) {
			unfilled = append(unfilled, fmt.Sprintf("%q %v", name, a.Type))
		}
	}
	if len(unfilled) == 0 {
		return nil
	}
	slices.Sort(unfilled)
	return fmt.Errorf("nothing fills the input %s of the graph; there are %s, and inputs that are declared with "+
		"a schedule", strings.Join(unfilled, " and "), quoted(fills))
}

// checkTrainInputs is checkInputs of a turn's program, which the loader fills with the fields that the method asked its
// batch for.
func (s *Setup) checkTrainInputs(p *graph.Program) error {
	fills := s.Wants
	if s.exchange != nil {
		for _, c := range s.exchange.cuts {
			fills = append(fills[:len(fills):len(fills)], c.Name)
		}
	}
	return checkInputs(p, fills...)
}

func quoted(names []string) string {
	var list []string
	for _, n := range names {
		list = append(list, fmt.Sprintf("%q", n))
	}
	return strings.Join(list, ", ")
}
