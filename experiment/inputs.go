package experiment

import (
	"fmt"
	"slices"
	"strings"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/methods"
)

// checkInputs refuses a program with inputs that nothing fills, which would be zeros: a method or a backbone has asked for them under a name
// that is wrong. fills are the names that the host fills, beside the schedules that belong to the program itself.
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
	return fmt.Errorf("nothing fills the input %s of the graph; there are %s, and inputs that are declared with a schedule", strings.Join(unfilled, " and "), quoted(fills))
}

// checkTrainInputs is checkInputs of the training step, whose views and labels the loader fills.
func (s *Setup) checkTrainInputs() error {
	var fills []string
	for v := range s.Views.Views {
		fills = append(fills, viewInput(v))
	}
	if err := checkInputs(s.Train, append(fills, methods.LabelsInput)...); err != nil {
		return err
	}
	labels, declared := s.Train.Inputs()[methods.LabelsInput]
	if want := (ir.Type{Shape: ir.Shape{s.Recipe.Train.Batch}, DType: ir.I32}); declared && (labels.DType != want.DType || !labels.Shape.Equal(want.Shape)) {
		return fmt.Errorf("the graph declares its input %q as %v; labels are %v", methods.LabelsInput, labels.Type, want)
	}
	return nil
}

func quoted(names []string) string {
	var list []string
	for _, n := range names {
		list = append(list, fmt.Sprintf("%q", n))
	}
	return strings.Join(list, ", ")
}
