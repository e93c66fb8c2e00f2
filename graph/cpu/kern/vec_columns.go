package kern

// tall is how many rows of a column sum are added in float32 before it moves on to float64.
const tall = 64

const maxLanes = 64

// What each level has kernels for, in columns of a strip, falling.
var (
	strips4   = []int{4}
	strips256 = []int{32, 8, 4}
	strips512 = []int{maxLanes, 16, 8, 4}
)

func strips() []int {
	switch active {
	case avx512:
		return strips512
	case avx2:
		return strips256
	}
	return strips4
}

// ColumnStrip is the width of the widest strip of columns that is added up at a time.
func ColumnStrip() int { return strips()[0] }

// AddColumns adds to s [col1-col0] the sums of the columns col0 .. col1-1 of x [.., c] over the rows row0 .. row1-1.
func AddColumns(s []float64, x []float32, c, row0, row1, col0, col1 int) {
	var a stripSums
	for r := row0; r < row1; r += tall {
		n := min(tall, row1-r)
		k := col0
		for _, w := range strips() {
			for ; k+w <= col1; k += w {
				_ = x[(r+n-1)*c+k+w-1]
				columnSum(w, &a, x[r*c+k:], c, n)
				widen(s[k-col0:], a[:w])
			}
		}
		for ; k < col1; k++ {
			var a float32
			for at := r*c + k; at < (r+n)*c; at += c {
				a += x[at]
			}
			s[k-col0] += float64(a)
		}
	}
}

// AddSpread is AddColumns for the sums of d (into s) and d*d (into q), d = x - pivot, pivot [c].
func AddSpread(s, q []float64, x, pivot []float32, c, row0, row1, col0, col1 int) {
	var a, b stripSums
	for r := row0; r < row1; r += tall {
		n := min(tall, row1-r)
		k := col0
		for _, w := range strips() {
			for ; k+w <= col1; k += w {
				_, _ = x[(r+n-1)*c+k+w-1], pivot[k+w-1]
				columnSpread(w, &a, &b, x[r*c+k:], pivot[k:], c, n)
				widen(s[k-col0:], a[:w])
				widen(q[k-col0:], b[:w])
			}
		}
		for ; k < col1; k++ {
			var a, b float32
			for at := r*c + k; at < (r+n)*c; at += c {
				d := x[at] - pivot[k]
				a, b = a+d, b+float32(d*d)
			}
			s[k-col0] += float64(a)
			q[k-col0] += float64(b)
		}
	}
}

// AddCentred is AddColumns for the sums of dy (into s) and dy*(x - mean) (into q), dy and x [.., c], mean [c].
func AddCentred(s, q []float64, dy, x, mean []float32, c, row0, row1, col0, col1 int) {
	var a, b stripSums
	for r := row0; r < row1; r += tall {
		n := min(tall, row1-r)
		k := col0
		for _, w := range strips() {
			for ; k+w <= col1; k += w {
				last := (r+n-1)*c + k + w - 1
				_, _, _ = x[last], dy[last], mean[k+w-1]
				columnCentred(w, &a, &b, dy[r*c+k:], x[r*c+k:], mean[k:], c, n)
				widen(s[k-col0:], a[:w])
				widen(q[k-col0:], b[:w])
			}
		}
		for ; k < col1; k++ {
			var a, b float32
			for at := r*c + k; at < (r+n)*c; at += c {
				d := dy[at]
				a, b = a+d, b+float32(d*(x[at]-mean[k]))
			}
			s[k-col0] += float64(a)
			q[k-col0] += float64(b)
		}
	}
}

