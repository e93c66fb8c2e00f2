package evaluations

import (
	"context"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"selfsup/graph/cpu/kern"
)

// value is a result of a protocol by its metric.
func value(t *testing.T, rs []Result, metric string, k int) Result {
	t.Helper()
	for _, r := range rs {
		if r.Metric == metric && r.K == k {
			return r
		}
	}
	t.Fatalf("no %s with k = %d among %+v", metric, k, rs)
	return Result{}
}

// results runs a protocol with one thread and with several, which must agree, and leaves the features as they are.
func results(t *testing.T, p Protocol, f Features) (first []Result) {
	t.Helper()
	defer kern.SetThreads(kern.Threads())
	x, y := slices.Clone(f.TrainX), slices.Clone(f.TestX)
	for _, threads := range []int{1, 3} {
		kern.SetThreads(threads)
		rs, err := p.Evaluate(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !reflect.DeepEqual(rs, first) {
			t.Errorf("3 threads: %+v\none thread: %+v", rs, first)
		}
		first = rs
	}
	if !slices.Equal(x, f.TrainX) || !slices.Equal(y, f.TestX) {
		t.Errorf("%T changed the features", p)
	}
	return first
}

// Clusters of clouds apart are the classes; those of noise have no more to do with them than chance, whichever numbers
// the clusters have.
func TestClustering(t *testing.T) {
	rs := results(t, DefaultClustering(), clouds(70, 700, 20, 7, 0.1, 4))
	for _, metric := range []string{"nmi", "ari", "purity", "matched"} {
		if r := value(t, rs, metric, 0); math.Abs(r.Value-1) > 1e-12 || len(r.Notes) > 0 {
			t.Errorf("%s of clouds apart is %v with notes %q, want 1 and none", metric, r.Value, r.Notes)
		}
	}
	rs = results(t, DefaultClustering(), clouds(70, 700, 20, 7, 100, 4))
	if v := value(t, rs, "ari", 0).Value; math.Abs(v) > 0.05 {
		t.Errorf("ari of noise is %v, want about 0", v)
	}
	if v := value(t, rs, "matched", 0).Value; v < 1./7 || v > 0.4 {
		t.Errorf("matched of noise is %v, want a little above one in seven", v)
	}
	once := &Clustering{Starts: 1, Iterations: 1}
	rs = results(t, once, clouds(70, 700, 20, 7, 3, 4))
	if notes := rs[0].Notes; len(notes) != 1 || !strings.Contains(notes[0], "has not converged") {
		t.Errorf("after one iteration: notes %q, want that it has not converged", notes)
	}
	many := &Clustering{Clusters: 30, Starts: 1, Iterations: 5}
	if _, err := many.Evaluate(context.Background(), clouds(70, 20, 20, 7, 3, 4)); err == nil ||
		!strings.Contains(err.Error(), "30 clusters of 20 images") {
		t.Errorf("30 clusters of 20 images: %v", err)
	}
}

// Average precision and recall against plain loops of the definition, with equally near images and a class that the
// training set lacks.
func TestRetrievalAgainstLoops(t *testing.T) {
	f := clouds(90, 40, 6, 5, 1.5, 8)
	copy(f.TrainX[:6*30], f.TrainX[6*30:6*60]) // thirty images are there twice
	f.Classes = 6
	f.TestY[3] = 5
	p := &Retrieval{K: []int{1, 3, 1000}}
	rs := results(t, p, f)
	train, test := UnitRows[float32](f.TrainX, 6), UnitRows[float32](f.TestX, 6)
	var mean, queries, right3 float64
	for i, y := range f.TestY {
		cos := make([]float64, len(f.TrainY))
		for j := range cos {
			for k := range 6 {
				cos[j] += float64(test[i*6+k]) * float64(train[j*6+k])
			}
		}
		var all, sum float64
		best := 0
		for j, own := range f.TrainY {
			if own != y {
				continue
			}
			all++
			var before, same, nearer float64
			for l, c := range cos {
				if c > cos[j]-1e-6 {
					before++
					if f.TrainY[l] == y {
						same++
					}
				}
				if c > cos[j]+1e-6 {
					nearer++
				}
			}
			sum += same / before
			if nearer < 3 {
				best = 1
			}
		}
		if all > 0 {
			mean, queries, right3 = mean+sum/all, queries+1, right3+float64(best)
		}
	}
	if got := value(t, rs, "mAP", 0); math.Abs(got.Value-mean/queries) > 1e-6 || queries != 39 ||
		len(got.Notes) != 1 || !strings.HasPrefix(got.Notes[0], "1 of 40 test images have no training image") {
		t.Errorf("mAP %v with notes %q, by loops %v of %v images", got.Value, got.Notes, mean/queries, queries)
	}
	if got := value(t, rs, "recall", 3); math.Abs(got.Value-right3/queries) > 0.06 || got.Images != 39 {
		t.Errorf("recall@3 %v of %d images, by loops %v of 39", got.Value, got.Images, right3/queries)
	}
	if got := value(t, rs, "recall", 1000); got.Value != 1 {
		t.Errorf("recall@1000 of 90 images is %v, want 1", got.Value)
	}
}

// Calibration of probabilities by hand: two bins, one of which is right as often as it is sure.
func TestCalibration(t *testing.T) {
	p := []float64{0.5, 0.5, 0.25, 0.75, 0.9, 0.1, 0.5, 0.5} // confidences 0.5, 0.75, 0.9, 0.5
	labels := []int32{0, 1, 1, 1}                            // right, right, wrong, wrong
	ece, nll, brier := calibration(p, labels, 2, 2)
	wantECE := (math.Abs(1-1.0) + math.Abs(1-1.65)) / 4
	wantNLL := -(math.Log(0.5) + math.Log(0.75) + math.Log(0.1) + math.Log(0.5)) / 4
	wantBrier := (0.5 + 2*0.0625 + 2*0.81 + 0.5) / 4
	for _, c := range [][2]float64{{ece, wantECE}, {nll, wantNLL}, {brier, wantBrier}} {
		if math.Abs(c[0]-c[1]) > 1e-12 {
			t.Errorf("ece, nll, brier %v %v %v, want %v %v %v", ece, nll, brier, wantECE, wantNLL, wantBrier)
		}
	}
	// A probe with a weak penalty on noise is surer than it is right, one with a strong penalty is not.
	f := clouds(60, 600, 30, 4, 6, 2)
	weak, strong := DefaultCalibration(), DefaultCalibration()
	weak.L2, strong.L2 = []float64{1e-4}, []float64{1}
	a, b := value(t, results(t, weak, f), "ece", 0), value(t, results(t, strong, f), "ece", 0)
	if !(a.Value > b.Value+0.2) || !a.Lower {
		t.Errorf("ece of a weak penalty %v, of a strong one %v; want it larger, and less to be better", a.Value,
			b.Value)
	}
	f = clouds(200, 100, 10, 4, 0.1, 2)
	rs := results(t, DefaultCalibration(), f)
	if nll := value(t, rs, "nll", 0).Value; nll > 0.5 {
		t.Errorf("nll of clouds apart is %v", nll)
	}
}

// Draws have the shares that are asked for, are nested, differ, and more labels help; the mean is that of the draws.
func TestLowShot(t *testing.T) {
	f := clouds(1000, 500, 30, 5, 3, 6)
	p := DefaultLowShot()
	rs := results(t, p, f)
	few, many := value(t, rs, "1 a class top1", 0), value(t, rs, "10% top1", 0)
	if !(few.Value < many.Value) || few.Value < 0.2 || few.Deviation == 0 {
		t.Errorf("one of a class: %v ± %v, 10 %%: %v; want more of more labels, and draws that differ", few.Value,
			few.Deviation, many.Value)
	}
	if few.Settings["images"] != 5 || many.Settings["images"] != 100 {
		t.Errorf("%v and %v images, want 5 and 100", few.Settings["images"], many.Settings["images"])
	}
	var sum float64
	for _, v := range few.Settings["of_draws"].([]float64) {
		sum += v
	}
	if math.Abs(few.Value-sum/5) > 1e-12 {
		t.Errorf("the mean is %v, of the draws %v", few.Value, sum/5)
	}
	// Everything is what the linear probe has.
	p = &LowShot{Shares: []float64{1}, Draws: 1, L2: 0.01, Iterations: 1000, Tolerance: 1e-6}
	linear := DefaultLinear()
	linear.L2 = []float64{0.01}
	got, want := results(t, p, f)[0], results(t, linear, f)[0]
	if got.Value != want.Value {
		t.Errorf("with all labels %v, the linear probe has %v", got.Value, want.Value)
	}
	one := drawn(f, 0, func(int) int { return 1 })
	three := drawn(f, 0, func(int) int { return 3 })
	for _, i := range one {
		if !slices.Contains(three, i) {
			t.Errorf("the draw of one image a class has %d, that of three %v has not", i, three)
		}
	}
	if slices.Equal(one, drawn(f, 1, func(int) int { return 1 })) {
		t.Error("two draws are the same")
	}
	p.Iterations = 1
	if notes := results(t, p, f)[0].Notes; len(notes) != 1 || !strings.Contains(notes[0], "1 of 1 fits have not") {
		t.Errorf("after one iteration: notes %q", notes)
	}
}

// Where classes are uneven, kNN and the linear probe say the mean accuracy of the classes beside the accuracy.
func TestBalanced(t *testing.T) {
	ranks, labels := []int{0, 0, 0, 1, 2, 0}, []int32{0, 0, 0, 0, 2, 2}
	value, images, uneven := balanced(ranks, labels, 3) // class 1 has no test image
	if math.Abs(value-(0.75+0.5)/2) > 1e-12 || images != 5 || !uneven {
		t.Errorf("balanced %v of %d images, uneven %v; want 0.625 of 5, true", value, images, uneven)
	}
	if _, _, uneven := balanced([]int{0, 0, 0, 0, 0}, []int32{0, 0, 1, 1, 1}, 2); !uneven {
		t.Error("three images to two are not uneven, want half as many more to be")
	}
	if _, _, uneven := balanced([]int{0, 0}, []int32{0, 1}, 2); uneven {
		t.Error("one image of each class is uneven")
	}
	f := clouds(300, 100, 10, 2, 0.1, 3)
	keep := Features{TrainX: f.TrainX, TrainY: f.TrainY, Held: f.Held, Dim: f.Dim, Classes: 2}
	for i, y := range f.TestY {
		if y == 0 || i < 10 {
			keep.TestX, keep.TestY = append(keep.TestX, f.TestX[i*10:(i+1)*10]...), append(keep.TestY, y)
		}
	}
	for _, p := range []Protocol{DefaultKNN(), DefaultLinear()} {
		rs := results(t, p, keep)
		if last := rs[len(rs)-1]; last.Metric != "balanced" || last.Value != 1 || last.Images != 18 {
			t.Errorf("%T: %+v, want balanced of 18 images last", p, last)
		}
		if rs := results(t, p, f); len(rs) != 1 {
			t.Errorf("%T of even classes: %+v, want top1 alone", p, rs)
		}
	}
}

// BenchmarkInOrder compares the sort of the retrieval with that of the standard library.
func BenchmarkInOrder(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	x, y, z := make([]uint64, 50000), make([]uint64, 50000), make([]uint64, 50000)
	for i := range x {
		x[i] = uint64(rising(float32(r.NormFloat64())))<<32 | uint64(i)
	}
	for name, sort := range map[string]func(){
		"digits": func() { inOrder(y, z) },
		"slices": func() { slices.Sort(y) },
	} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				copy(y, x)
				sort()
			}
		})
	}
}

