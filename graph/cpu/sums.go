package cpu

import "selfsup/graph/cpu/kern"

// argmaxOf is the place of the first maximum.
func argmaxOf(x []float32) int {
	at, top := 0, x[0]
	for i, v := range x {
		if v > top {
			at, top = i, v
		}
	}
	return at
}

// wide is how many columns make one task of a column sum, and long how many rows at least.
const (
	wide = 256
	long = 64
)

// columns adds up the columns of a matrix [rows, c]: k sums for each column. part(worker, s, row0, row1, col0, col1)
// adds the sums of a part of the matrix to s [k][col1-col0], which arrives zeroed. All parts are added in order and
// handed to done(s, col0, col1) in the same form.
//
// A narrow matrix [rows*fold, c/fold] is taken as one of fewer rows, as wide as the kernels' strips, which then read it
// from one end to the other; done is handed the sums of its own columns.
type columns struct {
	rows, c, k int
	fold       int
	part       func(worker int, s []float64, row0, row1, col0, col1 int)
	done       func(s []float64, col0, col1 int)
}

func columnsOf(rows, c, k int) columns {
	fold := max(1, kern.ColumnStrip()/c)
	for rows%fold != 0 {
		fold--
	}
	return columns{rows: rows / fold, c: c * fold, k: k, fold: fold}
}

// height is the number of rows of a part, a function of the shape alone.
func (o *columns) height() int { return max(long, 2*block/min(o.c, wide)) }

// scratch is the floats of scratch memory that run wants.
func (o *columns) scratch() int { return 2 * o.k * o.c * tasks(o.rows, o.height()) }

// run makes the function that computes the sums.
func (o columns) run(scratch []float32) func() {
	height := o.height()
	high, across := tasks(o.rows, height), tasks(o.c, wide)
	sums := doubles(scratch, o.k*o.c*high) // [across][high][k][columns of the strip]
	strip := func(j int) (s []float64, col0, col1 int) {
		col0, col1 = j*wide, min((j+1)*wide, o.c)
		return sums[col0*o.k*high : col1*o.k*high], col0, col1
	}
	part := func(i, worker int) {
		all, col0, col1 := strip(i / high)
		n := o.k * (col1 - col0)
		s := all[i%high*n:][:n]
		clear(s)
		row0 := i % high * height
		o.part(worker, s, row0, min(row0+height, o.rows), col0, col1)
	}
	join := sweep(across, 1, func(j, _ int) {
		all, col0, col1 := strip(j)
		n := o.k * (col1 - col0)
		s := all[:n]
		for i := n; i < len(all); i += n {
			for l, v := range all[i:][:n] {
				s[l] += v
			}
		}
		if o.fold == 1 {
			o.done(s, col0, col1)
			return
		}
		c := o.c / o.fold // folded matrices have one strip
		for i := range o.k * c {
			from := s[i/c*o.c+i%c : (i/c+1)*o.c]
			s[i] = from[0]
			for l := c; l < len(from); l += c {
				s[i] += from[l]
			}
		}
		o.done(s[:o.k*c], 0, c)
	})
	return func() {
		kern.RunWorker(high*across, part)
		join()
	}
}
