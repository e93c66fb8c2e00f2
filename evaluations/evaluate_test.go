package evaluations

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/images"
	"selfsup/graph/cpu/kern"
)

// clouds are classes of points around centres of their own; every fifth training point is in the validation split.
func clouds(n, m, dim, classes int, spread float64, seed uint64) Features {
	r := rand.New(rand.NewPCG(seed, 1))
	centres := make([]float64, classes*dim)
	for i := range centres {
		centres[i] = r.NormFloat64()
	}
	draw := func(n int) (x []float32, y []int32) {
		for i := range n {
			c := i % classes
			y = append(y, int32(c))
			for j := range dim {
				x = append(x, float32(centres[c*dim+j]+spread*r.NormFloat64()))
			}
		}
		return x, y
	}
	f := Features{Dim: dim, Classes: classes, Seed: seed}
	f.TrainX, f.TrainY = draw(n)
	f.TestX, f.TestY = draw(m)
	for i := 4; i < n; i += 5 {
		f.Held = append(f.Held, int32(i))
	}
	return f
}

// protocols are the cases of tests that hold for every protocol.
func protocols() map[string]Protocol {
	several := DefaultLinear()
	several.L2 = []float64{1e-4, 1e-2, 1}
	majority := DefaultKNN()
	majority.Vote, majority.K = "majority", []int{1, 7}
	sgd := DefaultLinearSGD()
	sgd.Rates = []float64{0.01, 0.1, 1}
	return map[string]Protocol{"linear, sgd": sgd, "mlp": DefaultMLP(), "knn": DefaultKNN(),
		"knn majority": majority, "linear": DefaultLinear(),
		"linear, three l2": several}
}

// Close clouds are told apart, far ones better; results do not depend on the number of threads; features stay as they
// are.
func TestProtocols(t *testing.T) {
	defer kern.SetThreads(kern.Threads())
	for name, p := range protocols() {
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var top1 []float64
		for _, spread := range []float64{0.1, 3} {
			f := clouds(700, 310, 37, 7, spread, 3)
			before := clouds(700, 310, 37, 7, spread, 3)
			var first []Result
			for _, threads := range []int{1, 2, 5} {
				kern.SetThreads(threads)
				rs, err := p.Evaluate(context.Background(), f)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if first == nil {
					first = rs
				}
				if !reflect.DeepEqual(rs, first) {
					t.Errorf("%s: %d threads: %v, one thread: %v", name, threads, rs, first)
				}
			}
			if !reflect.DeepEqual(f, before) {
				t.Errorf("%s changed the features", name)
			}
			if first[1].Metric != "top5" || first[1].Value < first[0].Value {
				t.Errorf("%s: results %v: want top5 second and at least top1", name, first)
			}
			top1 = append(top1, first[0].Value)
		}
		if top1[0] != 1 || top1[1] < 0.3 || top1[1] == 1 {
			t.Errorf("%s: top1 %v of close and wide clouds: want 1 and, of seven classes, more than 0.3", name, top1)
		}
	}
}

// knnByLoops is the protocol in float64 with nothing clever.
func knnByLoops(f Features, k int, weight func(cos float64) float64) (right float64) {
	unit := func(x []float32) []float64 {
		out := make([]float64, len(x))
		var ss float64
		for _, v := range x {
			ss += float64(v) * float64(v)
		}
		for i, v := range x {
			out[i] = float64(v) / math.Sqrt(ss)
		}
		return out
	}
	for i, y := range f.TestY {
		q := unit(f.TestX[i*f.Dim : (i+1)*f.Dim])
		cos := make([]float64, len(f.TrainY))
		order := make([]int, len(cos))
		for j := range cos {
			order[j] = j
			for d, v := range unit(f.TrainX[j*f.Dim : (j+1)*f.Dim]) {
				cos[j] += v * q[d]
			}
		}
		sort.SliceStable(order, func(a, b int) bool { return cos[order[a]] > cos[order[b]] })
		votes := make([]float64, f.Classes)
		for _, j := range order[:min(k, len(order))] {
			votes[f.TrainY[j]] += weight(cos[j])
		}
		if slices.Index(votes, slices.Max(votes)) == int(y) {
			right++
		}
	}
	return right / float64(len(f.TestY))
}