// BenchmarkRetrieval and BenchmarkFullKNN are the sizes of CIFAR-10: 10,000 queries over 50,000 rows of 512.
func BenchmarkRetrieval(b *testing.B) { benchmark(b, DefaultRetrieval(), false) }

func BenchmarkFullKNN(b *testing.B) { benchmark(b, DefaultKNN(), false) }

func benchmark(b *testing.B, p Protocol, held bool) {
	f := Features{Dim: 512, Classes: 10}
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(n int) (x []float32, y []int32) {
		for i := range n {
			y = append(y, int32(i%10))
			for range 512 {
				x = append(x, r.Float32()-0.5)
			}
		}
		return x, y
	}
	f.TrainX, f.TrainY = draw(50000)
	f.TestX, f.TestY = draw(10000)
	for i := 4; held && i < 50000; i += 5 {
		f.Held = append(f.Held, int32(i))
	}
	b.ResetTimer()
	for range b.N {
		if _, err := p.Evaluate(context.Background(), f); err != nil {
			b.Fatal(err)
		}
	}
}

// Corruptions count what the probe of clean images gets wrong, by kind and on average, and compare it with another
// representation kind by kind.
func TestCorruptions(t *testing.T) {
	f := clouds(300, 200, 20, 4, 0.5, 5)
	asked := map[string]int{}
	f.Corrupted = func(_ context.Context, kind string, severity int) ([]float32, error) {
		asked[kind]++
		x := slices.Clone(f.TestX)
		if kind == "contrast" { // the first rows are those of the other classes
			n := 40 * severity
			for i := range n {
				copy(x[i*20:(i+1)*20], f.TestX[(i+1)%200*20:])
			}
		}
		return x, nil
	}
	p := DefaultCorruptions()
	p.Kinds = []string{"contrast", "brightness"}
	rs := results(t, p, f)
	// Of severity s, 40 s of 200 rows are of another class.
	if a, b, mean := value(t, rs, "contrast", 0), value(t, rs, "brightness", 0), value(t, rs, "error", 0); math.Abs(
		a.Value-0.6) > 1e-9 || b.Value != 0 || math.Abs(mean.Value-0.3) > 1e-9 || !mean.Lower {
		t.Errorf("errors %v and %v, mean %v; want 0.6, 0 and 0.3", a.Value, b.Value, mean.Value)
	}
	if asked["contrast"] != 10 || asked["brightness"] != 10 { // twice
		t.Errorf("severities that were asked for: %v, want five each", asked)
	}
	own := []Result{{Metric: "contrast", Value: 0.6}, {Metric: "brightness", Value: 0.1}, {Metric: "error", Value: 9}}
	other := []Result{{Metric: "contrast", Value: 0.3}, {Metric: "brightness", Value: 0.2}}
	got := p.Relate(own, other)
	if len(got) != 1 || got[0].Metric != "mCE" || math.Abs(got[0].Value-(2+0.5)/2) > 1e-12 || !got[0].Lower {
		t.Errorf("relative: %+v, want an mCE of 1.25", got)
	}
	if got := p.Relate(own, nil); got != nil {
		t.Errorf("relative to nothing: %+v", got)
	}
	p.Kinds, p.Other = []string{"rain", "contrast", "contrast"}, "trained"
	if err := p.Validate(); err == nil || strings.Count(err.Error(), "kinds:") != 2 || !strings.Contains(err.Error(),
		`against: "trained"`) {
		t.Errorf("validate: %v", err)
	}
}