// AddCentredRelu is AddCentred of dy where x*a + b > 0, else 0; a and b [c].
func AddCentredRelu(s, q []float64, dy, x, mean, a, b []float32, c, row0, row1, col0, col1 int) {
	var u, v stripSums
	for r := row0; r < row1; r += tall {
		n := min(tall, row1-r)
		k := col0
		for _, w := range strips() {
			for ; k+w <= col1; k += w {
				last := (r+n-1)*c + k + w - 1
				_, _, _, _, _ = x[last], dy[last], mean[k+w-1], a[k+w-1], b[k+w-1]
				columnCentredRelu(w, &u, &v, dy[r*c+k:], x[r*c+k:], mean[k:], a[k:], b[k:], c, n)
				widen(s[k-col0:], u[:w])
				widen(q[k-col0:], v[:w])
			}
		}
		for ; k < col1; k++ {
			var u, v float32
			for at := r*c + k; at < (r+n)*c; at += c {
				d := keep(dy[at], float32(x[at]*a[k])+b[k])
				u, v = u+d, v+float32(d*(x[at]-mean[k]))
			}
			s[k-col0] += float64(u)
			q[k-col0] += float64(v)
		}
	}
}

// widen is s += a.
func widen(s []float64, a []float32) {
	s = s[:len(a)]
	for i, v := range a {
		s[i] += float64(v)
	}
}

// stripSums are the sums of a strip of at most maxLanes columns.
type stripSums = [maxLanes]float32

// columnSum4, columnSpread4, columnCentred4 and columnCentredRelu4 are the assembly's kernels for strips of 4 columns
// of n rows.

func columnSum4(s *stripSums, x []float32, c, n int) {
	var s0, s1, s2, s3 float32
	for at := 0; at < n*c; at += c {
		v := (*[4]float32)(x[at:])
		s0, s1, s2, s3 = s0+v[0], s1+v[1], s2+v[2], s3+v[3]
	}
	s[0], s[1], s[2], s[3] = s0, s1, s2, s3
}

func columnSpread4(s, q *stripSums, x, pivot []float32, c, n int) {
	p := *(*[4]float32)(pivot)
	var s0, s1, s2, s3, q0, q1, q2, q3 float32
	for at := 0; at < n*c; at += c {
		v := (*[4]float32)(x[at:])
		d0, d1, d2, d3 := v[0]-p[0], v[1]-p[1], v[2]-p[2], v[3]-p[3]
		s0, s1, s2, s3 = s0+d0, s1+d1, s2+d2, s3+d3
		q0, q1, q2, q3 = q0+float32(d0*d0), q1+float32(d1*d1), q2+float32(d2*d2), q3+float32(d3*d3)
	}
	s[0], s[1], s[2], s[3] = s0, s1, s2, s3
	q[0], q[1], q[2], q[3] = q0, q1, q2, q3
}

func columnCentred4(s, q *stripSums, dy, x, mean []float32, c, n int) {
	p := *(*[4]float32)(mean)
	var s0, s1, s2, s3, q0, q1, q2, q3 float32
	for at := 0; at < n*c; at += c {
		v, d := (*[4]float32)(x[at:]), (*[4]float32)(dy[at:])
		s0, s1, s2, s3 = s0+d[0], s1+d[1], s2+d[2], s3+d[3]
		q0, q1 = q0+float32(d[0]*(v[0]-p[0])), q1+float32(d[1]*(v[1]-p[1]))
		q2, q3 = q2+float32(d[2]*(v[2]-p[2])), q3+float32(d[3]*(v[3]-p[3]))
	}
	s[0], s[1], s[2], s[3] = s0, s1, s2, s3
	q[0], q[1], q[2], q[3] = q0, q1, q2, q3
}

func columnCentredRelu4(s, q *stripSums, dy, x, mean, a, b []float32, c, n int) {
	p, f, g := *(*[4]float32)(mean), *(*[4]float32)(a), *(*[4]float32)(b)
	clear(s[:4])
	clear(q[:4])
	for at := 0; at < n*c; at += c {
		v, d := (*[4]float32)(x[at:]), (*[4]float32)(dy[at:])
		for k := range 4 {
			m := keep(d[k], float32(v[k]*f[k])+g[k])
			s[k] += m
			q[k] += float32(m * (v[k] - p[k]))
		}
	}
}
