package maps

import "math"

// tree is a quadtree over points of the plane: cells with how many points they hold and where their centre is.
type tree struct {
	cells []cell
	order []int32 // points by cell
}

type cell struct {
	centre   [2]float64 // mean of the points
	width    float64
	points   float64
	children int32 // the first of four; 0: none
	from, to int32 // points of order
}

// deepest is the level at which points that are (nearly) alike share a cell.
const deepest = 40

// newTree builds the tree by splitting cells until each holds one point.
func newTree(y Plane) *tree {
	t := &tree{order: make([]int32, len(y))}
	low, high := y[0], y[0]
	for i, p := range y {
		t.order[i] = int32(i)
		for a := range 2 {
			low[a], high[a] = min(low[a], p[a]), max(high[a], p[a])
		}
	}
	width := max(high[0]-low[0], high[1]-low[1], math.SmallestNonzeroFloat64)
	t.cells = append(make([]cell, 0, 3*len(y)), cell{width: width, points: float64(len(y)), to: int32(len(y))})
	t.split(y, 0, [2]float64{low[0] + width/2, low[1] + width/2}, 0)
	return t
}

// split makes the children of a cell, whose middle is given, and the means of both.
func (t *tree) split(y Plane, at int, middle [2]float64, level int) {
	c := t.cells[at]
	for _, i := range t.order[c.from:c.to] {
		t.cells[at].centre[0] += y[i][0] / c.points
		t.cells[at].centre[1] += y[i][1] / c.points
	}
	if c.to-c.from < 2 || level == deepest {
		return
	}
	part := t.order[c.from:c.to]
	ends := quarter(y, part, middle)
	first := int32(len(t.cells))
	t.cells[at].children = first
	from := c.from
	for q := range 4 {
		to := c.from + int32(ends[q])
		t.cells = append(t.cells, cell{width: c.width / 2, points: float64(to - from), from: from, to: to})
		from = to
	}
	for q := range 4 {
		if child := t.cells[int(first)+q]; child.to > child.from {
			t.split(y, int(first)+q, [2]float64{middle[0] + (float64(q&1)-0.5)*c.width/2,
				middle[1] + (float64(q>>1)-0.5)*c.width/2}, level+1)
		}
	}
}

// quarter sorts points by the quarter around a middle that they lie in, each in the order before, and says where the
// quarters end.
func quarter(y Plane, points []int32, middle [2]float64) (ends [4]int) {
	of := func(i int32) int {
		q := 0
		if y[i][0] >= middle[0] {
			q = 1
		}
		if y[i][1] >= middle[1] {
			q |= 2
		}
		return q
	}
	var count [4]int
	for _, i := range points {
		count[of(i)]++
	}
	sorted := make([]int32, len(points))
	var next [4]int
	for q := 1; q < 4; q++ {
		next[q] = next[q-1] + count[q-1]
	}
	for _, i := range points {
		q := of(i)
		sorted[next[q]] = i
		next[q]++
	}
	copy(points, sorted)
	return next
}

// force is the repulsion of point i by all others, sum of (y_i - y_j) / (1 + d^2)^2, and sum of 1 / (1 + d^2); cells
// that are far for their width count as their centre. stack is memory that is used again.
func (t *tree) force(y Plane, i int, theta float64, stack []int32) (f [2]float64, z float64, _ []int32) {
	stack = append(stack[:0], 0)
	for len(stack) > 0 {
		c := &t.cells[stack[len(stack)-1]]
		stack = stack[:len(stack)-1]
		d0, d1 := y[i][0]-c.centre[0], y[i][1]-c.centre[1]
		squares := d0*d0 + d1*d1
		if c.children != 0 && c.width*c.width >= theta*theta*squares {
			for q := range int32(4) {
				if t.cells[c.children+q].points > 0 {
					stack = append(stack, c.children+q)
				}
			}
			continue
		}
		if c.children != 0 { // far
			q := 1 / (1 + squares)
			z += c.points * q
			f[0] += c.points * q * q * d0
			f[1] += c.points * q * q * d1
			continue
		}
		for _, j := range t.order[c.from:c.to] { // one, or some that are alike
			if int(j) == i {
				continue
			}
			e0, e1 := y[i][0]-y[j][0], y[i][1]-y[j][1]
			q := 1 / (1 + e0*e0 + e1*e1)
			z += q
			f[0] += q * q * e0
			f[1] += q * q * e1
		}
	}
	return f, z, stack
}
