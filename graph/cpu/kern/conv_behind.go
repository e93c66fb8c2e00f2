package kern

import "fmt"

// NormGradient is what BackwardWeights does to dy while it reads it, where a batch norm stands behind the convolution:
// dy*A + Y*B + C by channel, Y being the convolution's result. With Scale and Shift, dy is 0 where Y*Scale + Shift is
// not positive: the norm's ReLU. The numbers are those of Combine and CombineRelu, bit for bit.
//
// It is for first layers, whose gradient nobody else reads: float32, one group, no prologue, kernels of more than one
// pixel, fewer than 16 channels in, 16, 32, 48 or 64 out.
type NormGradient struct {
	Y []float32 // [B,OH,OW,Co]
	// One number a channel, the Co of them any number of times over. Without A there is no norm, without Scale no ReLU.
	A, B, C, Scale, Shift []float32
}

func (n *NormGradient) on() bool { return n.A != nil }

// TakesNormBehind reports whether BackwardWeights of c has kernels for a norm behind the convolution: few channels in,
// whole vectors out that are read where they lie.
func (c *Conv) TakesNormBehind() bool {
	return !c.BF16 && c.Groups <= 1 && c.Ci < lineFloats && c.KH*c.KW > 1 && c.Co%lineFloats == 0 &&
		c.Co <= narrowChannels
}

// check says what is wrong with a norm behind c.
func (n *NormGradient) check(c *Conv) error {
	if !n.on() {
		return nil
	}
	if !c.TakesNormBehind() || c.Prologue.on() {
		return fmt.Errorf("kern: conv: %+v: a norm behind is for float32, one group, no prologue, kernels of "+
			"several pixels, fewer than %d channels in, multiples of %d up to %d out",
			*c, lineFloats, lineFloats, narrowChannels)
	}
	if len(n.Y) < c.B*c.OH*c.OW*c.Co {
		return fmt.Errorf("kern: conv: the norm's operand has %d elements, %d are needed", len(n.Y), c.B*c.OH*c.OW*c.Co)
	}
	size := len(n.A)
	bad := size == 0 || size%c.Co != 0 || len(n.B) != size || len(n.C) != size || len(n.Shift) != len(n.Scale)
	if bad || n.Scale != nil && len(n.Scale) != size {
		return fmt.Errorf("kern: conv: the norm behind has %d, %d and %d factors, %d scales and %d shifts; %d "+
			"channels need as many of each or a multiple",
			len(n.A), len(n.B), len(n.C), len(n.Scale), len(n.Shift), c.Co)
	}
	return nil
}

// Move writes the gradient before the norm of len(dst) elements, whole pixels, of dy and y.
func (n *NormGradient) Move(dst, dy, y []float32) {
	for i := 0; i < len(dst); i += len(n.A) {
		end := min(i+len(n.A), len(dst))
		if n.Scale != nil {
			CombineRelu(dst[i:end], dy[i:end], y[i:end], n.Scale, n.Shift, n.A, n.B, n.C)
		} else {
			Combine(dst[i:end], dy[i:end], y[i:end], n.A, n.B, n.C)
		}
	}
}
