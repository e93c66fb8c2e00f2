package evaluations

import (
	"context"
	"math"
	"runtime"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/setting"
)

// xor is points in the square whose class is whether the signs of the coordinates differ, and a column that says
// nothing.
func xor(n int, r *datasets.Rand) (x []float32, y []int32) {
	for range n {
		a, b := float32(r.Uniform(-1, 1)), float32(r.Uniform(-1, 1))
		class := int32(0)
		if a*b < 0 {
			class = 1
		}
		x, y = append(x, a, b, float32(r.Uniform(-1, 1))), append(y, class)
	}
	return x, y
}

// Trees tell apart what no line can: logistic regression is right about half of the time.
func TestBoostingTellsXor(t *testing.T) {
	r := datasets.NewRand(3, "xor")
	f := Features{Dim: 3, Classes: 2, Seed: 1}
	f.TrainX, f.TrainY = xor(1000, &r)
	f.TestX, f.TestY = xor(1000, &r)
	p, linear := DefaultBoosting(), DefaultLinear()
	p.Rounds, linear.L2 = 30, []float64{0.01}
	trees, line := value(t, results(t, p, f), "100% top1", 0), value(t, results(t, linear, f), "top1", 0)
	if trees.Value < 0.95 || line.Value > 0.6 {
		t.Errorf("trees are right in %v of the cases and a line in %v, want at least 0.95 and at most 0.6", trees.Value,
			line.Value)
	}
	if few := value(t, results(t, p, f), "1% top1", 0); few.Value > trees.Value || few.Deviation == 0 ||
		few.Settings["rows"] != 10 {
		t.Errorf("1 %%: %+v, want 10 rows of draws that differ, which are right less often", few)
	}
}

// A round of trees by hand. The scores begin at 0, so that of two classes g = +-1/2 and h = 1/4 in every row. Of x =
// 1, 2, 3, 4 with classes 0, 0, 1, 1 the cut between 2 and 3 leaves G = 1, H = 1/2 on the left: the leaf is -G/(H+1) =
// -2/3. Three classes have p = 1/3.
func TestBoostingByHand(t *testing.T) {
	goOn := func() error { return nil }
	o := &boosting{rounds: 1, rate: 1, depth: 1, penalty: 1, bins: 256, goOn: goOn}
	x, y := []float32{1, 7, 2, 7, 3, 7, 4, 7}, []int32{0, 0, 1, 1}
	if err := o.fit(x, 2, []int{0, 1, 2, 3}, y, 2); err != nil {
		t.Fatal(err)
	}
	n := o.computed[0].nodes
	if len(o.computed) != 1 || len(n) != 3 || n[0].column != 0 || n[0].bound != 2.5 {
		t.Fatalf("trees %+v, want one with a cut of column 0 at 2.5", o.computed[0])
	}
	if l, r := n[1].value, n[2].value; math.Abs(l+2./3) > 1e-12 || math.Abs(r-2./3) > 1e-12 {
		t.Errorf("leaves %v and %v, want -2/3 and 2/3", l, r)
	}
	// With at least 0.6 of second derivatives on both sides no cut is left, and the leaf of all has G = 0.
	o = &boosting{rounds: 1, rate: 1, depth: 1, penalty: 1, least: 0.6, bins: 256, goOn: goOn}
	if err := o.fit(x, 2, []int{0, 1, 2, 3}, y, 2); err != nil {
		t.Fatal(err)
	}
	if n := o.computed[0].nodes; len(n) != 1 || n[0].value != 0 {
		t.Errorf("with least = 0.6 the tree is %+v, want a leaf of 0", n)
	}
	// Three classes at x = 1, 2, 3: the tree of class 0 cuts between 1 and 2, G = -2/3 and 2/3, H = 2/9 and 4/9.
	o = &boosting{rounds: 1, rate: 0.5, depth: 1, penalty: 1, bins: 256, goOn: goOn}
	if err := o.fit([]float32{1, 2, 3}, 1, []int{0, 1, 2}, []int32{0, 1, 2}, 3); err != nil {
		t.Fatal(err)
	}
	n = o.computed[0].nodes
	if len(o.computed) != 3 || n[0].bound != 1.5 {
		t.Fatalf("%d trees, the first cuts at %v; want 3 and 1.5", len(o.computed), n[0].bound)
	}
	if l, r := n[1].value, n[2].value; math.Abs(l-0.5*(2./3)/(1+2./9)) > 1e-12 ||
		math.Abs(r+0.5*(2./3)/(1+4./9)) > 1e-12 {
		t.Errorf("leaves %v and %v, want 0.2727 and -0.2308", l, r)
	}
	if got := o.ranks([]float32{1, 2, 3}, 1, []int32{0, 2, 2}, 3); got[0] != 0 || got[2] != 0 {
		t.Errorf("ranks %v, want 0 of the classes that were learned", got)
	}
}

