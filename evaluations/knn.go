package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"selfsup/graph/device"
	"selfsup/setting"
)

// KNN classifies each test image by the labels of its nearest training images.
//
// Weighted: every neighbour votes with exp(cos/temperature) (Wu et al. 2018, arXiv:1805.01978, sec. 3.4; DINO's
// eval_knn.py). Majority: one neighbour, one vote, as scikit-learn's KNeighborsClassifier counts. Equal scores go to
// the smaller class, equally near neighbours to the smaller index. With fewer than k training images all of them vote.
// top5 counts as DINO does, the best min(5, k) classes.
type KNN struct {
	Schedule
	K           []int   `toml:"k"`           // neighbours; one result for each
	Temperature float64 `toml:"temperature"` // of cosines; used by weighted votes
	Vote        string  `toml:"vote"`        // weighted | majority
	Distance    string  `toml:"distance"`    // cosine
}

// DefaultKNN is 20 neighbours at temperature 0.1. DINO's own default is 0.07; the CIFAR protocols around SimCLR use
// 0.1.
func DefaultKNN() *KNN {
	return &KNN{K: []int{20}, Temperature: 0.1, Vote: "weighted", Distance: "cosine"}
}

// Validate checks the settings.
func (p *KNN) Validate() error {
	var bad []error
	if len(p.K) == 0 {
		bad = append(bad, setting.Bad("k", "no numbers: want at least one, such as [20]"))
	}
	for i, k := range p.K {
		if k < 1 {
			bad = append(bad, setting.Bad("k", "%d: want numbers of 1 or more", k))
		} else if slices.Contains(p.K[:i], k) {
			bad = append(bad, setting.Bad("k", "%d is there twice", k))
		}
	}
	if !(p.Temperature > 0) || math.IsInf(p.Temperature, 0) {
		bad = append(bad, setting.Bad("temperature", "%v: want a number above 0", p.Temperature))
	}
	if p.Vote != "weighted" && p.Vote != "majority" {
		bad = append(bad, setting.Bad("vote", "%q: want \"weighted\" or \"majority\"", p.Vote))
	}
	if p.Distance != "cosine" {
		bad = append(bad, setting.Bad("distance", "%q: want \"cosine\"", p.Distance))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *KNN) Needs() Needs { return Needs{Labels: true} }

// Evaluate returns top1, and top5 where there are more than five classes, for every k.
func (p *KNN) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.check("knn"); err != nil {
		return nil, err
	}
	near, err := nearest(ctx, f, slices.Max(p.K))
	if err != nil {
		return nil, err
	}
	settings := map[string]any{"vote": p.Vote, "distance": p.Distance}
	if p.Vote == "weighted" {
		settings["temperature"] = p.Temperature
	}
	var out []Result
	for _, k := range p.K {
		ranks := make([]int, len(near))
		device.Parallel(tasks(len(near)), func(task int) {
			scores := make([]float64, f.Classes)
			for i := task * knnTask; i < min((task+1)*knnTask, len(near)); i++ {
				p.votes(near[i], f.TrainY, k, scores)
				ranks[i] = rank(scores, f.TestY[i])
			}
		})
		rs := accuracies("knn", k, f.Classes, min(5, k), ranks, f.TestY, settings)
		if n := len(f.TrainY); k > n {
			for i := range rs {
				rs[i].Notes =
					[]string{fmt.Sprintf("k = %d is above the number of training images, %d: all of them vote", k, n)}
			}
		}
		out = append(out, rs...)
	}
	return out, nil
}

// votes fills the score of every class from the k nearest; near is in order of similarity. Weights are relative to that
// of the nearest, which changes no rank and keeps exp within range at any temperature.
func (p *KNN) votes(near []neighbour, labels []int32, k int, scores []float64) {
	clear(scores)
	for _, n := range near[:min(k, len(near))] {
		w := 1.0
		if p.Vote == "weighted" {
			w = math.Exp((float64(n.cos) - float64(near[0].cos)) / p.Temperature)
		}
		scores[labels[n.index]] += w
	}
}

// neighbour is a training image and its similarity to a test image.
type neighbour struct {
	cos   float32
	index int32
}

