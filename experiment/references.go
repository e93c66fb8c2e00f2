package experiment

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ByReference lists the operations of the training step that have no kernel and run by their reference, each once.
func (s *Setup) ByReference() []string {
	var names []string
	for _, i := range s.Train.References() {
		if name := s.Train.IR.Instrs[i].Spec.Name(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// sayReferences names the operations that run by their reference, with the share of the step's time that they take.
// times are those of Program.Profile.
func (s *Setup) sayReferences(times []time.Duration) string {
	var all time.Duration
	for _, t := range times {
		all += t
	}
	var parts []string
	for _, name := range s.ByReference() {
		var own time.Duration
		count := 0
		for _, i := range s.Train.References() {
			if s.Train.IR.Instrs[i].Spec.Name() == name {
				own += times[i]
				count++
			}
		}
		parts = append(parts, fmt.Sprintf("%s (%d in a step) takes %.1f %% of its time", name, count,
			100*float64(own)/float64(max(all, 1))))
	}
	return fmt.Sprintf("allow_reference: without a kernel on %s, %s", s.Device.Name(), strings.Join(parts, ", "))
}

// referencesDue tells, once in every stage, how much time operations without a kernel take. Nothing is timed where all
// have one.
func (r *run) referencesDue(s *Setup, done int) {
	if !r.timing || !due(done, r.logEvery()) && done != r.Steps {
		return
	}
	r.progress.Say("%s", s.sayReferences(s.Train.Profile()))
	r.timing = false
}
