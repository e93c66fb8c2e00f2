package evaluations

import (
	"math"
	"runtime"
	"slices"
	"sync"
)

// Gradient-boosted regression trees on binned features: Friedman 2001 (Annals of Statistics 29), with second
// derivatives and the penalty of Chen and Guestrin 2016, XGBoost, arXiv:1603.02754, eq. 5 to 7, by histograms as in
// LightGBM (Ke et al. 2017). Trees grow level by level; nothing is drawn, and of equal gains the first column's lowest
// bound is taken, so that the same rows give the same trees on any number of threads.

// boosting are settings of trees.
type boosting struct {
	rounds   int
	rate     float64 // factor of a leaf
	depth    int     // of a tree, at most
	penalty  float64 // lambda, of squared leaves
	least    float64 // sum of second derivatives on both sides of a split
	bins     int     // of a column, at most 256
	goOn     func() error
	computed []*tree // of the rounds, one for each score
}

// tree is nodes in the order they were made, the root first.
type tree struct{ nodes []node }

type node struct {
	column      int
	bound       float32 // values up to it go left
	left, right int     // 0: a leaf
	value       float64 // of a leaf
}

// of is a row's leaf.
func (t *tree) of(row []float32) float64 {
	n := &t.nodes[0]
	for n.left != 0 {
		if row[n.column] <= n.bound {
			n = &t.nodes[n.left]
		} else {
			n = &t.nodes[n.right]
		}
	}
	return n.value
}

// binned are columns cut into bins: the code of a value is how many bounds are below it.
type binned struct {
	codes  [][]uint8   // by column
	bounds [][]float32 // rising
}

// newBinned cuts the columns of rows of x [N,dim]: between all values that there are, or where a column has more than
// the bins, between values at even ranks.
func newBinned(x []float32, dim int, rows []int, bins int) *binned {
	b := &binned{make([][]uint8, dim), make([][]float32, dim)}
	overColumns(dim, len(rows), func(c int) {
		values := make([]float32, len(rows))
		for i, r := range rows {
			values[i] = x[r*dim+c]
		}
		slices.Sort(values)
		var distinct []float32
		if all := slices.Compact(slices.Clone(values)); len(all) <= bins {
			distinct = all
		} else {
			for k := range bins {
				distinct = append(distinct, values[k*(len(values)-1)/(bins-1)])
			}
			distinct = slices.Compact(distinct)
		}
		for i := 1; i < len(distinct); i++ {
			b.bounds[c] = append(b.bounds[c], between(distinct[i-1], distinct[i]))
		}
		b.codes[c] = make([]uint8, len(rows))
		for i, r := range rows {
			at, _ := slices.BinarySearch(b.bounds[c], x[r*dim+c])
			b.codes[c][i] = uint8(at)
		}
	})
	return b
}

// between is a number from a on and below b.
func between(a, b float32) float32 {
	if m := a + (b-a)/2; m < b {
		return m
	}
	return a
}

// overColumns does something for every column, on several threads where that is worth it.
func overColumns(columns, rows int, do func(c int)) {
	threads := min(runtime.GOMAXPROCS(0), columns)
	if columns*rows < 1<<14 {
		threads = 1
	}
	if threads == 1 {
		for c := range columns {
			do(c)
		}
		return
	}
	var all sync.WaitGroup
	for k := range threads {
		all.Add(1)
		go func() {
			defer all.Done()
			for c := k; c < columns; c += threads {
				do(c)
			}
		}()
	}
	all.Wait()
}

// fit boosts trees for the labels y of rows of x [N,dim]: the logistic loss of two classes by one score, the softmax
// loss of more by one of each.
func (o *boosting) fit(x []float32, dim int, rows []int, y []int32, classes int) error {
	b := newBinned(x, dim, rows, o.bins)
	scores := classes
	if classes == 2 {
		scores = 1
	}
	n := len(rows)
	f := make([]float64, n*scores)
	g, h := make([]float64, n), make([]float64, n)
	p := make([]float64, n*scores)
	for range o.rounds {
		if err := o.goOn(); err != nil {
			return err
		}
		for i := range rows {
			probabilities(p[i*scores:(i+1)*scores], f[i*scores:(i+1)*scores])
		}
		for k := range scores {
			for i, r := range rows {
				is := 0.0
				if int(y[r]) == o.class(k, scores) {
					is = 1
				}
				q := p[i*scores+k]
				g[i], h[i] = q-is, q*(1-q)
			}
			t, leaf := o.grow(b, g, h)
			o.computed = append(o.computed, t)
			for i := range rows {
				f[i*scores+k] += t.nodes[leaf[i]].value
			}
		}
	}
	return nil
}

// class is the class whose score is number k: of two classes the one score is that of the second.
func (o *boosting) class(k, scores int) int {
	if scores == 1 {
		return 1
	}
	return k
}