// before is the order of neighbours: nearer first, then the smaller index.
func (n neighbour) before(m neighbour) bool {
	return n.cos > m.cos || n.cos == m.cos && n.index < m.index
}

// Similarities are made a block at a time, so that memory does not grow with the product of the set sizes. The cut
// depends on shapes alone.
const (
	knnRows    = 256  // test images
	knnColumns = 4096 // training images
	knnTask    = 16   // test images of one task
)

func tasks(rows int) int { return (rows + knnTask - 1) / knnTask }

// nearest returns the k nearest training images of every test image by cosine, in order. Exact: all similarities are
// computed, in float32.
func nearest(ctx context.Context, f Features, k int) ([][]neighbour, error) {
	n, m := len(f.TrainX)/f.Dim, len(f.TestX)/f.Dim
	k = min(k, n)
	near := make([][]neighbour, m)
	for i := range near {
		near[i] = make([]neighbour, 0, k)
	}
	train, test := UnitRows[float32](f.TrainX, f.Dim), UnitRows[float32](f.TestX, f.Dim)
	err := f.products(ctx, test, train, knnColumns, func(i, j0 int, sims []float32) {
		for j, s := range sims {
			near[i] = keep(near[i], neighbour{s, int32(j0 + j)}, k)
		}
	})
	if err != nil {
		return nil, err
	}
	for _, h := range near {
		slices.SortFunc(h, func(a, b neighbour) int {
			if a.before(b) {
				return -1
			}
			return 1
		})
	}
	return near, nil
}

// products computes the products of rows x [M,F] with rows y [N,F], so many of y at once, and shows take those of every
// row i of x with the rows of y from j0 on. Rows of x are shown to several goroutines, the parts of one row in order.
func (f Features) products(ctx context.Context, x, y []float32, columns int,
	take func(i, j0 int, products []float32)) error {
	dim := f.Dim
	n, m := len(y)/dim, len(x)/dim
	rows, cols := min(m, knnRows), min(n, columns)
	out := make([]float32, rows*cols)
	var scratch []float32
	for i0 := 0; i0 < m; i0 += rows {
		for j0 := 0; j0 < n; j0 += cols {
			if err := f.goOn(ctx); err != nil {
				return err
			}
			r, c := min(rows, m-i0), min(cols, n-j0)
			if need := device.GemmScratch(false, true, r, c, dim); need > len(scratch) {
				scratch = make([]float32, need)
			}
			device.Gemm(false, true, r, c, dim, x[i0*dim:], dim, y[j0*dim:], dim, out, c, 0, scratch)
			device.Parallel(tasks(r), func(task int) {
				for i := task * knnTask; i < min((task+1)*knnTask, r); i++ {
					take(i0+i, j0, out[i*c:(i+1)*c])
				}
			})
		}
	}
	return nil
}

// keep adds n to a heap of the k best, whose worst is at its root.
func keep(h []neighbour, n neighbour, k int) []neighbour {
	if len(h) < k {
		h = append(h, n)
		for i := len(h) - 1; i > 0; {
			up := (i - 1) / 2
			if !h[up].before(h[i]) {
				break
			}
			h[up], h[i] = h[i], h[up]
			i = up
		}
		return h
	}
	if !n.before(h[0]) {
		return h
	}
	h[0] = n
	for i := 0; ; {
		worst := i
		for c := 2*i + 1; c < min(2*i+3, k); c++ {
			if h[worst].before(h[c]) {
				worst = c
			}
		}
		if worst == i {
			return h
		}
		h[i], h[worst] = h[worst], h[i]
		i = worst
	}
}

// UnitRows is a copy of x [N,dim] with rows of length 1; a row of zeros stays so.
func UnitRows[T float32 | float64](x []float32, dim int) []T {
	out := make([]T, len(x))
	for i := 0; i < len(x); i += dim {
		var ss float64
		for _, v := range x[i : i+dim] {
			ss += float64(v) * float64(v)
		}
		if ss == 0 {
			continue
		}
		scale := 1 / math.Sqrt(ss)
		for j, v := range x[i : i+dim] {
			out[i+j] = T(float64(v) * scale)
		}
	}
	return out
}
