// Package assign gives things to places: one to one at the least cost, within bounds of how many a place takes, or
// softly in even shares. Results are the same bits on any machine.
package assign

import "math"

// OneToOne gives every row of a cost matrix [N,N] a column of its own, so that the costs add up to the least: column
// of[i] is row i's. What comes of costs that are not finite means nothing.
func OneToOne(cost []float64, n int) (of []int) { return NewMatching(n).Of(cost) }

// Matching is OneToOne for matrices of one size, in memory that it keeps.
//
// Kuhn 1955 (the Hungarian method), by shortest augmenting paths with potentials: Jonker and Volgenant, Computing 38,
// 1987. The time grows with N^3.
type Matching struct {
	n          int
	of         []int
	rowOf      []int     // of each column; row and column 0 stand for none
	rows, cols []float64 // potentials
	least      []float64 // to reach a column from the tree
	from       []int     // the column before on that way
	seen       []bool    // columns of the tree
}

// NewMatching is for matrices [n,n].
func NewMatching(n int) *Matching {
	return &Matching{n: n, of: make([]int, n), rowOf: make([]int, n+1), rows: make([]float64, n+1),
		cols: make([]float64, n+1), least: make([]float64, n+1), from: make([]int, n+1), seen: make([]bool, n+1)}
}

// Of is the column of each row, until the next call.
func (m *Matching) Of(cost []float64) (of []int) {
	clear(m.rowOf)
	clear(m.rows)
	clear(m.cols)
	for row := 1; row <= m.n; row++ {
		m.add(row, cost)
	}
	for j := 1; j <= m.n; j++ {
		m.of[m.rowOf[j]-1] = j - 1
	}
	return m.of
}

// add gives one row more a column: it grows a tree of shortest paths from the row until it reaches a free column.
func (m *Matching) add(row int, cost []float64) {
	for j := range m.least {
		m.least[j], m.from[j], m.seen[j] = math.Inf(1), 0, false
	}
	m.rowOf[0] = row
	column := 0
	for m.rowOf[column] != 0 {
		m.seen[column] = true
		i, next, step := m.rowOf[column], 0, math.Inf(1)
		for j := 1; j <= m.n; j++ {
			if m.seen[j] {
				continue
			}
			if d := cost[(i-1)*m.n+j-1] - m.rows[i] - m.cols[j]; d < m.least[j] {
				m.least[j], m.from[j] = d, column
			}
			if m.least[j] < step || next == 0 {
				step, next = m.least[j], j
			}
		}
		for j, seen := range m.seen {
			if seen {
				m.rows[m.rowOf[j]] += step
				m.cols[j] -= step
			} else {
				m.least[j] -= step
			}
		}
		column = next
	}
	for column != 0 { // exchange along the path
		m.rowOf[column] = m.rowOf[m.from[column]]
		column = m.from[column]
	}
}

// Bounded gives every row of costs [N,K] one of K places that take at most so many rows each, so that the costs add up
// to the least: of[i] is row i's place. most times K is at least N.
//
// Every row begins in its cheapest place; then rows move from a full place to one with room along the cheapest chain of
// moves between places, one chain after another: successive shortest paths (Ahuja, Magnanti, Orlin, Network Flows,
// 1993). The time grows with N times the number of rows that have to move.
func Bounded(cost []float64, k, most int) (of []int32) {
	n := len(cost) / k
	b := &bounded{cost: cost, k: k, of: make([]int32, n), members: make([][]int32, k), by: make([]float64, k*k),
		mover: make([]int32, k*k)}
	for i := range n {
		best := 0
		for c := range k {
			if cost[i*k+c] < cost[i*k+best] {
				best = c
			}
		}
		b.of[i] = int32(best)
		b.members[best] = append(b.members[best], int32(i))
	}
	for c := range k {
		b.price(c)
	}
	for c := range k {
		for len(b.members[c]) > most {
			for _, at := range b.move(c, most) {
				b.price(at)
			}
		}
	}
	return b.of
}

type bounded struct {
	cost    []float64
	k       int
	of      []int32
	members [][]int32 // rows of each place
	by      []float64 // [K,K], what the cheapest move from one place to another costs; infinite where nobody can
	mover   []int32   // [K,K], whose move it is
}

// price finds the cheapest moves out of a place.
func (b *bounded) price(a int) {
	for c := range b.k {
		at := a*b.k + c
		b.by[at] = math.Inf(1)
		for _, i := range b.members[a] {
			if d := b.cost[int(i)*b.k+c] - b.cost[int(i)*b.k+a]; c != a && d < b.by[at] {
				b.by[at], b.mover[at] = d, i
			}
		}
	}
}

// move takes a row out of a full place along the cheapest chain to one with room, and lists the places on the way.
func (b *bounded) move(full, most int) (way []int) {
	far, from := make([]float64, b.k), make([]int, b.k)
	for c := range far {
		far[c], from[c] = math.Inf(1), -1
	}
	far[full] = 0
	for changed, rounds := true, 0; changed && rounds < b.k; rounds++ { // Bellman and Ford: moves may gain
		changed = false
		for a := range b.k {
			for c := range b.k {
				if d := far[a] + b.by[a*b.k+c]; d < far[c]-1e-12*(1+math.Abs(far[c])) || d < math.Inf(1) &&
					math.IsInf(far[c], 1) {
					far[c], from[c], changed = d, a, true
				}
			}
		}
	}
	end := -1
	for c := range b.k {
		if len(b.members[c]) < most && (end < 0 || far[c] < far[end]) {
			end = c
		}
	}
	for c := end; ; c = from[c] {
		way = append(way, c)
		if c == full {
			break
		}
	}
	for _, c := range way[:len(way)-1] {
		a := from[c]
		i := b.mover[a*b.k+c]
		rows := b.members[a]
		for j, row := range rows {
			if row == i {
				rows[j] = rows[len(rows)-1]
				b.members[a] = rows[:len(rows)-1]
				break
			}
		}
		b.members[c], b.of[i] = append(b.members[c], i), int32(c)
	}
	return way
}

// Even is scalings of rows a [N] and columns b [K] of weights p [N,K] above 0, after which every row of a_i p_ij b_j
// sums to 1 and every column to N/K: soft places that all have the same share. Columns and rows are scaled in turn, so
// often at most, and until the columns' sums are off by less than tolerance of N/K on average.
//
// Sinkhorn and Knopp, Pacific Journal of Mathematics 21, 1967; Cuturi 2013, arXiv:1306.0895.
func Even(p []float32, k, iterations int, tolerance float64) (a, b []float64) {
	n := len(p) / k
	a, b = make([]float64, n), make([]float64, k)
	for i := range a {
		a[i] = 1
	}
	for j := range b {
		b[j] = 1
	}
	sums, share := make([]float64, k), float64(n)/float64(k)
	for it := range iterations {
		clear(sums)
		for i, scale := range a {
			for j, v := range p[i*k : (i+1)*k] {
				sums[j] += scale * float64(v)
			}
		}
		var off float64
		for j, sum := range sums {
			off += math.Abs(sum*b[j]/share-1) / float64(k)
			b[j] = share / sum
		}
		if it > 0 && off < tolerance {
			break
		}
		for i := range a {
			var sum float64
			for j, v := range p[i*k : (i+1)*k] {
				sum += float64(v) * b[j]
			}
			a[i] = 1 / sum
		}
	}
	return a, b
}
