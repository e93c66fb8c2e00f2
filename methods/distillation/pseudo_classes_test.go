package distillation

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/setting"
)

// embeddingHost is a Host of arrays that knows the features of the training set.
type embeddingHost struct {
	memoryHost
	features []float32
}

func (h embeddingHost) Embed(ctx context.Context) ([]float32, error) { return h.features, ctx.Err() }

// entry is an array of floats, or of int32 where there are none.
func entry(shape ir.Shape, values ...float32) ir.Array {
	a := ir.NewArray(ir.Type{Shape: shape})
	copy(a.F32, values)
	return a
}

func classEntry(n int) ir.Array {
	a := ir.NewArray(ir.Type{Shape: ir.Shape{n}, DType: ir.I32})
	a.Fill(-1)
	return a
}

// groups draws n features of width 4 around k axes, sample i around axis i mod k, and says which.
func groups(n, k int) (x []float32, of []int32) {
	r := graph.Rand(8, "groups")
	for i := range n {
		for j := range 4 {
			v := r.NormFloat64() / 10
			if j == i%k {
				v += 3
			}
			x = append(x, float32(v))
		}
		of = append(of, int32(i%k))
	}
	return x, of
}

// sameGroups reports whether two ways to name groups are one but for the names.
func sameGroups(a, b []int32) bool {
	ab, ba := map[int32]int32{}, map[int32]int32{}
	for i := range a {
		if v, ok := ab[a[i]]; ok && v != b[i] {
			return false
		}
		if v, ok := ba[b[i]]; ok && v != a[i] {
			return false
		}
		ab[a[i]], ba[b[i]] = b[i], a[i]
	}
	return true
}

// The jobs find groups of features that lie apart, each by its own means, write nothing where they are ended, and say
// where features are not finite.
func TestJobsMakeClasses(t *testing.T) {
	const n, k = 60, 3
	x, want := groups(n, k)
	// a classifier that tells the groups apart, a little
	weight := []float32{0.5, 0, 0, 0, 0.5, 0, 0, 0, 0.5, 0, 0, 0}
	for name, run := range map[string]func(context.Context, methods.Host) error{
		"deepcluster": (&DeepCluster{K: k, PCA: 3, Iterations: 10}).cluster,
		"sela":        (&SeLa{Heads: 1, K: k, Lambda: 5, Tolerance: 0.01}).label,
		"mmc":         (&MMC{K: k}).choose,
	} {
		t.Run(name, func(t *testing.T) {
			entries := map[string]ir.Array{clusterName(0): classEntry(n), clusterWeights: entry(ir.Shape{n}),
				headName(0) + "/weight": entry(ir.Shape{4, k}, weight...), headName(0) + "/bias": entry(ir.Shape{k})}
			h := embeddingHost{memoryHost{3, entries}, x}
			ended, cancel := context.WithCancel(context.Background())
			cancel()
			if err := run(ended, h); !errors.Is(err, context.Canceled) || entries[clusterName(0)].I32[0] != -1 {
				t.Errorf("an ended job: the error is %v, the first class %d", err, entries[clusterName(0)].I32[0])
			}
			if err := run(context.Background(), h); err != nil {
				t.Fatal(err)
			}
			if got := entries[clusterName(0)].I32; !sameGroups(got, want) {
				t.Errorf("classes %v, want the groups", got)
			}
			h.features = slices.Clone(x)
			h.features[5] = float32(math.NaN())
			if err := run(context.Background(), h); err == nil || !strings.Contains(err.Error(), "number 5") {
				t.Errorf("a feature that is not finite: %v", err)
			}
		})
	}
}

// A new clustering begins the classifier anew and weighs samples so that every cluster counts as much.
func TestDeepClusterBeginsAnew(t *testing.T) {
	x, _ := groups(50, 2)
	x = x[:45*4]
	for i := range x[:5*4] { // five samples more of the first group
		x[i] = x[8*4+i%4]
	}
	entries := map[string]ir.Array{clusterName(0): classEntry(45), clusterWeights: entry(ir.Shape{45}),
		headName(0) + "/weight": entry(ir.Shape{4, 2}, 9, 9, 9, 9, 9, 9, 9, 9),
		headName(0) + "/bias":   entry(ir.Shape{2}, 9, 9)}
	m := &DeepCluster{K: 2, PCA: 2, Iterations: 5}
	if err := m.cluster(context.Background(), embeddingHost{memoryHost{0, entries}, x}); err != nil {
		t.Fatal(err)
	}
	sums := map[int32]float64{}
	for i, c := range entries[clusterName(0)].I32 {
		sums[c] += float64(entries[clusterWeights].F32[i])
	}
	for c, sum := range sums {
		if len(sums) != 2 || math.Abs(sum-22.5) > 1e-4 {
			t.Errorf("the weights of cluster %d add up to %v, want half of 45 samples", c, sum)
		}
	}
	var squares float64
	for _, v := range entries[headName(0)+"/weight"].F32 {
		squares += float64(v) * float64(v) / 8
	}
	if squares == 0 || squares > 9e-4 || entries[headName(0)+"/bias"].F32[0] != 0 {
		t.Errorf("the classifier begins with the mean square %v and bias %v, want 1e-4 and 0", squares,
			entries[headName(0)+"/bias"].F32[0])
	}
	alike := slices.Repeat([]float32{1, 2, 3, 4}, 45)
	if err := m.cluster(context.Background(), embeddingHost{memoryHost{0, entries}, alike}); err == nil ||
		!strings.Contains(err.Error(), "all features are alike") {
		t.Errorf("features that are alike: %v", err)
	}
}

