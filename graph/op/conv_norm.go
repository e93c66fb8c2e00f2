package op

import "selfsup/graph/ir"

// ImageNorm is a batch norm that a convolution applies to its images while it reads them, before it pads them with
// zeros. Its statistics, and gamma and beta if it has them, are the convolution's last operands. The compiler sets it.
type ImageNorm struct {
	On   bool
	Eps  float64
	Relu bool // then max(x, 0)
}

// absorb makes the images in[0] from what a batch norm made them of.
func (n ImageNorm) absorb(c Conv, in []int, maker func(int) (ir.Spec, []int)) (ImageNorm, []int, bool) {
	made, from := maker(in[0])
	bn, ok := made.(BatchNormOp)
	if !ok || bn.Residual || bn.Rounded && !c.BF16 || n.On {
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
	norm, operands, ok := o.Norm.absorb(o.Conv, in, maker)
	if !ok {
		return nil, nil, false
	}
	o.Norm = norm
	return o, operands, true
}

// GradientNorm is the gradient of a batch norm behind a convolution, which the gradient by the weights makes while it
// reads it: the operands of the norm's gradient stand in place of dy. The compiler sets it.
type GradientNorm struct {
	On bool
	Of NormBackward
}

// ref is the gradient before the norm.
func (n GradientNorm) ref(in []ir.Tensor) ir.Tensor {
	dy := ir.Tensor{Shape: in[0].Shape, Data: make([]float64, len(in[0].Data))}
	n.Of.Ref(in, dy)
	return dy
}

// Absorb implements ir.Absorber: the batch norm of the images or, in a first layer, which has nothing else to hand its
// gradient on to, the gradient of the batch norm behind it; and then that of the norm's ReLU.
func (o ConvBackwardWeights) Absorb(in []int, maker func(int) (ir.Spec, []int)) (ir.Spec, []int, bool) {
	if o.Behind.On {
		of, operands, ok := o.Behind.Of.Absorb(in[1:], maker)
		if !ok {
			return nil, nil, false
		}
		o.Behind.Of = of.(NormBackward)
		return o, append(in[:1:1], operands...), true
	}
	if norm, operands, ok := o.Norm.absorb(o.Conv, in, maker); ok {
		o.Norm = norm
		return o, operands, true
	}
	made, from := maker(in[1])
	if of, ok := made.(NormBackward); ok && !of.Frozen && !o.Norm.On {
		o.Behind = GradientNorm{On: true, Of: of}
		return o, append(in[:1:1], from...), true
	}
	return nil, nil, false
}
