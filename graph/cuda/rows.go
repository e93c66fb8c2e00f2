package cuda

// Rows and columns of matrices are cut by their shape and by whether four values lie at an address of 16 bytes, which
// kernels take at once.

// fours reports whether rows of k values at these addresses can be taken four at a time.
func fours(k int, at ...Ptr) bool {
	for _, p := range at {
		if p%16 != 0 {
			return false
		}
	}
	return k%4 == 0
}

// vector is the number of values that a thread takes at once, and the end of such a kernel's name.
func vector(k int, at ...Ptr) (v int, name string) {
	if fours(k, at...) {
		return 4, "_4"
	}
	return 1, "_1"
}

// Rows longer than longRow, and from longOfFew on where there are fewer than fewRows, get a block of their own; shorter
// ones some lanes of a warp.
const (
	longRow   = 4096
	longOfFew = 1024
	fewRows   = 1024
)

// rows adds a launch over the rows of matrices [rows,k] that args point to. The kernel's last parameters are rows, k
// and the lanes of a row; see kernels/rows.h.
func (c *call) rows(name string, rows, k int, args ...any) {
	v, end := 4, "4"
	for _, a := range args {
		if p, ok := a.(Ptr); ok && !fours(k, p) {
			v, end = 1, ""
		}
	}
	units := ceil(k, v)
	if k > longRow || k >= longOfFew && rows < fewRows {
		block := 64
		for block < 512 && 4*block <= units {
			block *= 2
		}
		c.launch(name+"_wide"+end, [3]int{rows, 1, 1}, block, 8*32, append(args, rows, k, 32)...)
		return
	}
	lanes := 1
	for lanes < 32 && lanes < units {
		lanes *= 2
	}
	c.launch(name+"_narrow"+end, [3]int{ceil(rows, threads/lanes), 1, 1}, threads, 0, append(args, rows, k, lanes)...)
}

// columns is how matrices [rows,c], one or more, are cut into blocks that have strips of columns and parts of rows; see
// kernels/columns.h.
type columns struct {
	matrices, rows, c int
	v                 int // neighbouring columns of a thread
	per, across       int // groups of v columns of a block, and strips
	turns             int // threads that have the same columns
	height, high      int // rows of a part, and parts
}

// columnBlocks is about how many blocks sums of columns are cut into, and columnWork how many values a block has at
// least: enough for a large GPU and few enough to be added quickly.
const (
	columnBlocks = 512
	columnWork   = 1 << 13
)

// strips cuts the columns.
func strips(matrices, rows, c, v int) columns {
	m := columns{matrices: matrices, rows: rows, c: c, v: v}
	units := ceil(c, v)
	m.across = ceil(units, threads/v)
	m.per = ceil(units, m.across)
	m.turns = threads / m.per
	return m
}

// parts cuts the rows for sums: by the shape alone.
func parts(matrices, rows, c int) (height, high int) {
	most := max(1, columnBlocks/(matrices*ceil(c, threads)))
	high = min(most, ceil(rows*min(c, threads), columnWork))
	height = ceil(rows, high)
	return height, ceil(rows, height)
}

// forSums cuts matrices for sums of their columns.
func forSums(matrices, rows, c, v int) columns {
	m := strips(matrices, rows, c, v)
	m.height, m.high = parts(matrices, rows, c)
	m.turns = min(m.turns, m.height)
	return m
}

// forPasses cuts a matrix for a pass over all values.
func forPasses(rows, c, v int) columns {
	m := strips(1, rows, c, v)
	each := 16
	for each > 1 && m.across*ceil(rows, m.turns*each) < 2*columnBlocks {
		each /= 2
	}
	m.height = max(m.turns*each, ceil(rows, 1<<15))
	m.high = ceil(rows, m.height)
	m.turns = min(m.turns, m.height)
	return m
}

// room is the bytes of the parts of n sums a column, in double precision.
func room(matrices, rows, c, n int) int {
	_, high := parts(matrices, rows, c)
	return 8 * n * matrices * high * c
}

// launch adds a launch on the blocks; shared is the bytes that a thread has in shared memory. The kernel's last
// parameters are rows, c, per, across and height.
func (m columns) launch(c *call, name string, shared int, args ...any) {
	block := m.per * m.turns
	c.launch(name, [3]int{m.across * m.matrices, m.high, 1}, block, shared*block,
		append(args, m.rows, m.c, m.per, m.across, m.height)...)
}

// sum adds launches that sum n values a column: the second one where there are several parts. The first kernel's last
// parameter is the memory of these, in the scratch memory from at on.
func (m columns) sum(c *call, name string, n int, at Ptr, args ...any) (cut bool) {
	block := m.per * m.turns
	c.launch(name, [3]int{m.across * m.matrices, m.high, 1}, block, 8*n*m.v*block,
		append(args, m.rows, m.c, m.per, m.across, m.height, at)...)
	return m.high > 1
}

// finish adds the launch that adds up the parts.
func (m columns) finish(c *call, name string, n int, args ...any) {
	c.launch(name, [3]int{ceil(m.c, 8) * m.matrices, 1, 1}, 1024, 8*1024*n, args...)
}
