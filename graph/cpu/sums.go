package cpu

// few is how many terms are added in float32 (in four lanes) before the sum moves on to float64.
const few = 512

// sumOf is the sum of x.
func sumOf(x []float32) float64 {
	var s float64
	for len(x) > 0 {
		n := min(len(x), few)
		p := x[:n]
		var a, b, c, d float32
		for len(p) >= 4 {
			a, b, c, d = a+p[0], b+p[1], c+p[2], d+p[3]
			p = p[4:]
		}
		for _, v := range p {
			a += v
		}
		s += float64((a + b) + (c + d))
		x = x[n:]
	}
	return s
}

// sumOfSquares is the sum of the squares of x.
func sumOfSquares(x []float32) float64 { return dotOf(x, x) }

// dotOf is the sum of the products of x and y.
func dotOf(x, y []float32) float64 {
	var s float64
	for len(x) > 0 {
		n := min(len(x), few)
		p, q := x[:n], y[:n]
		var a, b, c, d float32
		for len(p) >= 4 && len(q) >= 4 {
			a, b, c, d = a+p[0]*q[0], b+p[1]*q[1], c+p[2]*q[2], d+p[3]*q[3]
			p, q = p[4:], q[4:]
		}
		q = q[:len(p)]
		for i, v := range p {
			a += v * q[i]
		}
		s += float64((a + b) + (c + d))
		x, y = x[n:], y[n:]
	}
	return s
}

// maxOf is the largest element of x, which is not empty. Branches are cheap here: a running maximum rarely changes. NaN as first element
// makes it NaN, elsewhere NaN is passed over.
func maxOf(x []float32) float32 {
	a, b, c, d := x[0], x[0], x[0], x[0]
	for len(x) >= 4 {
		if x[0] > a {
			a = x[0]
		}
		if x[1] > b {
			b = x[1]
		}
		if x[2] > c {
			c = x[2]
		}
		if x[3] > d {
			d = x[3]
		}
		x = x[4:]
	}
	for _, v := range x {
		if v > a {
			a = v
		}
	}
	return max(a, b, c, d)
}

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

// columns adds up the columns of a matrix [rows, c]: k sums for each column. part(s, row0, row1, col0, col1) adds the sums of a part of the
// matrix to s [k][col1-col0], which arrives zeroed. All parts are added in order and handed to done(s, col0, col1) in the same form.
type columns struct {
	rows, c, k int
	part       func(s []float64, row0, row1, col0, col1 int)
	done       func(s []float64, col0, col1 int)
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
	parts := sweep(high*across, 1, func(i, _ int) {
		all, col0, col1 := strip(i / high)
		n := o.k * (col1 - col0)
		s := all[i%high*n:][:n]
		clear(s)
		row0 := i % high * height
		o.part(s, row0, min(row0+height, o.rows), col0, col1)
	})
	join := sweep(across, 1, func(j, _ int) {
		all, col0, col1 := strip(j)
		n := o.k * (col1 - col0)
		s := all[:n]
		for i := n; i < len(all); i += n {
			for l, v := range all[i:][:n] {
				s[l] += v
			}
		}
		o.done(s, col0, col1)
	})
	return func() {
		parts()
		join()
	}
}