// Transfer is what the neighbours and the probe have on the features of the other data set.
func TestTransfer(t *testing.T) {
	f := clouds(300, 140, 20, 7, 2, 5)
	p := DefaultTransfer()
	p.To.Name = "other"
	rs := results(t, p, f)
	for name, q := range map[string]Protocol{"knn": DefaultKNN(), "linear": DefaultLinear()} {
		want := results(t, q, f)[0]
		if got := value(t, rs, "other "+name+" top1", 0); got.Value != want.Value ||
			got.Images != 140 || !got.Accuracy {
			t.Errorf("%s: %+v, want %v of 140 images", name, got, want.Value)
		}
	}
	f.Held = nil
	if _, err := p.Evaluate(context.Background(), f); err == nil || !strings.Contains(err.Error(),
		"of other is held out") {
		t.Errorf("no split: %v", err)
	}
	if err := DefaultTransfer().Validate(); err == nil || !strings.Contains(err.Error(), "to: names no data set") {
		t.Errorf("validate: %v", err)
	}
}

// Separation against plain loops, with equal scores.
func TestSeparation(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	own, other := make([]float64, 100), make([]float64, 57)
	for i := range own {
		own[i] = float64(r.IntN(9)) + 2
	}
	for i := range other {
		other[i] = float64(r.IntN(9))
	}
	var pairs float64
	for _, a := range own {
		for _, b := range other {
			switch {
			case a > b:
				pairs++
			case a == b:
				pairs += 0.5
			}
		}
	}
	auroc, fpr95 := separation(own, other)
	sorted := slices.Sorted(slices.Values(own))
	taken := 0
	for _, b := range other {
		if b >= sorted[5] { // the largest that 95 of 100 reach
			taken++
		}
	}
	if want := pairs / 5700; math.Abs(auroc-want) > 1e-12 || fpr95 != float64(taken)/57 {
		t.Errorf("auroc %v and fpr95 %v, by loops %v and %v", auroc, fpr95, want, float64(taken)/57)
	}
}