func TestKNNAgainstLoops(t *testing.T) {
	for _, c := range []struct {
		name string
		f    Features
		k    []int
	}{
		{"small", clouds(60, 40, 5, 3, 1, 1), []int{1, 5, 20}},
		{"fewer images than k", clouds(7, 30, 4, 3, 1, 2), []int{20}},
		{"one image", clouds(1, 5, 3, 1, 1, 3), []int{5}},
		{"several blocks of both", clouds(knnColumns+100, knnRows+20, 6, 11, 1, 4), []int{30}},
	} {
		for _, k := range c.k {
			p := &KNN{K: []int{k}, Temperature: 0.1, Vote: "weighted", Distance: "cosine"}
			for vote, weight := range map[string]func(float64) float64{
				"weighted": func(cos float64) float64 { return math.Exp(cos / p.Temperature) },
				"majority": func(float64) float64 { return 1 },
			} {
				p.Vote = vote
				rs, err := p.Evaluate(context.Background(), c.f)
				if err != nil {
					t.Fatal(err)
				}
				if want := knnByLoops(c.f, k, weight); rs[0].Value != want {
					t.Errorf("%s, %s, k = %d: top1 %v, want %v", c.name, vote, k, rs[0].Value, want)
				}
			}
		}
	}
}

func TestKNNTies(t *testing.T) {
	// Four training images in one direction, of classes 2, 1, 1, 2; scale does not count.
	f := Features{TrainX: []float32{1, 0, 2, 0, 3, 0, 4, 0}, TrainY: []int32{2, 1, 1, 2}, TestX: []float32{5, 0},
		TestY: []int32{1}, Dim: 2, Classes: 3}
	for _, c := range []struct {
		k    int
		want float64 // of class 1
		why  string
	}{
		{1, 0, "equally near: the smaller index, of class 2"},
		{2, 1, "one vote each: the smaller class"},
		{3, 1, "two votes of three"},
		{4, 1, "two votes each: the smaller class"},
	} {
		for _, vote := range []string{"weighted", "majority"} {
			rs, err := (&KNN{K: []int{c.k}, Temperature: 1e-4, Vote: vote, Distance: "cosine"}).Evaluate(
				context.Background(), f)
			if err != nil || rs[0].Value != c.want {
				t.Errorf("k = %d, %s: top1 %v, %v; want %v (%s)", c.k, vote, rs, err, c.want, c.why)
			}
		}
	}
}

func TestNearestIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, k := range []int{1, 2, 3, 7, 50, 200} {
		var all, kept []neighbour
		for i := range 200 {
			n := neighbour{float32(r.IntN(40)), int32(i)} // many ties
			all, kept = append(all, n), keep(kept, n, k)
		}
		order := func(h []neighbour) []neighbour {
			slices.SortFunc(h, func(a, b neighbour) int {
				if a.before(b) {
					return -1
				}
				return 1
			})
			return h
		}
		if got, want := order(kept), order(all)[:k]; !slices.Equal(got, want) {
			t.Errorf("k = %d: kept %v, want %v", k, got, want)
		}
	}
}

// The gradient is that of the objective, standardised or not, for numbers of classes and rows around the unrolled
// loops.
func TestSoftmaxGradient(t *testing.T) {
	for _, c := range []struct{ n, dim, classes int }{{1, 1, 1}, {5, 3, 2}, {66, 35, 4}, {131, 64, 5}} {
		f := clouds(c.n, 1, c.dim, c.classes, 1, 8)
		rows := make([]int, c.n)
		for i := range rows {
			rows[i] = i
		}
		s := newSoftmax(f, rows, 0.3)
		s.standardize()
		r := rand.New(rand.NewPCG(1, 9))
		at, grad, other := make([]float64, s.size()), make([]float64, s.size()), make([]float64, s.size())
		for i := range at {
			at[i] = r.NormFloat64()
		}
		s.objective(at, grad)
		for range 20 {
			i := r.IntN(len(at))
			const h = 1e-5
			x := slices.Clone(at)
			x[i] += h
			up := s.objective(x, other)
			x[i] -= 2 * h
			want := (up - s.objective(x, other)) / (2 * h)
			if math.Abs(grad[i]-want) > 1e-7*(1+math.Abs(want)) {
				t.Errorf("%v: entry %d: gradient %v, by differences %v", c, i, grad[i], want)
			}
		}
	}
}

