package cuda

import (
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

var _ = add(map[string]lowering{
	"argsort":     {scratch: scratchSort, bind: bindArgsort},
	"top_k":       {scratch: scratchSort, bind: bindTopK},
	"scatter_add": {scratch: scratchScatterAdd, bind: bindScatterAdd},
})

// sorting is of rows of n elements, of which the first `keep` are wanted.
type sorting struct {
	rows, n, keep int
	keys          bool // are wanted, not the places alone
}

// mostSorted is how many elements a block sorts: their keys fill 32 KiB of shared memory.
const mostSorted = 4096

// Of rows longer than fewFrom the few smallest, up to mostFew, are found one after the other.
const (
	fewFrom = 512
	mostFew = 32
)

// few reports whether the keys that are wanted are found one after the other.
func (s sorting) few() bool { return s.n > fewFrom && s.keep <= mostFew }

// piece is the size of the pieces that are sorted, and how many a row has.
func (s sorting) piece() (size, count int) {
	size = 1
	if s.few() {
		size = mostSorted
	}
	for size < mostSorted && size < s.n {
		size *= 2
	}
	return size, ceil(s.n, size)
}

// room is the bytes of a buffer for the runs; sorting takes two where a row has several pieces.
func (s sorting) room() int {
	size, count := s.piece()
	most := count * min(s.keep, size)
	for ; count > 1; size *= 2 {
		count = ceil(count, 2)
		most = max(most, count*min(s.keep, 2*size))
	}
	return aligned(8 * s.rows * most)
}

func (s sorting) scratch() int {
	if _, count := s.piece(); count == 1 && !s.keys {
		return 0
	}
	return 2 * s.room()
}

// bind adds the launches. The places go to y, or the keys to the address that is returned.
func (s sorting) bind(c *call, y, x Ptr, integers, largest bool) (keys Ptr) {
	size, count := s.piece()
	teams := max(1, 512/size)
	for teams*size > 64 && teams/2 >= s.rows*count {
		teams /= 2
	}
	from, to := c.scratch, c.scratch+Ptr(s.room())
	runs := from
	if count == 1 && !s.keys {
		runs = 0
	}
	all := teams * size
	if s.few() {
		c.launch("few_keys", [3]int{s.rows * count, 1, 1}, threads, 8*8, runs, y, x, integers, largest, s.n, s.keep)
	} else {
		c.launch("sort_pieces", [3]int{ceil(s.rows*count, teams), 1, 1}, min(1024, all/2), 8*all, runs, y, x, integers,
			largest, s.rows, s.n, s.keep, size, teams)
	}
	for ; count > 1; size *= 2 {
		runs = to
		if count == 2 && !s.keys {
			runs = 0
		}
		c.flat("sort_merge", s.rows*count*min(s.keep, size), runs, y, from, s.rows, s.n, s.keep, count, size)
		from, to = to, from
		count = ceil(count, 2)
	}
	return from
}

func sortingOf(c *call) sorting {
	rows, n := c.matrix(0)
	return sorting{rows: rows, n: n, keep: c.out.Shape.Last()}
}

func scratchSort(c *call) int { return sortingOf(c).scratch() }

func bindArgsort(c *call) { sortingOf(c).bind(c, c.y, c.x[0], c.in[0].DType == ir.I32, false) }

func bindTopK(c *call) { sortingOf(c).bind(c, c.y, c.x[0], c.in[0].DType == ir.I32, true) }

// ids is the sorting of the row numbers of scatter_add.
func ids(c *call) sorting {
	n := c.in[1].Shape.Size()
	return sorting{rows: 1, n: n, keep: n, keys: true}
}

func scratchScatterAdd(c *call) int { return ids(c).scratch() + 4*(c.spec.(op.ScatterAdd).Rows+1) }

func bindScatterAdd(c *call) {
	s, rows := ids(c), c.spec.(op.ScatterAdd).Rows
	width := c.size() / rows
	keys, starts := s.bind(c, 0, c.x[1], true, false), c.scratch+Ptr(s.scratch())
	c.flat("scatter_starts", rows+1, starts, keys, s.n, c.b.errors, c.at)
	v, end := vector(width, c.y, c.x[0])
	across := ceil(width, v)
	units := min(across, 64)
	c.launch("scatter_add"+end, [3]int{rows, ceil(across, units), 1}, units*(threads/units), 4*v*threads, c.y, c.x[0],
		keys, starts, width, units)
}