// SeLa's labels share the samples evenly where scores alone would not, and each sample's label is the best for it after
// the columns' factors.
func TestSeLaLabelsAreEven(t *testing.T) {
	const n, k = 400, 5
	r := rand.New(rand.NewPCG(3, 4))
	scores := make([]float32, n*k)
	for i := range scores {
		scores[i] = float32(r.NormFloat64())
		if i%k == 0 {
			scores[i] += 2 // everybody's favourite
		}
	}
	favour, counts := 0, make([]int, k)
	for i := range n {
		if slices.Max(scores[i*k:(i+1)*k]) == scores[i*k] {
			favour++
		}
	}
	for _, c := range (&SeLa{K: k, Lambda: 25, Tolerance: 0.01}).even(scores) {
		counts[c]++
	}
	if favour < n/2 || slices.Max(counts) > n/k+n/20 || slices.Min(counts) < n/k-n/20 {
		t.Errorf("labels have %v samples, want about %d each; %d of %d would take the first by themselves", counts, n/k,
			favour, n)
	}
}

// The hinge loss against plain loops, and the choice of classes against all ways to choose: no way within the bound has
// a smaller sum of losses.
func TestMMC(t *testing.T) {
	const n, k = 7, 3
	r := rand.New(rand.NewPCG(5, 6))
	scores, of := make([]float32, n*k), make([]int32, n)
	for i := range scores {
		scores[i] = float32(r.NormFloat64())
	}
	loss := func(of []int32) (sum float64) {
		for i, c := range of {
			worst := math.Inf(-1)
			for j := range k {
				v := float64(scores[i*k+j])
				if j != int(c) {
					v++
				}
				worst = max(worst, v)
			}
			sum += worst - float64(scores[i*k+int(c)])
		}
		return sum
	}
	for i := range of {
		of[i] = int32(r.IntN(k))
	}
	wide := make([]float64, n*k)
	for i, v := range scores {
		wide[i] = float64(v)
	}
	got := valueOf(t, func(s *graph.Scope) *graph.Node { return hinge(s, s.Floats("y", wide, n, k), s.Ints("of", of)) })
	if want := loss(of) / n; math.Abs(got-want) > 1e-5 {
		t.Errorf("the hinge loss is %v, want %v", got, want)
	}
	m := &MMC{K: k}
	chosen, counts := m.classes(scores), make([]int, k)
	for _, c := range chosen {
		counts[c]++
	}
	least, way := math.Inf(1), make([]int32, n)
	for code := range int(math.Pow(k, n)) {
		size := make([]int, k)
		for i := range way {
			way[i] = int32(code % k)
			size[way[i]]++
			code /= k
		}
		if slices.Max(size) <= 3 {
			least = min(least, loss(way))
		}
	}
	if slices.Max(counts) > 3 || math.Abs(loss(chosen)-least) > 1e-6 {
		t.Errorf("classes of %v samples with the loss %v, want at most 3 and %v", counts, loss(chosen), least)
	}
	m.Slack = 2
	if loose := m.classes(scores); loss(loose) > loss(chosen)+1e-9 {
		t.Errorf("without a bound the loss is %v, more than the %v with it", loss(loose), loss(chosen))
	}
}

// Gradients through a small encoder, of samples of which one has no class yet.
func TestPseudoClassGradients(t *testing.T) {
	for name, m := range map[string]methods.Method{
		"deepcluster": &DeepCluster{K: 3, PCA: 2, Iterations: 1, Every: setting.Epochs(1)},
		"sela":        &SeLa{Heads: 2, K: 3, Lambda: 5, Every: setting.Epochs(1), Tolerance: 0.1},
		"mmc":         &MMC{K: 3, Every: setting.Epochs(1)},
		"nat":         &NAT{Projector: []int{6, 4}, Every: 1},
	} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 4, methodtest.Images(6, 5, 2))
				return m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4, 5}}, b.Of("view0")), b).Loss()
			}, func(st *graph.Store) {
				for i := range 2 {
					if of := st.Get(clusterName(i)); of != nil {
						copy(of.I32, []int32{2, 1, int32(i), 0, 2, 2, 0, 1, 1, 0})
						of.I32[3*i] = -1
					}
				}
			}, 8, 2e-5)
		})
	}
}

