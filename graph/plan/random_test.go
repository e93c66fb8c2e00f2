package plan_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// Random programs of views, elementwise operations and updates of every kind compute on the plan what they do without,
// also where the arena is to be as small as can be.
func TestRandomPrograms(t *testing.T) {
	programs := 3000
	if testing.Short() {
		programs = 500
	}
	again := 0
	for seed := range programs {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		var b builder
		all := []int{b.input(4, 6), b.input(24), b.input(), b.state(4, 6), b.state(4, 6), b.state(24)}
		states := all[3:6:6]
		pick := func(s ir.Shape) int { // a value of the shape, recent ones more often
			for {
				i := all[len(all)-1-min(r.IntN(len(all)), r.IntN(len(all)))]
				if s == nil || b.Bufs[i].Shape.Equal(s) {
					return i
				}
			}
		}
		for range 2 + r.IntN(16) {
			x := pick(nil)
			s := b.Bufs[x].Shape
			var y int
			switch k := r.IntN(10); {
			case k < 3 && s.Equal(ir.Shape{4, 6}):
				y = b.do(rows(1, 3), x)
			case k < 3 && s.Equal(ir.Shape{24}):
				y = b.do(reshape(4, 6), x)
			case k < 3 && s.Equal(ir.Shape{2, 6}):
				y = b.do(op.PadOp{Before: 2}, x)
			case k == 3 && s.Size() == 24:
				y = b.do(reshape(24), x)
			case k == 4 && len(s) == 1:
				y = b.do(reshape(), b.do(rows(3, 4), x))
			case k == 5:
				y = b.do(relu, x)
			case k == 6:
				y = b.do(neg, x)
			case k == 8:
				y = b.do(op.RoundOp{}, x)
			case k == 7:
				y = b.do(sub, x, pick(ir.Shape{}))
			default:
				y = b.do(add, x, pick(s))
			}
			all = append(all, y)
		}
		for range 1 + r.IntN(3) {
			b.output(pick(nil))
		}
		for _, s := range states {
			if r.IntN(4) > 0 {
				b.update(s, pick(b.Bufs[s].Shape))
			}
		}
		b.compare(t, fmt.Sprintf("seed %d", seed))
		if p := b.compareWithin(t, fmt.Sprintf("seed %d in the smallest arena", seed), 1); p.Again > 0 {
			again++
		}
	}
	if again < programs/100 {
		t.Errorf("only %d programs of %d make a value again", again, programs)
	}
}
