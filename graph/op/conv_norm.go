package op

import "selfsup/graph/ir"

// ImageNorm is a batch norm that a convolution applies to its images while it reads them, before it pads them with zeros. Its statistics, and
// gamma and beta if it has them, are the convolution's last operands. The compiler sets it.
type ImageNorm struct {
	On   bool
	Eps  float64
	Relu bool // then max(x, 0)
}

// absorb makes the images in[0] from what a batch norm made them of. A convolution of several groups declines: it reads its images in place.
func (n ImageNorm) absorb(c Conv, in []int, maker func(int) (ir.Spec, []int)) (ImageNorm, []int, bool) {
	made, from := maker(in[0])
	bn, ok := made.(BatchNormOp)
	if !ok || bn.Residual || bn.Rounded && !c.BF16 || n.On || c.Groups > 1 {
		return n, nil, false
	}
	in = append([]int{from[0]}, in[1:]...)
	return ImageNorm{On: true, Eps: bn.Eps, Relu: bn.Relu}, append(in, from[1:]...), true
}

// ref is the images of a convolution's operands, behind the norm if it is on.
func (n ImageNorm) ref(in []ir.Tensor) ir.Tensor {
	if !n.On {
		return in[0]
	}
	y := ir.Tensor{Shape: in[0].Shape, Data: make([]float64, len(in[0].Data))}
	BatchNormOp{BN: BN{Eps: n.Eps}, Relu: n.Relu}.Ref(append([]ir.Tensor{in[0]}, in[2:]...), y)
	return y
}

// operands are the images behind the norm and the other operand, both rounded if the convolution rounds.
func (n ImageNorm) operands(c Conv, in []ir.Tensor) []ir.Tensor {
	return rounded(c.BF16, []ir.Tensor{n.ref(in), in[1]}, 2)
}

// Absorb implements ir.Absorber: the batch norm of the images.
func (o ConvForward) Absorb(in []int, maker func(int) (ir.Spec, []int)) (ir.Spec, []int, bool) {
	var ok bool
	o.Norm, in, ok = o.Norm.absorb(o.Conv, in, maker)
	return o, in, ok
}

// Absorb implements ir.Absorber: the batch norm of the images.
func (o ConvBackwardWeights) Absorb(in []int, maker func(int) (ir.Spec, []int)) (ir.Spec, []int, bool) {
	var ok bool
	o.Norm, in, ok = o.Norm.absorb(o.Conv, in, maker)
	return o, in, ok
}
