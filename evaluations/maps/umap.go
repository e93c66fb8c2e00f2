package maps

import (
	"context"
	"math"
	"math/rand/v2"
)

// UMAP places rows so that the fuzzy graph of their neighbours is that of the plane. A row's membership among its
// neighbours, and the graph of both directions, are
//
//	w_j|i = exp(-max(0, d_ij - rho_i) / sigma_i), rho_i the nearest distance above 0, sigma_i such that
//	        1 + the others' sum is log2(Neighbours)
//	w_ij  = w_j|i + w_i|j - w_j|i w_i|j
//
// and in the plane 1 / (1 + a d^2b), fitted to MinDistance. Edges attract, as often as they weigh, rows that are drawn
// at random repel; both by steps that shrink to nothing. It starts from the principal directions.
//
// McInnes, Healy and Melville 2018, arXiv:1802.03426. Unlike the authors' code it finds the neighbours exactly and does
// not start from the graph's Laplacian; that code takes 500 epochs of up to 10,000 rows.
type UMAP struct {
	Neighbours  int     // of a row, itself among them
	MinDistance float64 // of rows in the plane, about
	Epochs      int     // 0: 500 of up to 5,000 rows, else 200
	Negatives   int     // rows that repel for each that attracts
}

// DefaultUMAP has the settings of the authors' code.
func DefaultUMAP() *UMAP { return &UMAP{Neighbours: 15, MinDistance: 0.1, Negatives: 5} }

// layout makes the map.
func (u *UMAP) layout(r *rows, seed uint64) (Plane, error) {
	y, err := r.principal()
	if err != nil {
		return nil, err
	}
	y.spread(10)
	near, err := r.neighbours(context.Background(), min(u.Neighbours, r.n)-1)
	if err != nil {
		return nil, err
	}
	own := make([][]float64, r.n)
	for i := range near {
		own[i] = memberships(near[i], float64(u.Neighbours))
	}
	graph := symmetric(near, own, func(a, b float64) float64 { return a + b - a*b })
	epochs := u.Epochs
	if epochs == 0 {
		if epochs = 500; r.n > 5000 {
			epochs = 200
		}
	}
	rng := rand.New(rand.NewPCG(seed, 1802_03426))
	for i := range y { // rows that are alike part
		for a := range 2 {
			y[i][a] += 1e-4 * rng.NormFloat64()
		}
	}
	return y, u.descend(y, graph, epochs, rng, r.goOn)
}

// spread scales a map so that its largest coordinate is a number.
func (p Plane) spread(to float64) {
	var most float64
	for _, v := range p {
		most = max(most, math.Abs(v[0]), math.Abs(v[1]))
	}
	if most == 0 {
		return
	}
	for i := range p {
		p[i][0], p[i][1] = p[i][0]*to/most, p[i][1]*to/most
	}
}

// memberships are w_j|i of a row's neighbours, of k in all with the row itself.
func memberships(near []near, k float64) []float64 {
	var rho, mean float64
	for _, o := range near {
		if rho == 0 && o.distance > 0 {
			rho = o.distance
		}
		mean += o.distance / float64(len(near))
	}
	w := make([]float64, len(near))
	sigma, low, high := 1.0, 0.0, math.Inf(1)
	for range 64 {
		var sum float64
		for j, o := range near {
			w[j] = math.Exp(-max(0, o.distance-rho) / sigma)
			sum += w[j]
		}
		if math.Abs(sum-math.Log2(k)) < 1e-5 {
			break
		}
		if sum > math.Log2(k) {
			high = sigma
			sigma = (low + high) / 2
			continue
		}
		low = sigma
		if sigma *= 2; !math.IsInf(high, 1) {
			sigma = (low + high) / 2
		}
	}
	if least := 1e-3 * mean; sigma < least { // of neighbours that are all as far
		for j, o := range near {
			w[j] = math.Exp(-max(0, o.distance-rho) / least)
		}
	}
	return w
}

// descend moves rows by one edge after another.
func (u *UMAP) descend(y Plane, graph edges, epochs int, rng *rand.Rand, goOn func() error) error {
	a, b := curve(u.MinDistance)
	var heaviest float64
	for _, w := range graph.p {
		heaviest = max(heaviest, w)
	}
	every := make([]float64, len(graph.p)) // epochs between two uses of an edge
	due := make([]float64, len(graph.p))
	for e, w := range graph.p {
		every[e] = heaviest / w
		due[e] = every[e]
	}
	for epoch := range epochs {
		if err := goOn(); err != nil {
			return err
		}
		rate := 1 - float64(epoch)/float64(epochs)
		for i := range y {
			for e := graph.from[i]; e < graph.from[i+1]; e++ {
				if due[e] > float64(epoch+1) || every[e] > float64(epochs) {
					continue
				}
				due[e] += every[e]
				attract(&y[i], &y[graph.to[e]], a, b, rate)
				for range u.Negatives {
					if j := rng.IntN(len(y)); j != i {
						repel(&y[i], &y[j], a, b, rate)
					}
				}
			}
		}
	}
	return nil
}

// most is how far one step moves a coordinate, at a rate of 1.
const most = 4

// attract moves two rows to each other: the gradient of log(1 / (1 + a d^2b)).
func attract(p, q *[2]float64, a, b, rate float64) {
	d0, d1 := p[0]-q[0], p[1]-q[1]
	squares := d0*d0 + d1*d1
	if squares == 0 {
		return
	}
	power := math.Pow(squares, b)
	by := -2 * a * b * power / squares / (1 + a*power)
	for k, d := range [2]float64{d0, d1} {
		step := rate * min(max(by*d, -most), most)
		p[k] += step
		q[k] -= step
	}
}

// repel moves a row away from another: the gradient of log(1 - 1 / (1 + a d^2b)).
func repel(p, q *[2]float64, a, b, rate float64) {
	d0, d1 := p[0]-q[0], p[1]-q[1]
	squares := d0*d0 + d1*d1
	if squares == 0 {
		return
	}
	by := 2 * b / ((0.001 + squares) * (1 + a*math.Pow(squares, b)))
	for k, d := range [2]float64{d0, d1} {
		p[k] += rate * min(max(by*d, -most), most)
	}
}

// curve is a and b for which 1 / (1 + a d^2b) is nearest to 1 up to a distance and exp(-(d - distance)) beyond, by
// least squares over 300 distances from 0 to 3 (Gauss and Newton's steps on log a and log b).
func curve(distance float64) (a, b float64) {
	const points, reach = 300, 3.0
	la, lb := 0.0, 0.0
	for range 100 {
		a, b = math.Exp(la), math.Exp(lb)
		var h [3]float64 // of J'J
		var g [2]float64
		for i := range points {
			d := reach * float64(i) / (points - 1)
			want := 1.0
			if d >= distance {
				want = math.Exp(-(d - distance))
			}
			if d == 0 {
				continue
			}
			power := math.Pow(d, 2*b)
			v := 1 / (1 + a*power)
			ja := -v * v * a * power
			jb := ja * 2 * b * math.Log(d)
			h[0], h[1], h[2] = h[0]+ja*ja, h[1]+ja*jb, h[2]+jb*jb
			g[0], g[1] = g[0]+ja*(v-want), g[1]+jb*(v-want)
		}
		det := h[0]*h[2] - h[1]*h[1]
		sa, sb := (h[2]*g[0]-h[1]*g[1])/det, (h[0]*g[1]-h[1]*g[0])/det
		la, lb = la-sa, lb-sb
		if math.Abs(sa)+math.Abs(sb) < 1e-12 {
			break
		}
	}
	return math.Exp(la), math.Exp(lb)
}
