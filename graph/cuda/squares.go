package cuda

import "slices"

// Sums of squares, of the gradients of all parameters, wait for each other: two launches make all that wait.

// square is a sum of squares that waits.
type square struct {
	x, y span
	n    int
	at   int // its instruction
}

// squareWork is how many values a block of a list of sums of squares has.
const squareWork = 1 << 13

// squareWaits reports whether an instruction that is no loop must come behind the sums of squares that wait.
func (b *binder) squareWaits(c *call) bool {
	result := span{c.y, c.y + Ptr(bytesOf(c.out))}
	return slices.ContainsFunc(b.squares, func(s square) bool {
		if result.meets(s.x) || result.meets(s.y) {
			return true
		}
		for k, x := range c.x {
			if s.y.meets(span{x, x + Ptr(bytesOf(c.in[k]))}) {
				return true
			}
		}
		return false
	})
}

func bindSumSquares(c *call) {
	b := c.b
	if b.separate {
		whole(c).bind(c, c.y, c.x[0], 1, true, c.scratch)
		return
	}
	n := c.in[0].Shape.Size()
	b.squares = append(b.squares, square{span{c.x[0], c.x[0] + Ptr(4*n)}, span{c.y, c.y + 4}, n, c.at})
}

// sumSquares launches the sums of squares that wait, where the last of them stands. Chains that wait may read them, or
// write what they read: they are launched no earlier, see flush.
func (b *binder) sumSquares() {
	if len(b.squares) == 0 {
		return
	}
	squares, current := b.squares, b.current
	b.squares = nil
	defer func() { b.current = current }()
	b.current = squares[len(squares)-1].at
	b.squaredAt = b.current
	var parts, sums []int32
	blocks := 0
	for _, s := range squares {
		first := blocks
		for from := 0; from < s.n; from += squareWork {
			parts = append(parts, (s.x.from + Ptr(4*from)).words()...)
			parts = append(parts, int32(min(squareWork, s.n-from)), 0)
			blocks++
		}
		sums = append(append(sums, s.y.from.words()...), int32(first), int32(blocks-first))
	}
	room := b.table(make([]int32, 2*blocks)...)
	b.launch("square_list", [3]int{blocks, 1, 1}, [3]int{threads, 1, 1}, 8*32, room, b.table(parts...))
	b.launch("square_list_finish", [3]int{len(squares), 1, 1}, [3]int{threads, 1, 1}, 8*32, room, b.table(sums...))
}