// The histogram of the larger side is what the smaller one leaves: trees are those of plain sums over the rows.
func TestBoostingAgainstLoops(t *testing.T) {
	r := datasets.NewRand(5, "loops")
	x, _ := xor(300, &r)
	g, h, rows := make([]float64, 300), make([]float64, 300), make([]int, 300)
	for i := range g {
		g[i], h[i], rows[i] = r.Uniform(-1, 1), r.Uniform(0.1, 1), i
	}
	o := &boosting{rate: 1, depth: 4, penalty: 1, least: 1, bins: 32}
	tr, leaf := o.grow(newBinned(x, 3, rows, 32), g, h)
	var check func(n int, held []int)
	check = func(n int, held []int) {
		of := tr.nodes[n]
		var all, left sums
		var l, r []int
		for _, i := range held {
			all.g, all.h = all.g+g[i], all.h+h[i]
			if x[3*i+of.column] <= of.bound {
				left.g, left.h = left.g+g[i], left.h+h[i]
				l = append(l, i)
			} else {
				r = append(r, i)
			}
		}
		if of.left == 0 {
			if want := -all.g / (all.h + 1); math.Abs(of.value-want) > 1e-9 {
				t.Errorf("leaf %d of %d rows is %v, want %v", n, len(held), of.value, want)
			}
			for _, i := range held {
				if int(leaf[i]) != n || tr.of(x[3*i:3*i+3]) != of.value {
					t.Errorf("row %d ends in node %d and at %v, want node %d at %v", i, leaf[i], tr.of(x[3*i:3*i+3]), n,
						of.value)
				}
			}
			return
		}
		right := sums{all.g - left.g, all.h - left.h}
		own := left.worth(1) + right.worth(1) - all.worth(1)
		if left.h < 1 || right.h < 1 {
			t.Errorf("node %d splits off %v and %v", n, left, right)
		}
		for c := range 3 { // no bound of the bins is better
			for _, bound := range newBinned(x, 3, rows, 32).bounds[c] {
				var s sums
				for _, i := range held {
					if x[3*i+c] <= bound {
						s.g, s.h = s.g+g[i], s.h+h[i]
					}
				}
				rest := sums{all.g - s.g, all.h - s.h}
				if gain := s.worth(1) + rest.worth(1) - all.worth(1); s.h >= 1 && rest.h >= 1 && gain > own+1e-9 {
					t.Errorf("node %d takes off %v, and column %d at %v %v", n, own, c, bound, gain)
				}
			}
		}
		check(of.left, l)
		check(of.right, r)
	}
	check(0, rows)
	if len(tr.nodes) < 9 {
		t.Errorf("a tree of %d nodes, want one that is deeper", len(tr.nodes))
	}
}

// The same rows give the same trees on any number of threads.
func TestBoostingOnThreads(t *testing.T) {
	f := clouds(600, 200, 40, 4, 2, 3)
	p := DefaultBoosting()
	p.Shares, p.Rounds = []float64{1}, 5
	of := func(threads int) []bool {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
		return results(t, p, f)[0].Hits
	}
	one, four := of(1), of(4)
	for i := range one {
		if one[i] != four[i] {
			t.Fatalf("test row %d is told otherwise on four threads", i)
		}
	}
}

// What is wrong with the settings is said, and a cancelled evaluation ends.
func TestBoostingErrors(t *testing.T) {
	for want, change := range map[string]func(*Boosting){
		"shares": func(p *Boosting) { p.Shares = nil }, "each once": func(p *Boosting) { p.Shares = []float64{1, 1} },
		"bins": func(p *Boosting) { p.Bins = 257 }, "depth": func(p *Boosting) { p.Depth = 0 },
		"every": func(p *Boosting) { p.Every = setting.Epochs(1) },
	} {
		p := DefaultBoosting()
		change(p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := DefaultBoosting().Evaluate(ctx, clouds(50, 20, 4, 2, 1, 3)); err == nil {
		t.Error("a cancelled evaluation goes on")
	}
}
