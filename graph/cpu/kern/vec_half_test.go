package kern

import (
	"fmt"
	"math"
	"testing"
)

// halfPassCases are the passes with operands in bfloat16, beside the same in float32: operand k is read in bfloat16
// where half says so.
var halfPassCases = []struct {
	name     string
	half     []bool // by operand
	result   bool   // y is in bfloat16
	narrow   func(y Values, in []Values)
	operands func(y []float32, in [][]float32)
}{
	{"ReluGrad", []bool{false, true}, false, func(y Values, in []Values) { ReluGradHalf(y.F32, in[0].F32, in[1].BF16) },
		func(y []float32, in [][]float32) { ReluGrad(y, in[0], in[1]) }},
	{"ScaleShift", []bool{true, false, false}, false, func(y Values, in []Values) {
		ScaleShiftHalf(y.F32, in[0].BF16, in[1].F32, in[2].F32, false)
	},
		func(y []float32, in [][]float32) { ScaleShift(y, in[0], in[1], in[2], false) }},
	{"ScaleShift relu", []bool{true, false, false}, false, func(y Values, in []Values) {
		ScaleShiftHalf(y.F32, in[0].BF16, in[1].F32, in[2].F32, true)
	},
		func(y []float32, in [][]float32) { ScaleShift(y, in[0], in[1], in[2], true) }},
	{"Combine", []bool{false, true, false, false, false}, false,
		func(y Values, in []Values) {
			CombineHalf(y.F32, in[0].F32, in[1].BF16, in[2].F32, in[3].F32, in[4].F32)
		},
		func(y []float32, in [][]float32) { Combine(y, in[0], in[1], in[2], in[3], in[4]) }},
	{"CombineRelu", []bool{false, true, false, false, false, false, false}, false,
		func(y Values, in []Values) {
			CombineReluHalf(y.F32, in[0].F32, in[1].BF16, in[2].F32, in[3].F32, in[4].F32, in[5].F32, in[6].F32)
		},
		func(y []float32, in [][]float32) { CombineRelu(y, in[0], in[1], in[2], in[3], in[4], in[5], in[6]) }},
	{"ScaleShiftAdd", []bool{true, false, false, false}, true,
		func(y Values, in []Values) { ScaleShiftAddReluHalf(y.BF16, in[0].BF16, in[1].F32, in[2].F32, in[3]) },
		func(y []float32, in [][]float32) { ScaleShiftAdd(y, in[0], in[1], in[2], in[3], true) }},
	{"ScaleShiftAdd skip", []bool{true, false, false, true}, true,
		func(y Values, in []Values) { ScaleShiftAddReluHalf(y.BF16, in[0].BF16, in[1].F32, in[2].F32, in[3]) },
		func(y []float32, in [][]float32) { ScaleShiftAdd(y, in[0], in[1], in[2], in[3], true) }},
	{"Combine rounded", []bool{false, true, false, false, false}, true,
		func(y Values, in []Values) {
			CombineHalves(y.BF16, in[0].F32, in[1].BF16, in[2].F32, in[3].F32, in[4].F32)
		},
		func(y []float32, in [][]float32) { Combine(y, in[0], in[1], in[2], in[3], in[4]) }},
	{"CombineRelu rounded", []bool{false, true, false, false, false, false, false}, true,
		func(y Values, in []Values) {
			CombineReluHalves(y.BF16, in[0].F32, in[1].BF16, in[2].F32, in[3].F32, in[4].F32, in[5].F32, in[6].F32)
		},
		func(y []float32, in [][]float32) { CombineRelu(y, in[0], in[1], in[2], in[3], in[4], in[5], in[6]) }},
	{"Gelus of half", []bool{true}, true, func(y Values, in []Values) { GelusHalves(y.BF16, in[0].BF16) },
		func(y []float32, in [][]float32) { Gelus(y, in[0]) }},
	{"GeluGrads", []bool{false, true}, false, func(y Values, in []Values) {
		GeluGradsHalf(y.F32, in[0].F32, in[1].BF16)
	},
		func(y []float32, in [][]float32) { GeluGrads(y, in[0], in[1]) }},
	{"Gelus", []bool{false}, true, func(y Values, in []Values) { GelusHalf(y.BF16, in[0].F32) },
		func(y []float32, in [][]float32) { Gelus(y, in[0]) }},
}

func TestHalfPasses(t *testing.T) {
	inf := float32(math.Inf(1))
	special := []float32{0, float32(math.Copysign(0, -1)), inf, -inf, float32(math.NaN()), 1e30, -13}
	for _, p := range halfPassCases {
		t.Run(p.name, func(t *testing.T) {
			for _, n := range []int{0, 1, 15, 16, 17, 31, 33, 100, 1003} {
				eachLevel(t, func(t *testing.T) {
					r := newRand(p.name, n)
					in, wide := make([]Values, len(p.half)), make([][]float32, len(p.half))
					for k, half := range p.half {
						wide[k] = newGuarded("operand", n).random(r).v
						for i := 0; i < n; i += 3 {
							wide[k][i] = special[r.IntN(len(special))]
						}
						in[k].F32 = wide[k]
						if half {
							in[k] = Values{BF16: make([]uint16, n)}
							Round(in[k].BF16, wide[k])
							Widen(wide[k], in[k].BF16)
						}
					}
					want := make([]float32, n)
					p.operands(want, wide)
					got := newGuarded("y", n).poison()
					if !p.result {
						p.narrow(Values{F32: got.v}, in)
					} else {
						const canary = 0x7fc1
						y := make([]uint16, n+32)
						for i := range y {
							y[i] = canary
						}
						p.narrow(Values{BF16: y[:n]}, in)
						Widen(got.v, y)
						for i, v := range y[n:] {
							if v != canary {
								t.Fatalf("element %d behind y was overwritten", i)
							}
						}
						RoundFloats(want)
					}
					got.check(t)
					sameOrNaN(t, fmt.Sprintf("%d elements", n), got.v, want)
				})
			}
		})
	}
}
