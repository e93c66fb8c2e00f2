package inspect

import (
	"path"
	"slices"
	"strings"
	"time"

	"selfsup/experiment"
	"selfsup/graph"
	"selfsup/graph/ir"
)

// Parts of a training step, by what an operation is for.
const (
	networkPart   = "network"   // backbone and heads, forward and backward, of students and teachers
	lossPart      = "loss"      // what stands on the network: the loss, its gradient, metrics, queues, banks, centres
	teacherPart   = "teacher"   // moving averages of parameters
	optimizerPart = "optimizer" // and lengths of gradients
	probePart     = "probe"     // the online classifier
)

// partNames is the order of the table.
var partNames = []string{networkPart, lossPart, teacherPart, optimizerPart, probePart}

// PartTime is the time of a part of a step.
type PartTime struct {
	Name  string  `json:"name"`
	MS    float64 `json:"ms"` // mean of a step
	Share float64 `json:"share"`
}

// partTimes adds up the times of the instructions of a step, the copies of updates behind them with the loss.
func partTimes(s *experiment.Setup, times []time.Duration, steps int) []PartTime {
	parts := partsOf(s)
	list, total := make([]PartTime, len(partNames)), 0.0
	for i, name := range partNames {
		list[i].Name = name
	}
	for i, t := range times {
		part := lossPart
		if i < len(parts) {
			part = parts[i]
		}
		ms := 1e3 * t.Seconds() / float64(steps)
		list[slices.Index(partNames, part)].MS += ms
		total += ms
	}
	for i := range list {
		list[i].Share = per(list[i].MS, total)
	}
	return slices.DeleteFunc(list, func(p PartTime) bool { return p.MS == 0 })
}

// optimizerOps are the operations of the rules of graph/optim, behind which only lengths of gradients are computed.
var optimizerOps = []string{"moment", "momentum", "descend", "descend_nesterov", "adam", "trust_ratio", "sum_squares"}

// partsOf says which part each instruction of the training step belongs to. Whatever the method built that reads a
// parameter, or that is on the way to what does, is the network; the rest of what the method built is the loss. Of the
// gradients those are the network's that read a parameter or a value inside of the network, and those that are made
// of such.
func partsOf(s *experiment.Setup) []string {
	p := s.Train.IR
	weights, teachers := map[int]bool{}, map[int]bool{} // buffers of the Store
	params := map[string]bool{}
	for _, l := range s.Leaves {
		params[l.Name] = l.Kind == graph.Param
	}
	for i, b := range p.Bufs {
		if b.Class == ir.State {
			teachers[i] = s.IsTeacher(path.Dir(b.Name))
			weights[i] = params[b.Name] || teachers[i]
		}
	}
	value := func(buf int) int { // that a buffer is a view of
		for p.Bufs[buf].Viewed >= 0 {
			buf = p.Bufs[buf].Viewed
		}
		return buf
	}
	readers := map[int][]int{} // instructions, by value
	for i, in := range p.Instrs {
		for _, b := range in.In {
			readers[value(b)] = append(readers[value(b)], i)
		}
	}
	forward := func(i int) bool { return p.Bufs[p.Instrs[i].Out].Node <= s.LastOfMethod() }
	parts := make([]string, len(p.Instrs))
	reads := func(i int, which func(buf int) bool) bool {
		return slices.ContainsFunc(p.Instrs[i].In, func(b int) bool { return which(value(b)) })
	}
	isWeight := func(buf int) bool { return weights[buf] }
	inside := map[int]bool{} // values of the network that something of the network reads
	var onTheWay func(i int) bool
	known := map[int]bool{}
	onTheWay = func(i int) bool {
		if is, ok := known[i]; ok {
			return is
		}
		known[i] = reads(i, isWeight)
		for _, r := range readers[p.Instrs[i].Out] {
			if forward(r) && onTheWay(r) {
				known[i], inside[p.Instrs[i].Out] = true, true
			}
		}
		return known[i]
	}
	for i := range p.Instrs {
		switch {
		case !forward(i):
		case onTheWay(i) || p.Instrs[i].Spec.Name() == "running_stats":
			parts[i] = networkPart
		default:
			parts[i] = lossPart
		}
	}
	made := map[int]string{} // the part of a value that no method built
	for i, in := range p.Instrs {
		if parts[i] != "" {
			continue
		}
		from := func(part string) bool { return reads(i, func(b int) bool { return made[b] == part }) }
		probes := func(b int) bool { return strings.HasPrefix(p.Bufs[b].Name, "probe/") && p.Bufs[b].Class == ir.State }
		switch name := in.Spec.Name(); {
		case from(probePart) || reads(i, probes):
			parts[i] = probePart
		case name == "lerp" && reads(i, func(b int) bool { return teachers[b] }):
			parts[i] = teacherPart
		case slices.Contains(optimizerOps, name) || from(optimizerPart):
			parts[i] = optimizerPart
		case from(networkPart) || reads(i, func(b int) bool { return weights[b] || inside[b] }):
			parts[i] = networkPart
		default:
			parts[i] = lossPart
		}
		made[in.Out] = parts[i]
	}
	return parts
}
