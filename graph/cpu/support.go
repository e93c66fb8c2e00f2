package cpu

import (
	"maps"
	"slices"

	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/plan"
	"selfsup/graph/spread"
)

// Supports implements ir.Backend. Views need no kernel, operations from outside bring theirs.
func (Backend) Supports(s ir.Spec, in []ir.Type) bool {
	if _, view := s.(ir.Viewer); view {
		return true
	}
	if _, own := s.(Kernel); own {
		return true
	}
	if _, ok := ofRanks[s.Name()]; ok && spread.Defines(s) {
		return true
	}
	if _, ok := kernels[s.Name()]; !ok || !ours(s) {
		return false
	}
	switch o := s.(type) {
	case op.ConvForward:
		return normsImages(o.Conv, o.Norm)
	case op.ConvBackwardWeights:
		k := convOf(&call{}, o.Conv, in[0].Shape, o.W[:])
		return normsImages(o.Conv, o.Norm) && (!o.Behind.On || k.TakesNormBehind())
	}
	return true
}

// normsImages reports whether a convolution's kernels apply the norm of its images. With several groups they read the
// images in place.
func normsImages(o op.Conv, norm op.ImageNorm) bool { return !norm.On || o.Groups <= 1 }

// Names lists the operations that have kernels.
func Names() []string { return slices.Sorted(maps.Keys(kernels)) }

// Refers implements ir.Referrer.
func (b Backend) Refers(s ir.Spec, in []ir.Type) bool { return b.Reference && !b.Supports(s, in) }

// ours reports whether a spec is of the packages whose operations the kernels are for.
func ours(s ir.Spec) bool {
	_, copied := s.(plan.Copy)
	return copied || op.Defines(s)
}

// kernelOf is the kernel of an operation: its own, one of package kern's, or else its reference.
func kernelOf(s ir.Spec) kernel {
	if own, ok := s.(Kernel); ok {
		return ownKernel(own)
	}
	if k, ok := kernels[s.Name()]; ok && ours(s) {
		return k
	}
	if bind, ok := ofRanks[s.Name()]; ok && spread.Defines(s) {
		return kernel{nil, bind}
	}
	return kernel{scratchReference, bindReference}
}
