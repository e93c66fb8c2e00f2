package plan_test

import (
	"strings"
	"testing"

	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/plan"
)

// What is made again where the arena is to be as small as can be, and that the numbers are the same.
func TestRecompute(t *testing.T) {
	product := func(b *builder, x, y int) int { return b.do(op.SoftmaxOp{}, b.do(matmul(), x, y)) }
	// fill is a chain of products from x on that need several values of 64x64 at once.
	fill := func(b *builder, x int) int {
		y, z := product(b, x, x), product(b, x, x)
		u := product(b, y, z)
		return product(b, product(b, u, y), product(b, z, u))
	}
	for _, c := range []struct {
		name  string
		build func(b *builder)
		again int // instructions
		want  string
	}{
		{"a value of an input", func(b *builder) {
			x := b.input(64, 64)
			y := b.do(neg, x)
			b.output(b.do(add, y, fill(b, product(b, y, x))))
		}, 1, "unary{Fn:neg}(i0)"},
		{"through a view", func(b *builder) {
			x := b.input(64, 64)
			y := b.do(neg, x)
			v := b.do(reshape(4096), y)
			b.output(b.do(add, b.do(reshape(64, 64), v), fill(b, product(b, y, x))))
		}, 1, "unary{Fn:neg}(i0)"},
		{"with what it is made of, which was overwritten", func(b *builder) {
			x, s := b.input(64, 64), b.input(64, 64)
			y := b.do(add, b.do(neg, x), s)
			b.output(b.do(add, y, fill(b, product(b, y, x))))
		}, 2, "unary{Fn:neg}(i0)"},
		{"of state that was updated by then", func(b *builder) {
			x, s := b.input(64, 64), b.state(64)
			y := b.do(add, x, s)
			b.update(s, b.do(neg, s))
			b.output(b.do(add, y, fill(b, product(b, y, x))))
		}, 1, "binary{Fn:add}(i0,s1)"},
		{"no product", func(b *builder) {
			x := b.input(64, 64)
			y := b.do(matmul(), x, x)
			b.output(b.do(add, y, fill(b, product(b, y, x))))
		}, 0, ""},
		{"no output", func(b *builder) {
			x := b.input(64, 64)
			y := b.do(neg, x)
			b.output(y)
			b.output(b.do(add, y, fill(b, product(b, y, x))))
		}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b builder
			c.build(&b)
			least := b.compareWithin(t, c.name, 1)
			if least.Again != c.again {
				t.Errorf("%d instructions run again, want %d: %s", least.Again, c.again, listing(least))
			}
			if c.want != "" && strings.Count(listing(least), c.want) != 2 {
				t.Errorf("%s does not run twice: %s", c.want, listing(least))
			}
		})
	}
}

// Only passes run twice.
func TestCheap(t *testing.T) {
	for _, s := range []ir.Spec{op.MatMulOp{}, op.ConvForward{}, op.ConvBackwardData{}, op.ConvBackwardWeights{},
		op.AttentionOp{}, op.AttentionGrad{}, op.RandomOp{}} {
		if _, cheap := s.(ir.Cheap); cheap {
			t.Errorf("%s may run again", s.Name())
		}
	}
}

// Every arena that a limit leads to is a limit that can be met, and without need nothing runs again.
func TestWithin(t *testing.T) {
	var b builder
	x := b.input(64, 64)
	h := b.do(neg, x)
	kept := []int{}
	for range 6 {
		a := b.do(relu, h)
		kept = append(kept, a)
		h = b.do(matmul(), a, x)
	}
	for i := len(kept) - 1; i >= 0; i-- {
		h = b.do(matmul(), h, kept[i])
	}
	b.output(h)
	arena := func(limit int) *ir.Program {
		p := b.clone()
		if err := plan.Plan(p, plan.Options{Limit: limit}); err != nil {
			t.Fatal(err)
		}
		return p
	}
	free, least := arena(0), arena(1)
	if free.Again != 0 || least.Again == 0 || least.Arena >= free.Arena {
		t.Fatalf("arena of %d bytes with %d made again, at least %d with %d", free.Arena, free.Again, least.Arena,
			least.Again)
	}
	if p := arena(free.Arena); p.Again != 0 || p.Arena != free.Arena {
		t.Errorf("with room for all, %d are made again", p.Again)
	}
	for limit := least.Arena; limit < free.Arena; limit += 4096 {
		if p := arena(limit); p.Arena > limit || p.Again > least.Again {
			t.Errorf("limit %d: arena of %d bytes with %d made again", limit, p.Arena, p.Again)
		}
	}
}
