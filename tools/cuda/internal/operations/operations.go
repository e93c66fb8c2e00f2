// Package operations compares what the backends have kernels for.
package operations

import (
	"slices"

	"selfsup/graph/cpu"
	"selfsup/graph/cuda"
)

// Operation is an operation and the backends that have a kernel for it.
type Operation struct {
	Name      string
	CPU, CUDA bool
}

// All lists the operations that any backend has a kernel for, by name. Views are not among them: they cost
// nothing.
func All() (all []Operation) {
	onCPU, onCUDA := cpu.Names(), cuda.Names()
	names := slices.Concat(onCPU, onCUDA)
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		all = append(all, Operation{n, slices.Contains(onCPU, n), slices.Contains(onCUDA, n)})
	}
	return all
}
