package cuda

var _ = add(map[string]lowering{
	"inverse_cholesky": {scratch: scratchInverseCholesky, bind: bindInverseCholesky},
	"polar":            {scratch: scratchPolar, bind: bindPolar},
	"assign":           {scratch: scratchAssign, bind: bindAssign},
})

// matrices are the last two axes of operand 0, and how many matrices there are.
func (c *call) matrices() (count, m, n int) {
	s := c.in[0].Shape
	m, n = s[len(s)-2], s.Last()
	return s.Size() / (m * n), m, n
}

func scratchInverseCholesky(c *call) int { return 2 * aligned(8*c.size()) }

func bindInverseCholesky(c *call) {
	count, n, _ := c.matrices()
	c.launch("inverse_cholesky", [3]int{count, 1, 1}, threads, 8*2*threads, c.y, c.x[0], c.scratch,
		c.scratch+Ptr(aligned(8*c.size())), n, c.b.errors, c.at)
}

func scratchPolar(c *call) int {
	count, m, n := c.matrices()
	k := min(m, n)
	return aligned(8*c.size()) + 8*count*k*k
}

func bindPolar(c *call) {
	count, m, n := c.matrices()
	c.launch("polar", [3]int{count, 1, 1}, threads, 8*(32+min(m, n)), c.y, c.x[0], c.scratch,
		c.scratch+Ptr(aligned(8*c.size())), m, n, c.b.errors, c.at)
}

// assignRoom is the bytes that assign has of its columns.
func assignRoom(n int) int { return 8 * 4 * (n + 1) }

// assignHead is the shared memory that its block has besides, in bytes.
const assignHead = 8 * 64

func assignShares(n int) bool { return assignHead+assignRoom(n) <= 48<<10 }

func scratchAssign(c *call) int {
	if n := c.out.Shape.Last(); !assignShares(n) {
		return assignRoom(n)
	}
	return 0
}

// bindAssign launches a block for every matrix.
func bindAssign(c *call) {
	n := c.out.Shape.Last()
	room, shared := c.scratch, assignHead
	if assignShares(n) {
		room, shared = 0, assignHead+assignRoom(n)
	}
	for k := range c.out.Shape[:len(c.out.Shape)-1].Size() {
		y, x := c.y+Ptr(4*n*k), c.x[0]+Ptr(4*n*n*k)
		c.launch("assign", [3]int{1, 1, 1}, min(threads, 32*ceil(n, 32)), shared, y, x, room, n, c.b.errors, c.at)
	}
}
