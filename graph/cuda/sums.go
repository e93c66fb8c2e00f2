package cuda

import "selfsup/graph/op"

var _ = add(map[string]lowering{
	"sum_to":      {scratch: scratchSumTo, bind: bindSumTo},
	"sum_squares": {scratch: scratchSumSquares, bind: bindSumSquares},
	"trust_ratio": {scratch: scratchTrustRatio, bind: bindTrustRatio},
	"argmax":      {bind: bindArgmax},
	"accuracy":    {scratch: scratchAccuracy, bind: bindAccuracy},
	"of_labelled": {bind: bindOfLabelled},
})

// reduction is a sum over the middle axis of [matrices,rows,c].
type reduction struct{ matrices, rows, c int }

func (r reduction) size() int { return r.matrices * r.c }

// reductions are the sums, one after the other, that sum_to is made of: neighbouring axes are one, the longest goes
// first.
func reductions(c *call) (rs []reduction) {
	from := c.in[0].Shape
	axes := op.MergeAxes(from, op.BroadcastStrides(c.out.Shape, from), op.Strides(from))
	for {
		longest := -1
		for i, a := range axes {
			if a.Step[0] == 0 && (longest < 0 || a.N > axes[longest].N) {
				longest = i
			}
		}
		if longest < 0 {
			break
		}
		r := reduction{1, axes[longest].N, 1}
		for i, a := range axes {
			if i < longest {
				r.matrices *= a.N
			}
			if i > longest {
				r.c *= a.N
			}
		}
		rs = append(rs, r)
		axes = append(axes[:longest:longest], axes[longest+1:]...)
	}
	if rs == nil {
		rs = []reduction{{from.Size(), 1, 1}}
	}
	return rs
}

// How sums over rows are made: few rows by one thread a result, few long rows in parts, other rows by teams.
const (
	fewSummed   = 32
	manyResults = 1 << 15
	longSummed  = 1 << 12 // values of a part
	mostParts   = 1024
)

// few reports whether a thread sums all rows of a column.
func (r reduction) few() bool {
	return r.rows <= 4 || r.c > 1 && r.rows <= fewSummed && r.size() >= manyResults
}

// pieces are the parts that rows are summed in, if c is 1.
func (r reduction) pieces() (height, high int) {
	high = min(ceil(r.rows, longSummed), max(1, mostParts/r.matrices))
	height = ceil(ceil(r.rows, high), 4) * 4
	return height, ceil(r.rows, height)
}

// room is the bytes of the parts.
func (r reduction) room() int {
	switch {
	case r.few():
		return 0
	case r.c == 1:
		_, high := r.pieces()
		return 8 * high * r.matrices
	}
	return room(r.matrices, r.rows, r.c, 1)
}

// bind adds the launches of the sum of x, or of its squares, times scale.
func (r reduction) bind(c *call, y, x Ptr, scale float64, squares bool, parts Ptr) {
	switch {
	case r.few():
		c.flat("sum_few", r.size(), y, x, scale, squares, r.rows, r.c)
	case r.c == 1:
		height, high := r.pieces()
		if high == 1 {
			c.rows("sum_rows", r.matrices, r.rows, y, x, scale, squares)
			return
		}
		_, end := vector(r.rows, x)
		c.launch("sum_parts"+end, [3]int{high, r.matrices, 1}, threads, 8*32, parts, x, squares, r.rows, height)
		c.launch("sum_parts_finish", [3]int{r.matrices, 1, 1}, threads, 8*32, y, parts, scale, high)
	default:
		v, end := vector(r.c, x)
		m := forSums(r.matrices, r.rows, r.c, v)
		if m.sum(c, "sum_columns"+end, 1, parts, y, x, scale, squares) {
			m.finish(c, "sum_columns_finish", 1, y, parts, scale, m.high, r.c)
		}
	}
}

// sumRoom is the bytes of the parts of a sum's reductions, and of what one hands on to the next.
func sumRoom(rs []reduction) (parts, between int) {
	for i, r := range rs {
		parts = max(parts, aligned(r.room()))
		if i < len(rs)-1 {
			between = max(between, aligned(4*r.size()))
		}
	}
	return parts, between
}

func scratchSumTo(c *call) int {
	parts, between := sumRoom(reductions(c))
	return parts + 2*between
}

func bindSumTo(c *call) {
	o := c.spec.(op.SumToOp)
	rs := reductions(c)
	parts, between := sumRoom(rs)
	x, squares := c.x[0], o.Squares
	for i, r := range rs {
		y, scale := c.scratch+Ptr(parts+i%2*between), 1.0
		if i == len(rs)-1 {
			y, scale = c.y, o.Scale
		}
		r.bind(c, y, x, scale, squares, c.scratch)
		x, squares = y, false
	}
}

// whole is the sum of all elements of operand 0.
func whole(c *call) reduction { return reduction{1, c.in[0].Shape.Size(), 1} }

func scratchSumSquares(c *call) int { return whole(c).room() }

func scratchTrustRatio(c *call) int {
	_, high := whole(c).pieces()
	return 8 * 3 * high
}

func bindTrustRatio(c *call) {
	o, r := c.spec.(op.TrustRatio), whole(c)
	height, high := r.pieces()
	how := []any{c.x[2], c.x[3], double(o.Eta), double(o.Eps), o.Variant == "official", o.Clip}
	c.launch("trust_ratio", [3]int{high, 1, 1}, threads, 8*32, append(append([]any{c.y, c.scratch, c.x[0], c.x[1]},
		how...), r.rows, height)...)
	if high > 1 {
		c.launch("trust_ratio_finish", [3]int{1, 1, 1}, threads, 8*32, append(append([]any{c.y, c.scratch}, how...),
			high)...)
	}
}

func bindArgmax(c *call) {
	rows, k := c.matrix(0)
	c.rows("argmax", rows, k, c.y, c.x[0])
}

func scratchAccuracy(c *call) int { return 4 * c.in[1].Shape.Size() }

func bindAccuracy(c *call) {
	rows, k := c.matrix(0)
	c.rows("hits", rows, k, c.scratch, c.x[0], c.x[1], c.b.errors, c.at)
	c.launch("of_labelled", [3]int{1, 1, 1}, threads, 8*32, c.y, Ptr(0), c.scratch, c.x[1], rows)
}

func bindOfLabelled(c *call) {
	c.launch("of_labelled", [3]int{1, 1, 1}, threads, 8*32, c.y, c.x[0], Ptr(0), c.x[1], c.in[1].Shape.Size())
}
