// Package maps lays rows of features out in the plane, to be looked at: along their principal directions, by t-SNE and
// by UMAP. The three are of the rows scaled to unit length, so that near means a large cosine, as for the neighbours
// that evaluations count. A map is drawn and not measured: distances between its groups and their sizes mean little.
//
// The same rows and the same seed give the same bits, for any number of threads.
package maps

import (
	"context"
	"fmt"
	"math"
	"slices"

	"selfsup/evaluations"
)

// Plane is where N rows lie, [N,2].
type Plane [][2]float64

// Kinds are the maps by name, in the order in which they cost time.
var Kinds = []string{"pca", "tsne", "umap"}

// Make lays rows x [N,dim] out by the map of a name. alive is called again and again, and its error ends it; nil:
// nobody asks.
func Make(ctx context.Context, kind string, x []float32, dim int, seed uint64, alive func() error) (Plane, error) {
	if !slices.Contains(Kinds, kind) {
		return nil, fmt.Errorf("maps: %q is no map; want one of %v", kind, Kinds)
	}
	r, err := newRows(x, dim, ctx, alive)
	if err != nil {
		return nil, fmt.Errorf("maps: %s: %w", kind, err)
	}
	var p Plane
	switch kind {
	case "pca":
		p, err = r.principal()
	case "tsne":
		p, err = DefaultTSNE().layout(r)
	case "umap":
		p, err = DefaultUMAP().layout(r, seed)
	}
	if err != nil {
		return nil, fmt.Errorf("maps: %s: %w", kind, err)
	}
	return p, nil
}

// rows are features of unit length.
type rows struct {
	x      []float32
	n, dim int
	goOn   func() error
}

// least is how many rows make a map.
const least = 5

func newRows(x []float32, dim int, ctx context.Context, alive func() error) (*rows, error) {
	if dim < 2 || len(x)%max(dim, 1) != 0 || len(x) < least*dim {
		return nil, fmt.Errorf("%d numbers as rows of %d; want at least %d rows of two numbers or more", len(x), dim,
			least)
	}
	r := &rows{x: make([]float32, len(x)), n: len(x) / dim, dim: dim, goOn: func() error {
		if err := ctx.Err(); err != nil || alive == nil {
			return err
		}
		return alive()
	}}
	for i := range r.n {
		var squares float64
		for j, v := range x[i*dim : (i+1)*dim] {
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				return nil, fmt.Errorf("number [%d,%d] is %v; want finite numbers", i, j, v)
			}
			squares += float64(v) * float64(v)
		}
		if squares == 0 {
			continue
		}
		scale := 1 / math.Sqrt(squares)
		for j, v := range x[i*dim : (i+1)*dim] {
			r.x[i*dim+j] = float32(float64(v) * scale)
		}
	}
	return r, nil
}

// principal is the rows along the two directions in which they vary most.
func (r *rows) principal() (Plane, error) {
	p, err := evaluations.NewPCA(r.x, r.dim, 2)
	if err != nil {
		return nil, err
	}
	at := p.Apply(r.x)
	out := make(Plane, r.n)
	for i := range out {
		out[i] = [2]float64{at[2*i], at[2*i+1]}
	}
	return out, nil
}

// scaled multiplies a map so that its first axis has a deviation.
func (p Plane) scaled(deviation float64) {
	var mean, squares float64
	for _, v := range p {
		mean += v[0] / float64(len(p))
	}
	for _, v := range p {
		squares += (v[0] - mean) * (v[0] - mean) / float64(len(p))
	}
	if squares == 0 {
		return
	}
	by := deviation / math.Sqrt(squares)
	for i := range p {
		p[i][0], p[i][1] = p[i][0]*by, p[i][1]*by
	}
}

// near is a row and its distance.
type near struct {
	index    int32
	distance float64
}

// neighbours are the k other rows nearest to every row, the nearest first, with their Euclidean distances. Exact but
// for the order of rows whose cosines are the same in float32.
func (r *rows) neighbours(ctx context.Context, k int) ([][]near, error) {
	f := evaluations.Features{TrainX: r.x, TestX: r.x, Dim: r.dim, Alive: r.goOn}
	found, err := f.Nearest(ctx, k+1) // itself among them
	if err != nil {
		return nil, err
	}
	all := make([][]near, r.n)
	for i, row := range found {
		for _, o := range row {
			if int(o.Index) == i {
				continue
			}
			var squares float64
			a, b := r.x[i*r.dim:(i+1)*r.dim], r.x[int(o.Index)*r.dim:][:r.dim]
			for j, v := range a {
				d := float64(v) - float64(b[j])
				squares += d * d
			}
			all[i] = append(all[i], near{o.Index, math.Sqrt(squares)})
		}
		slices.SortStableFunc(all[i], func(a, b near) int {
			switch {
			case a.distance < b.distance:
				return -1
			case a.distance > b.distance:
				return 1
			}
			return int(a.index - b.index)
		})
		all[i] = all[i][:min(k, len(all[i]))]
	}
	return all, nil
}
