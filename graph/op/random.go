package op

import (
	"fmt"
	"math"

	"selfsup/graph/ir"
)

// RandomOp draws numbers that depend on (key, step, Draw) and the place of the element alone.
type RandomOp struct {
	To   Dims
	Draw int     // tells draws of one key and step apart
	Keep float64 // 0: uniform in [0,1); else 1/Keep with probability Keep, else 0
	Law  string  // "bernoulli": 1 with probability P, else 0; "normal": of mean 0 and variance 1; "": as Keep says
	P    float64
}

// RandomUniform is uniform in [0,1), in steps of 2^-24: the same numbers in every element type and on every backend.
// key [2] holds whole numbers below 2^24, step [] is the training step, which float32 counts exactly up to 2^24. draw
// tells the draws of one key apart.
func RandomUniform(key, step *Node, draw int, shape ...int) *Node {
	return Apply(RandomOp{To: DimsOf(shape), Draw: draw}, key, step)
}

// RandomKeep is 1/keep with probability keep, else 0, so that its mean is 1: dropout's factor. The rest is as
// RandomUniform's.
func RandomKeep(key, step *Node, draw int, keep float64, shape ...int) *Node {
	return Apply(RandomOp{To: DimsOf(shape), Draw: draw, Keep: keep}, key, step)
}

// RandomBernoulli is 1 with probability p, else 0: where RandomUniform would be below p. The rest is as
// RandomUniform's.
func RandomBernoulli(key, step *Node, draw int, p float64, shape ...int) *Node {
	return Apply(RandomOp{To: DimsOf(shape), Draw: draw, Law: "bernoulli", P: p}, key, step)
}

// RandomNormal is normal of mean 0 and variance 1, at most 6.4 from 0: the inverse distribution function at 2^32 even
// places. Backends agree as far as their functions do: on the processor these are float64 (Wichura 1988, algorithm AS
// 241, to 1e-15) and rounded once; elsewhere within 1e-6, relatively. The rest is as RandomUniform's.
func RandomNormal(key, step *Node, draw int, shape ...int) *Node {
	return Apply(RandomOp{To: DimsOf(shape), Draw: draw, Law: "normal"}, key, step)
}

// Name implements ir.Spec.
func (o RandomOp) Name() string { return "random" }

// Infer implements ir.Spec.
func (o RandomOp) Infer(in []ir.Type) (ir.Type, error) {
	if !in[0].Shape.Equal(ir.Shape{2}) || len(in[1].Shape) != 0 {
		return ir.Type{}, fmt.Errorf("want a key [2] and a step []")
	}
	if !(o.Keep >= 0 && o.Keep <= 1) {
		return ir.Type{}, fmt.Errorf("keep is %v, want a probability", o.Keep)
	}
	if !(o.P >= 0 && o.P <= 1) {
		return ir.Type{}, fmt.Errorf("p is %v, want a probability", o.P)
	}
	return ir.Type{Shape: o.To.Shape(), DType: in[0].DType}, nil
}

// Stream is where the numbers of a draw start.
func (o RandomOp) Stream(key0, key1, step float64) uint64 {
	s := mix64(uint64(int64(key0))<<24 ^ uint64(int64(key1)))
	s = mix64(s + uint64(int64(step)))
	return mix64(s + uint64(o.Draw))
}

// At is element i of a stream.
func (o RandomOp) At(stream uint64, i int) float64 {
	bits := mix64(stream + uint64(i)*0x9E3779B97F4A7C15)
	u := float64(bits>>40) / (1 << 24)
	switch {
	case o.Law == "normal":
		return math.Sqrt2 * math.Erfinv((float64(bits>>32)+0.5)/(1<<31)-1)
	case o.Law == "bernoulli":
		if u < o.P {
			return 1
		}
		return 0
	case o.Keep == 0:
		return u
	case u < o.Keep:
		return 1 / o.Keep
	}
	return 0
}

// mix64 is the output function of SplitMix64 (Steele, Lea, Flood 2014, fig. 15), which makes good random numbers of a
// counter.
func mix64(z uint64) uint64 {
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// Ref implements ir.Spec.
func (o RandomOp) Ref(in []ir.Tensor, out ir.Tensor) {
	s := o.Stream(in[0].Data[0], in[0].Data[1], in[1].Data[0])
	for i := range out.Data {
		out.Data[i] = o.At(s, i)
	}
}