func TestStandardize(t *testing.T) {
	f := Features{TrainX: []float32{1, 5, 1e-30, 3, 5, 3e-30, 99, 99, 99}, TrainY: []int32{0, 0, 0}, Dim: 3, Classes: 1}
	s := newSoftmax(f, []int{0, 1}, 1) // the third row is not in the set
	s.standardize()
	var got [2][3]float64
	for i := range got {
		s.take(got[i][:], f.TrainX[3*i:3*i+3], 0, 3)
	}
	want := [2][3]float64{{-1, 0, -1}, {1, 0, 1}} // a constant is only centred, a tiny feature counts
	for i := range got {
		for j := range got[i] {
			if math.Abs(got[i][j]-want[i][j]) > 1e-6 {
				t.Errorf("row %d: %v, want %v", i, got[i], want[i])
			}
		}
	}
}

// Features of very different sizes change nothing when they are standardised.
func TestLinearIgnoresScale(t *testing.T) {
	f := clouds(300, 200, 6, 4, 2, 6)
	g := clouds(300, 200, 6, 4, 2, 6)
	for i := range g.TrainX {
		g.TrainX[i] = g.TrainX[i]*float32(math.Pow(8, float64(i%6))) + float32(i%6)
	}
	for i := range g.TestX {
		g.TestX[i] = g.TestX[i]*float32(math.Pow(8, float64(i%6))) + float32(i%6)
	}
	a, err := DefaultLinear().Evaluate(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := DefaultLinear().Evaluate(context.Background(), g)
	if err != nil || a[0].Value != b[0].Value || a[0].Settings["converged"] != true ||
		b[0].Settings["converged"] != true {
		t.Errorf("top1 %v, scaled %v, %v: want the same, converged", a, b, err)
	}
}

// Of several strengths the one whose fit on the other training images is most often right on the validation split is
// used, of equals the largest, and an evaluation with that one alone gives the same. Labels of the test set have no
// part in it.
func TestLinearChooses(t *testing.T) {
	for _, c := range []struct {
		seed uint64
		l2   []float64
	}{{11, []float64{1e-3, 1e3}}, {12, []float64{1e-3, 1e-2, 1}}, {13, []float64{1e-3, 1e-1, 10}}} {
		f := clouds(60, 400, 40, 4, 4, c.seed) // fewer images than it takes to know 40 features
		p := DefaultLinear()
		p.L2 = c.l2
		rs, err := p.Evaluate(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		g := f
		g.TestX, g.TestY = f.held()
		g.TrainX, g.TrainY, g.Held = nil, nil, nil
		for _, i := range rowsBut(f, f.Held) {
			g.TrainX, g.TrainY = append(g.TrainX, f.TrainX[i*f.Dim:(i+1)*f.Dim]...), append(g.TrainY, f.TrainY[i])
		}
		best, right := 0.0, -1.0
		for _, l2 := range c.l2 {
			p.L2 = []float64{l2}
			one, err := p.Evaluate(context.Background(), g)
			if err != nil {
				t.Fatal(err)
			}
			if v := one[0].Value; v >= right {
				best, right = l2, v
			}
		}
		if rs[0].Settings["l2"] != best {
			t.Errorf("seed %d: chose l2 = %v of %v, want %v with %.3f on the split", c.seed, rs[0].Settings["l2"], c.l2,
				best, right)
		}
		p.L2 = []float64{best}
		alone, err := p.Evaluate(context.Background(), f)
		if err != nil || !reflect.DeepEqual(alone[0].Hits, rs[0].Hits) {
			t.Errorf("seed %d: with l2 = %v alone: %v, %v; want %v", c.seed, best, alone[0].Value, err, rs[0].Value)
		}
		for i := range f.TestY {
			f.TestY[i] = (f.TestY[i] + 1) % 4
		}
		p.L2 = c.l2
		other, err := p.Evaluate(context.Background(), f)
		if err != nil || other[0].Settings["l2"] != best {
			t.Errorf("seed %d: with other test labels l2 = %v, %v; want %v again", c.seed, other[0].Settings["l2"], err,
				best)
		}
		g.Validation = true // as during the training: the score is that of the best
		if during, err := p.Evaluate(context.Background(), g); err != nil || during[0].Value != right ||
			during[0].Settings["l2"] != best {
			t.Errorf("seed %d: on the split %v, %v; want %v", c.seed, during, err, right)
		}
		f.Held = nil
		if _, err := p.Evaluate(context.Background(), f); err == nil || !strings.Contains(err.Error(),
			"no validation split; want one strength, or [validation] share above 0") {
			t.Errorf("nothing to choose on: %v", err)
		}
	}
}

// What a reader has to know stands beside the number.
func TestNotes(t *testing.T) {
	f := clouds(100, 40, 12, 3, 3, 1)
	k := DefaultKNN()
	k.K = []int{100, 101}
	hard := DefaultLinear()
	hard.L2, hard.Iterations = []float64{1e-4}, 2
	for _, c := range []struct {
		p    Protocol
		want []string // of every result
	}{
		{k, []string{"", "k = 101 is above the number of training images, 100: all of them vote"}},
		{DefaultLinear(), []string{""}},
		{hard, []string{"the fit has not converged: after 2 iterations its gradient is "}},
	} {
		rs, err := c.p.Evaluate(context.Background(), f)
		if err != nil || len(rs) != len(c.want) {
			t.Fatalf("%T: %v, %v", c.p, rs, err)
		}
		for i, r := range rs {
			if got := strings.Join(r.Notes, "; "); (c.want[i] == "") != (got == "") ||
				!strings.HasPrefix(got, c.want[i]) {
				t.Errorf("%T: result %d: notes %q, want %q", c.p, i, got, c.want[i])
			}
		}
	}
}

func TestLBFGSFindsMinimum(t *testing.T) {
	// sum_i w_i (x_i - i)^2 with weights from 1e-3 to 1e3.
	f := func(x, grad []float64) (v float64) {
		for i := range x {
			w := math.Pow(10, float64(i%7)-3)
			v += w * (x[i] - float64(i)) * (x[i] - float64(i))
			grad[i] = 2 * w * (x[i] - float64(i))
		}
		return v
	}
	d := minimisation{f: f, goOn: nobody, iterations: 1000, tolerance: 1e-9}
	m, err := d.from(make([]float64, 30))
	if err != nil || !m.converged {
		t.Fatalf("converged %v after %d iterations, %v", m.converged, m.iterations, err)
	}
	for i, x := range m.x {
		if math.Abs(x-float64(i)) > 1e-5 {
			t.Errorf("x[%d] = %v, want %d", i, x, i)
		}
	}
	d.iterations = 3
	if m, err = d.from(make([]float64, 30)); err != nil || m.converged || m.iterations != 3 {
		t.Errorf("at most 3 iterations: %d, converged %v, %v", m.iterations, m.converged, err)
	}
}

func TestRefusals(t *testing.T) {
	good := func() Features { return clouds(20, 10, 3, 2, 1, 1) }
	for _, c := range []struct {
		name  string
		spoil func(*Features)
		want  string
	}{
		{"no test set", func(f *Features) { f.TestX, f.TestY = nil, nil }, "the test set is empty"},
		{"lengths", func(f *Features) { f.TrainX = f.TrainX[1:] }, "59 training features for 20 labels, want [20,3]"},
		{"label", func(f *Features) { f.TestY[4] = 2 }, "test label 4 is 2, want 0 to 1"},
		{"unlabelled", func(f *Features) { f.TrainY[0] = -1 }, "training label 0 is -1, want 0 to 1"},
		{"NaN", func(f *Features) { f.TrainX[7] = float32(math.NaN()) },
			"training feature [2,1] is NaN, want finite numbers"},
		{"size", func(f *Features) { f.Dim = 0 }, "features of size 0"},
	} {
		for name, p := range protocols() {
			f := good()
			c.spoil(&f)
			if _, err := p.Evaluate(context.Background(), f); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %s: got %v, want %q", name, c.name, err, c.want)
			}
		}
	}
	stop, cancel := context.WithCancel(context.Background())
	cancel()
	for name, p := range protocols() {
		if _, err := p.Evaluate(stop, good()); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: cancelled: got %v", name, err)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		p    Protocol
		want string
	}{
		{&KNN{K: nil, Temperature: 1, Vote: "majority", Distance: "cosine"},
			"k: no numbers: want at least one, such as [20]"},
		{&KNN{K: []int{3, 0, 3}, Temperature: 1, Vote: "weighted", Distance: "cosine"},
			"k: 0: want numbers of 1 or more\nk: 3 is there twice"},
		{&KNN{K: []int{1}, Vote: "most", Distance: "l2"}, "temperature: 0: want a number above 0\nvote: " +
			"\"most\": want \"weighted\" or \"majority\"\ndistance: \"l2\": want \"cosine\""},
		{&Linear{}, "l2: no numbers: want at least one, such as [1e-2]\niterations: 0: want 1 or more\n" +
			"tolerance: 0: want a number above 0, such as 1e-6"},
		{&Linear{L2: []float64{0, 1, 1}, Iterations: 1, Tolerance: 1},
			"l2: 0: want numbers above 0\nl2: 1 is there twice"},
	} {
		if err := c.p.Validate(); err == nil || err.Error() != c.want {
			t.Errorf("%+v: got %v\nwant %s", c.p, err, c.want)
		}
	}
}

func TestResultJSON(t *testing.T) {
	got,
		err := json.Marshal([]Result{{Protocol: "knn", Metric: "top1", Value: 0.5, K: 20,
		Settings: map[string]any{"vote": "weighted"}}, {Protocol: "linear", Metric: "top1", Value: 1}})
	want :=
		`[{"protocol":"knn","metric":"top1","value":0.5,"k":20,"settings":{"vote":"weighted"}},` +
			`{"protocol":"linear","metric":"top1","value":1}]`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

func BenchmarkKNN(b *testing.B) {
	f := clouds(10000, 2000, 512, 10, 3, 1)
	for b.Loop() {
		if _, err := DefaultKNN().Evaluate(context.Background(), f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLinear(b *testing.B) {
	f := clouds(4000, 1000, 256, 10, 3, 1)
	for b.Loop() {
		if _, err := DefaultLinear().Evaluate(context.Background(), f); err != nil {
			b.Fatal(err)
		}
	}
}

// The float32 products of large problems give the objective and gradient of the float64 loops.
func TestFastProducts(t *testing.T) {
	const n, dim, classes = 130, 37, 11
	f := Features{Dim: dim, Classes: classes}
	r := rand.New(rand.NewPCG(1, 2))
	for range n * dim {
		f.TrainX = append(f.TrainX, float32(3+2*r.NormFloat64()))
	}
	rows := make([]int, n)
	for i := range rows {
		rows[i] = n - 1 - i
		f.TrainY = append(f.TrainY, int32(r.IntN(classes)))
	}
	exact, fast := newSoftmax(f, rows, 0.01), newSoftmax(f, rows, 0.01)
	exact.standardize()
	fast.standardize()
	fast.fast = newProducts(fast)
	params := make([]float64, exact.size())
	for i := range params {
		params[i] = 0.3 * r.NormFloat64()
	}
	want, got := make([]float64, len(params)), make([]float64, len(params))
	a, b := exact.objective(params, want), fast.objective(params, got)
	if math.Abs(a-b) > 1e-6*a {
		t.Errorf("objective %v, want %v", b, a)
	}
	for i := range want {
		if math.Abs(want[i]-got[i]) > 1e-6 {
			t.Errorf("gradient %d is %v, want %v", i, got[i], want[i])
		}
	}
}

// nobody watches a minimisation.
func nobody() error { return nil }

// Every protocol tells that it is alive, and ends with the error of whoever hears that.
func TestAlive(t *testing.T) {
	for name, p := range protocols() {
		f := clouds(300, 100, 5, 3, 3, 1)
		calls := 0
		f.Alive = func() error { calls++; return nil }
		if _, err := p.Evaluate(context.Background(), f); err != nil || calls == 0 {
			t.Errorf("%s: called %d times, %v; want at least once", name, calls, err)
		}
		enough := errors.New("disk full")
		f.Alive = func() error { return enough }
		if _, err := p.Evaluate(context.Background(), f); !errors.Is(err, enough) {
			t.Errorf("%s: got %v, want %v", name, err, enough)
		}
	}
}

// The pixels of Fashion-MNIST-4k converge in float32 products as in float64, where both are right of the
// same images but for a few that lie on the border.
func TestBothPathsConverge(t *testing.T) {
	d, err := images.NewFashionMNIST4k().Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	f := Features{Dim: 28 * 28, Classes: 10, Seed: 1}
	var m datasets.Image
	for i := range 1000 {
		if err := d.Train.(datasets.Set).Image(i, &m); err != nil {
			t.Fatal(err)
		}
		for _, v := range m.Pix {
			f.TrainX = append(f.TrainX, float32(v)/255)
		}
		f.TrainY = append(f.TrainY, int32(d.Train.Label(i)))
	}
	f.TestX, f.TestY = f.TrainX[600*f.Dim:], f.TrainY[600:]
	f.TrainX, f.TrainY = f.TrainX[:600*f.Dim], f.TrainY[:600]
	p := DefaultLinear()
	fast := p.prepare(context.Background(), f, rowsBut(f, nil))
	if fast.fast == nil {
		t.Fatal("600 images of 784 pixels in 10 classes are not a large problem any more: the test needs one")
	}
	exact := p.prepare(context.Background(), f, rowsBut(f, nil))
	exact.fast = nil
	for _, l2 := range []float64{0.1, 0.01, 0.001} {
		a, err := fast.fit(l2, p.Tolerance)
		if err != nil || !a.converged || a.slope > 1e-6 {
			t.Fatalf("l2 = %v: float32: converged %v after %d iterations, gradient %v, %v", l2, a.converged,
				a.iterations, a.slope, err)
		}
		if testing.Short() && l2 != 0.1 {
			continue
		}
		b, err := exact.fit(l2, p.Tolerance)
		if err != nil || !b.converged {
			t.Fatalf("l2 = %v: float64: converged %v after %d iterations, gradient %v, %v", l2, b.converged,
				b.iterations, b.slope, err)
		}
		if math.Abs(a.value-b.value) > 1e-6 {
			t.Errorf("l2 = %v: objective %v in float32, %v in float64", l2, a.value, b.value)
		}
		ra, rb := fast.ranks(a.x, f.TestX, f.TestY), exact.ranks(b.x, f.TestX, f.TestY)
		other := 0
		for i := range ra {
			if (ra[i] == 0) != (rb[i] == 0) {
				other++
			}
		}
		if other > 1 {
			t.Errorf("l2 = %v: %d of %d test images are right in one of float32 and float64 alone", l2, other, len(ra))
		}
	}
}

// The preconditioner is symmetric and positive, undoes the Hessian that it knows, and leaves the other directions at
// one scale.
func TestCurvature(t *testing.T) {
	const classes = 3
	for _, c := range []struct{ n, dim int }{{400, 40}, {700, 300}, {50, 300}} {
		r := rand.New(rand.NewPCG(2, 3))
		x := make([]float32, c.n*c.dim)
		for i := range x {
			x[i] = float32(r.NormFloat64() * math.Pow(0.98, float64(i%c.dim)))
		}
		k := newCurvature(x, c.n, c.dim, classes, 1)
		const weight, l2 = 0.2, 0.05
		draw := func() []float64 {
			v := make([]float64, classes*(c.dim+1))
			for i := range v {
				v[i] = r.NormFloat64()
			}
			return v
		}
		hessian := func(v []float64) []float64 { // weight X'X/n + l2
			out := make([]float64, len(v))
			for q := range classes {
				for i := range c.n {
					row := x[i*c.dim : (i+1)*c.dim]
					var s float64
					for j, f := range row {
						s += float64(f) * v[q*c.dim+j]
					}
					for j, f := range row {
						out[q*c.dim+j] += weight / float64(c.n) * s * float64(f)
					}
				}
				for j := range c.dim {
					out[q*c.dim+j] += l2 * v[q*c.dim+j]
				}
			}
			for i := classes * c.dim; i < len(v); i++ {
				out[i] = weight * v[i]
			}
			return out
		}
		u, v, pu, pv := draw(), draw(), make([]float64, classes*(c.dim+1)), make([]float64, classes*(c.dim+1))
		k.inverse(pu, u, weight, l2)
		k.inverse(pv, v, weight, l2)
		if a, b := dot(u, pv), dot(v, pu); math.Abs(a-b) > 1e-4*math.Sqrt(dot(u, pu)*dot(v, pv)) {
			t.Errorf("%v: uPv = %v, vPu = %v: want the same", c, a, b)
		}
		if dot(u, pu) <= 0 {
			t.Errorf("%v: uPu = %v, want above 0", c, dot(u, pu))
		}
		back, most := make([]float64, len(u)), 0.0
		k.inverse(back, hessian(u), weight, l2)
		for i := range u {
			most = max(most, math.Abs(back[i]-u[i]))
		}
		if want := map[bool]float64{true: 1e-4, false: 1.5}[k.rank == c.dim]; most > want {
			t.Errorf("%v: inverse times Hessian times u differs from u by %v, want at most %v", c, most, want)
		}
	}
}

// A projection keeps angles, whatever the number of threads, and leaves features of the size of small pictures alone.
func TestProjection(t *testing.T) {
	if NewProjection(32*32*3, 1) != nil {
		t.Error("pictures of 32x32 are reduced, want as they are")
	}
	const dim = 64 * 64 * 3
	p := NewProjection(dim, 1)
	if p == nil || p.To != ProjectTo {
		t.Fatalf("pictures of 64x64: %+v, want a projection to %d", p, ProjectTo)
	}
	r := rand.New(rand.NewPCG(4, 4))
	x := make([]float32, 40*dim)
	for i := range x {
		x[i] = float32(r.NormFloat64())
		if i >= dim {
			x[i] += x[i%dim] // a direction that all share
		}
	}
	y := make([]float32, 40*p.To)
	p.Apply(y, x)
	defer kern.SetThreads(kern.Threads())
	kern.SetThreads(1)
	again := make([]float32, len(y))
	NewProjection(dim, 1).Apply(again, x)
	if !slices.Equal(y, again) {
		t.Error("the same projection on one thread gives other numbers")
	}
	ux, uy := UnitRows[float32](x, dim), UnitRows[float32](y, p.To)
	for i := 1; i < 40; i++ {
		var a, b float64
		for j := range dim {
			a += float64(ux[j]) * float64(ux[i*dim+j])
		}
		for j := range p.To {
			b += float64(uy[j]) * float64(uy[i*p.To+j])
		}
		if math.Abs(a-b) > 4/math.Sqrt(float64(p.To)) {
			t.Errorf("cosine of rows 0 and %d: %v, projected %v", i, a, b)
		}
	}
}

// What needs no labels tells collapsed features from spread ones, whatever the number of threads, and refuses what it
// cannot measure.
func TestLabelFree(t *testing.T) {
	const n, dim = 200, 16
	r := rand.New(rand.NewPCG(6, 6))
	noise := func(scale float64) (x []float32) {
		for i := range n * dim {
			x = append(x, float32(math.Mod(float64(i%dim), 3)+scale*r.NormFloat64()))
		}
		return x
	}
	spread := Features{TrainX: noise(100), ViewA: noise(100), Dim: dim}
	spread.ViewB = spread.ViewA
	collapsed := Features{TrainX: noise(1e-4), ViewA: noise(1e-4), ViewB: noise(1e-4), Dim: dim}
	defer kern.SetThreads(kern.Threads())
	for _, c := range []struct {
		p          Protocol
		fine, flat []float64 // least and most
	}{
		{DefaultRankMe(), []float64{13, 16}, []float64{1, 1.1}},
		{DefaultSpread(), []float64{0.95, 1}, []float64{0, 1e-3}},
		{DefaultSpectrum(), []float64{13, 16, 8, 16, 12, 16, 0.5, 0.62, 8, 16},
			[]float64{1, 1.1, 1, 1.1, 12, 16, 0.5, 0.62, 8, 16}}, // covariances know no scale
		{DefaultAlphaReQ(), []float64{0.3, 1.5}, []float64{0.3, 1.5}},
		{DefaultIndependence(), []float64{-0.01, 0.01, 0, 0.1}, []float64{-0.01, 0.01, 0, 0.1}}, // nor a mean
		{DefaultAlignUniform(), []float64{0, 0, -4, -3}, []float64{0, 1e-6, -1e-6, 0}},
	} {
		if err := c.p.Validate(); err != nil || c.p.Needs().Labels {
			t.Errorf("%T: %v, needs %+v; want no labels", c.p, err, c.p.Needs())
		}
		for k, f := range []Features{spread, collapsed} {
			var first []Result
			for _, threads := range []int{1, 3} {
				kern.SetThreads(threads)
				rs, err := c.p.Evaluate(context.Background(), f)
				if err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = rs
				}
				if !reflect.DeepEqual(rs, first) {
					t.Errorf("%T: %d threads: %v, one: %v", c.p, threads, rs, first)
				}
			}
			for i, r := range first {
				if want := [][]float64{c.fine, c.flat}[k][2*i:]; r.Value < want[0] || r.Value > want[1] || r.Accuracy {
					t.Errorf("%s %s: %v, want %v to %v", r.Protocol, r.Metric, r.Value, want[0], want[1])
				}
			}
		}
		bad := spread
		bad.TrainX, bad.ViewA = slices.Clone(bad.TrainX), slices.Clone(bad.ViewA)
		bad.TrainX[dim+1], bad.ViewA[dim+1] = float32(math.NaN()), float32(math.NaN())
		if _, err := c.p.Evaluate(context.Background(), bad); err == nil || !strings.Contains(err.Error(),
			"feature [1,1] is NaN") {
			t.Errorf("%T: NaN: got %v", c.p, err)
		}
		if _, err := c.p.Evaluate(context.Background(), Features{TrainX: make([]float32, dim),
			ViewA: make([]float32, dim), ViewB: make([]float32, dim), Dim: dim}); err == nil {
			t.Errorf("%T: of one image: no error", c.p)
		}
	}
}

// The interval is that of published tables: 8 of 10 are 0.490 to 0.943.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		right     float64
		n         int
		low, high float64
	}{{0.8, 10, 0.4902, 0.9433}, {0, 10, 0, 0.2775}, {1, 10, 0.7225, 1}, {0.818, 1000, 0.7929, 0.8407}} {
		low, high := Wilson(c.right, c.n)
		if math.Abs(low-c.low) > 1e-4 || math.Abs(high-c.high) > 1e-4 {
			t.Errorf("%v of %d: %.4f to %.4f, want %.4f to %.4f", c.right, c.n, low, high, c.low, c.high)
		}
	}
}
