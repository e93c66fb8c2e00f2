package maps

import (
	"context"
	"math"
	"slices"

	"selfsup/graph/device"
)

// TSNE places rows so that a row's neighbours by a Gaussian in the feature space are its neighbours by Student's t in
// the plane: it minimises KL(P|Q) with
//
//	p_j|i ~ exp(-|x_i - x_j|^2 / 2 s_i^2), of the 3 perplexity nearest, s_i such that e^entropy is it
//	p_ij  = (p_j|i + p_i|j) / 2N,   q_ij ~ 1 / (1 + |y_i - y_j|^2)
//
// by gradient descent with momentum and gains, P exaggerated at first. The forces between far rows are those of whole
// cells of a quadtree. It starts from the principal directions, so that nothing in it is random (Kobak and Berens 2019,
// doi:10.1038/s41467-019-13056-x).
//
// van der Maaten and Hinton 2008, JMLR 9; van der Maaten 2014, JMLR 15 (Barnes-Hut). The learning rate is
// max(N/exaggeration/4, 50), as in scikit-learn (Belkina et al. 2019, doi:10.1038/s41467-019-13055-y).
type TSNE struct {
	Perplexity   float64 // how many neighbours count, in effect
	Exaggeration float64 // factor of P in the first Early iterations
	Early        int
	Iterations   int     // in all
	Theta        float64 // a cell counts as one point from a distance of its width over Theta on; 0: exact
}

// DefaultTSNE has the settings of scikit-learn, and openTSNE's number of iterations.
func DefaultTSNE() *TSNE {
	return &TSNE{Perplexity: 30, Exaggeration: 12, Early: 250, Iterations: 750, Theta: 0.5}
}

// edges are what rows are drawn to: p[from[i]:from[i+1]] of row i.
type edges struct {
	from []int32
	to   []int32
	p    []float64
}

// layout makes the map.
func (t *TSNE) layout(r *rows) (Plane, error) {
	y, err := r.principal()
	if err != nil {
		return nil, err
	}
	y.scaled(1e-4)
	perplexity := min(t.Perplexity, float64(r.n-1)/3)
	near, err := r.neighbours(context.Background(), min(r.n-1, int(3*perplexity)+1))
	if err != nil {
		return nil, err
	}
	p := affinities(near, perplexity)
	rate := max(float64(r.n)/t.Exaggeration/4, 50)
	grad, step, gain := make(Plane, r.n), make(Plane, r.n), make(Plane, r.n)
	for i := range gain {
		gain[i] = [2]float64{1, 1}
	}
	for n := range t.Iterations {
		if n%10 == 0 {
			if err := r.goOn(); err != nil {
				return nil, err
			}
		}
		exaggeration, momentum := 1.0, 0.8
		if n < t.Early {
			exaggeration, momentum = t.Exaggeration, 0.5
		}
		t.gradient(grad, y, p, exaggeration)
		for i := range y {
			for a := range 2 {
				if step[i][a]*grad[i][a] < 0 {
					gain[i][a] += 0.2
				} else {
					gain[i][a] = max(0.01, gain[i][a]*0.8)
				}
				step[i][a] = momentum*step[i][a] - rate*gain[i][a]*grad[i][a]
				y[i][a] += step[i][a]
			}
		}
	}
	return y, nil
}

// rowsOfTask is how many rows one task moves; the cut changes no result.
const rowsOfTask = 64

// gradient of KL(P|Q) with respect to y, times exaggeration on its attractive part.
func (t *TSNE) gradient(grad, y Plane, p edges, exaggeration float64) {
	tree := newTree(y)
	n := len(y)
	repulsion, shares := make(Plane, n), make([]float64, n)
	device.Parallel((n+rowsOfTask-1)/rowsOfTask, func(task int) {
		var stack []int32
		for _, at := range tree.order[task*rowsOfTask : min((task+1)*rowsOfTask, n)] { // near ones walk the same cells
			i := int(at)
			repulsion[i], shares[i], stack = tree.force(y, i, t.Theta, stack)
		}
	})
	var z float64
	for _, v := range shares {
		z += v
	}
	device.Parallel((n+rowsOfTask-1)/rowsOfTask, func(task int) {
		for i := task * rowsOfTask; i < min((task+1)*rowsOfTask, n); i++ {
			var to [2]float64
			for e := p.from[i]; e < p.from[i+1]; e++ {
				d0, d1 := y[i][0]-y[p.to[e]][0], y[i][1]-y[p.to[e]][1]
				w := exaggeration * p.p[e] / (1 + d0*d0 + d1*d1)
				to[0] += w * d0
				to[1] += w * d1
			}
			grad[i] = [2]float64{4 * (to[0] - repulsion[i][0]/z), 4 * (to[1] - repulsion[i][1]/z)}
		}
	})
}

// affinities are p_ij of rows and their neighbours.
func affinities(near [][]near, perplexity float64) edges {
	n := len(near)
	own := make([][]float64, n)
	device.Parallel((n+rowsOfTask-1)/rowsOfTask, func(task int) {
		for i := task * rowsOfTask; i < min((task+1)*rowsOfTask, n); i++ {
			own[i] = conditional(near[i], perplexity)
		}
	})
	return symmetric(near, own, func(a, b float64) float64 { return (a + b) / (2 * float64(n)) })
}

// conditional is p_j|i of a row's neighbours: the width is found by bisection.
func conditional(near []near, perplexity float64) []float64 {
	p := make([]float64, len(near))
	want := math.Log(perplexity)
	beta, low, high := 1.0, 0.0, math.Inf(1)
	for range 100 {
		var sum, mean float64
		for j, o := range near {
			d := o.distance*o.distance - near[0].distance*near[0].distance
			p[j] = math.Exp(-d * beta)
			sum += p[j]
			mean += p[j] * d
		}
		entropy := math.Log(sum) + beta*mean/sum
		for j := range p {
			p[j] /= sum
		}
		switch off := entropy - want; {
		case math.Abs(off) < 1e-6:
			return p
		case off > 0:
			low = beta
			if beta *= 2; !math.IsInf(high, 1) {
				beta = (low + high) / 2
			}
		default:
			high = beta
			beta = (low + high) / 2
		}
	}
	return p
}

// symmetric joins what rows and their neighbours have for each other; of one direction alone the other is 0. Rows'
// edges are in the order of the rows that they lead to.
func symmetric(near [][]near, own [][]float64, join func(a, b float64) float64) edges {
	type edge struct {
		to   int32
		a, b float64
	}
	all := make([][]edge, len(near))
	for i, row := range near {
		for k, o := range row {
			all[i] = append(all[i], edge{to: o.index, a: own[i][k]})
			all[o.index] = append(all[o.index], edge{to: int32(i), b: own[i][k]})
		}
	}
	out := edges{from: []int32{0}}
	for _, row := range all {
		slices.SortStableFunc(row, func(a, b edge) int { return int(a.to - b.to) })
		for k := 0; k < len(row); k++ {
			e := row[k]
			for k+1 < len(row) && row[k+1].to == e.to {
				k++
				e.a, e.b = e.a+row[k].a, e.b+row[k].b
			}
			out.to, out.p = append(out.to, e.to), append(out.p, join(e.a, e.b))
		}
		out.from = append(out.from, int32(len(out.to)))
	}
	return out
}
