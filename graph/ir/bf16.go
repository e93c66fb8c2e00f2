package ir

import "math"

// BF16Of is v as a bfloat16: float32 with seven bits of fraction, rounded to the nearest, ties to even.
func BF16Of(v float64) float64 {
	b := math.Float32bits(float32(v))
	if v != v {
		return v
	}
	b += 0x7fff + b>>16&1
	return float64(math.Float32frombits(b &^ 0xffff))
}

// BF16Tensor is a copy of t with every element rounded.
func BF16Tensor(t Tensor) Tensor {
	r := Tensor{Shape: t.Shape, Data: make([]float64, len(t.Data))}
	for i, v := range t.Data {
		r.Data[i] = BF16Of(v)
	}
	return r
}