// Points elsewhere are told from those of the clouds, points of the clouds are not; it needs no label.
func TestOOD(t *testing.T) {
	f, more, far := clouds(300, 200, 10, 3, 0.5, 5), clouds(300, 400, 10, 3, 0.5, 5), clouds(10, 150, 10, 3, 0.5, 99)
	f.TrainY, f.TestY, f.Classes = nil, nil, 0
	p := DefaultOOD()
	p.K, p.Outside.Name = 5, "elsewhere"
	f.OutsideX = far.TestX
	rs := results(t, p, f)
	if v := value(t, rs, "auroc elsewhere", 0).Value; v < 0.95 {
		t.Errorf("auroc of points elsewhere is %v", v)
	}
	if r := value(t, rs, "fpr95 elsewhere", 0); r.Value > 0.2 || !r.Lower {
		t.Errorf("fpr95 of points elsewhere is %+v", r)
	}
	f.OutsideX = more.TestX[200*10:]
	if v := value(t, results(t, p, f), "auroc elsewhere", 0).Value; math.Abs(v-0.5) > 0.07 {
		t.Errorf("auroc of more of the same is %v, want about a half", v)
	}
	f.OutsideX = nil
	if _, err := p.Evaluate(context.Background(), f); err == nil || !strings.Contains(err.Error(), "ood: 0 numbers") {
		t.Errorf("nothing outside: %v", err)
	}
	if err := DefaultOOD().Validate(); err == nil || !strings.Contains(err.Error(), "outside: names no data set") {
		t.Errorf("validate: %v", err)
	}
}
