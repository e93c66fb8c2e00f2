package kern

// Values are numbers in memory: float32s, or bfloat16s where those are set. An operand that a product rounds to
// bfloat16 anyway may be kept in two bytes without any change of the result.
type Values struct {
	F32  []float32
	BF16 []uint16
}

// Len is how many there are.
func (v Values) Len() int { return max(len(v.F32), len(v.BF16)) }

// first are the first n.
func (v Values) first(n int) Values {
	if v.BF16 != nil {
		return Values{BF16: v.BF16[:n]}
	}
	return Values{F32: v.F32[:n]}
}

// From is v from element i on.
func (v Values) From(i int) Values {
	if v.BF16 != nil {
		return Values{BF16: v.BF16[i:]}
	}
	return Values{F32: v.F32[i:]}
}