// probabilities by scores: of a single one its sigmoid.
func probabilities(to, scores []float64) {
	if len(scores) == 1 {
		to[0] = 1 / (1 + math.Exp(-scores[0]))
		return
	}
	most, sum := slices.Max(scores), 0.0
	for k, s := range scores {
		to[k] = math.Exp(s - most)
		sum += to[k]
	}
	for k := range to {
		to[k] /= sum
	}
}

// sums are those of the derivatives over some rows.
type sums struct{ g, h float64 }

// worth is what a leaf of the rows takes off the loss, without the halves.
func (s sums) worth(penalty float64) float64 { return s.g * s.g / (s.h + penalty) }

// part is rows that a node holds, with their histograms by column.
type part struct {
	node  int
	rows  []int32
	total sums
	hist  [][]sums
}

// split is the best one of a column.
type split struct {
	gain float64
	bin  int
}

// grow makes a tree for derivatives g and h of the rows, and says in which node each row ends.
func (o *boosting) grow(b *binned, g, h []float64) (*tree, []int32) {
	t, leaf := &tree{nodes: make([]node, 1)}, make([]int32, len(g))
	root := &part{rows: make([]int32, len(g))}
	for i := range g {
		root.rows[i] = int32(i)
		root.total.g += g[i]
		root.total.h += h[i]
	}
	root.hist = o.histograms(b, root.rows, g, h)
	level := []*part{root}
	for depth := 0; len(level) > 0; depth++ {
		var next []*part
		for _, p := range level {
			column, best := o.best(b, p)
			if depth == o.depth || column < 0 {
				t.nodes[p.node].value = -o.rate * p.total.g / (p.total.h + o.penalty)
				for _, i := range p.rows {
					leaf[i] = int32(p.node)
				}
				continue
			}
			left, right := o.divide(b, p, column, best.bin, g, h, depth+1 < o.depth)
			left.node, right.node = len(t.nodes), len(t.nodes)+1
			n := &t.nodes[p.node]
			n.column, n.bound, n.left, n.right = column, b.bounds[column][best.bin], left.node, right.node
			t.nodes = append(t.nodes, node{}, node{})
			next = append(next, left, right)
		}
		level = next
	}
	return t, leaf
}

// best is the column and the bin at whose upper bound a part is best split; column -1: no split takes anything off.
func (o *boosting) best(b *binned, p *part) (column int, best split) {
	if p.hist == nil {
		return -1, best
	}
	all := make([]split, len(p.hist))
	overColumns(len(p.hist), 256, func(c int) {
		left, whole := sums{}, p.total.worth(o.penalty)
		for bin := range len(b.bounds[c]) {
			left.g += p.hist[c][bin].g
			left.h += p.hist[c][bin].h
			right := sums{p.total.g - left.g, p.total.h - left.h}
			if left.h < o.least || right.h < o.least {
				continue
			}
			if gain := left.worth(o.penalty) + right.worth(o.penalty) - whole; gain > all[c].gain+1e-12 {
				all[c] = split{gain, bin}
			}
		}
	})
	column = -1
	for c, s := range all {
		if s.gain > best.gain {
			column, best = c, s
		}
	}
	return column, best
}

// divide puts rows of a part whose code is at most bin to the left. The histograms of the larger side are what is left
// of the part's; deeper says whether any are needed.
func (o *boosting) divide(b *binned, p *part, column, bin int, g, h []float64, deeper bool) (left, right *part) {
	left, right = &part{}, &part{}
	for _, i := range p.rows {
		to := right
		if int(b.codes[column][i]) <= bin {
			to = left
		}
		to.rows = append(to.rows, i)
		to.total.g += g[i]
		to.total.h += h[i]
	}
	if !deeper {
		return left, right
	}
	small, large := left, right
	if len(left.rows) > len(right.rows) {
		small, large = right, left
	}
	small.hist, large.hist = o.histograms(b, small.rows, g, h), p.hist
	for c := range large.hist {
		for k, s := range small.hist[c] {
			large.hist[c][k].g -= s.g
			large.hist[c][k].h -= s.h
		}
	}
	return left, right
}

// histograms are sums of the derivatives by column and bin.
func (o *boosting) histograms(b *binned, rows []int32, g, h []float64) [][]sums {
	hist := make([][]sums, len(b.codes))
	overColumns(len(hist), len(rows), func(c int) {
		of, codes := make([]sums, len(b.bounds[c])+1), b.codes[c]
		for _, i := range rows {
			s := &of[codes[i]]
			s.g += g[i]
			s.h += h[i]
		}
		hist[c] = of
	})
	return hist
}

// ranks are those of the labels among the classes by the trees' scores of rows x [N,dim].
func (o *boosting) ranks(x []float32, dim int, y []int32, classes int) []int {
	scores := len(o.computed) / max(o.rounds, 1)
	out := make([]int, len(y))
	overColumns(len(y), len(o.computed), func(i int) {
		f := make([]float64, scores)
		for k, t := range o.computed {
			f[k%scores] += t.of(x[i*dim : (i+1)*dim])
		}
		if scores == 1 {
			f = []float64{0, f[0]}
		}
		out[i] = rank(f, y[i])
	})
	return out
}