// The images of a batch keep their targets among themselves, deal them out at the least sum of squared distances, and
// leave all others alone; in an epoch that is none of every they keep their own.
func TestNATExchange(t *testing.T) {
	m := &NAT{Projector: []int{}, Every: 2}
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 4, methodtest.Images(6, 5, 2))
		o := m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{5}}, b.Of("view0")), b)
		s.Output("loss", o.Loss())
		s.Output("z", op.Normalize(o.Features, 1e-12))
	})
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(1)
	p, err := g.Compile(cpu.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range p.Inputs() {
		optest.Fill(a, name)
	}
	rows := []int{7, 0, 9, 4}
	for i, row := range rows {
		p.Inputs()["rows"].I32[i] = int32(row)
	}
	const d = 5
	run := func(step int) (before, after, z []float32, loss float64) {
		before = slices.Clone(st.Get("targets").F32)
		p.Schedule(graph.Time{Step: step, Steps: 6, PerEpoch: 1})
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		out, _ := p.Output("z")
		l, _ := p.Output("loss")
		return before, st.Get("targets").F32, out.F32, l.At(0)
	}
	distance := func(z, targets []float32, order []int) (sum float64) {
		for i, k := range order {
			for j := range d {
				v := float64(z[i*d+j] - targets[rows[k]*d+j])
				sum += v * v / 4
			}
		}
		return sum
	}
	before, after, _, _ := run(1)
	if !slices.Equal(before, after) {
		t.Error("targets change in an epoch in which they stay")
	}
	before, after, z, loss := run(2)
	least := math.Inf(1)
	for code := range 256 {
		order := []int{code % 4, code / 4 % 4, code / 16 % 4, code / 64}
		if sorted := slices.Sorted(slices.Values(order)); slices.Equal(sorted, []int{0, 1, 2, 3}) {
			least = min(least, distance(z, before, order))
		}
	}
	if got := distance(z, after, []int{0, 1, 2, 3}); math.Abs(got-least) > 1e-5 || math.Abs(loss-least) > 1e-5 {
		t.Errorf("the targets are %v apart after the exchange and the loss is %v, want the least %v", got, loss, least)
	}
	if slices.Equal(before, after) {
		t.Error("nobody exchanges targets")
	}
	for row := range 10 {
		var was, is []float32
		was, is = before[row*d:(row+1)*d], after[row*d:(row+1)*d]
		if !slices.Contains(rows, row) && !slices.Equal(was, is) {
			t.Errorf("the target of sample %d changes, which is not in the batch", row)
		}
	}
}

// What cannot be is refused.
func TestPseudoClassesRefuse(t *testing.T) {
	for want, m := range map[string]methods.Method{
		"k: 1":          &DeepCluster{K: 1, PCA: 1, Iterations: 1, Every: setting.Epochs(1)},
		"pca: 0":        &DeepCluster{K: 2, Iterations: 1, Every: setting.Epochs(1)},
		"every: 0 step": &DeepCluster{K: 2, PCA: 1, Iterations: 1},
		"heads: 0":      &SeLa{K: 2, Lambda: 1, Every: setting.Epochs(1), Tolerance: 1},
		"lambda: 0":     &SeLa{Heads: 1, K: 2, Every: setting.Epochs(1), Tolerance: 1},
		"tolerance: 0":  &SeLa{Heads: 1, K: 2, Lambda: 1, Every: setting.Epochs(1)},
		"slack: -1":     &MMC{K: 2, Slack: -1, Every: setting.Epochs(1)},
		"every: 0":      &NAT{},
		"projector":     &NAT{Projector: []int{0}, Every: 1},
	} {
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, m := range []methods.Method{DefaultDeepCluster(), DefaultSeLa(), &MMC{K: 11}} {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 4, methodtest.Images(6, 5, 2))
			m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
		})
		if err == nil || !strings.Contains(err.Error(), "classes of 10 training samples") {
			t.Errorf("%T: got %v", m, err)
		}
	}
	for _, m := range []methods.Method{DefaultDeepCluster(), DefaultSeLa(), DefaultMMC(), DefaultNAT()} {
		if err := m.Validate(); err != nil {
			t.Error(err)
		}
	}
}
