package evaluations

import (
	"context"
	"math"
	"slices"
	"testing"

	"selfsup/internal/golden"
)

// TestGolden checks every fixture of the group that has a protocol here, and lists the others.
func TestGolden(t *testing.T) {
	checks := map[string]func(*testing.T, *golden.Fixture){
		"knn_weighted":              goldenKNNWeighted,
		"knn_majority":              goldenKNNMajority,
		"logistic_regression_probe": goldenLogisticRegression,
		"topk_accuracy":             goldenTopK,
		"rankme":                    goldenRankMe,
		"clustering_metrics":        goldenClustering,
		"retrieval_map":             goldenRetrieval,
		"pca":                       goldenPCA,
		"ridge_probe":               goldenRidge,
		"silhouette":                goldenSilhouette,
		"linear_cka":                goldenCKA,

		"effective_rank_stable_rank": goldenSpectrum,
		"alpha_req":                  goldenAlphaReQ,
		"lidar":                      goldenLiDAR,
		"twonn_intrinsic_dimension":  goldenTwoNN,
	}
	golden.Each(t, "eval", checks, func(t *testing.T, f *golden.Fixture,
		check func(*testing.T, *golden.Fixture)) {
		check(t, f)
	})
}

func goldenRankMe(t *testing.T, g *golden.Fixture) {
	x := g.Inputs["embeddings"]
	f := Features{TrainX: floats32(x.Data), Dim: x.Shape[1]}
	for output, param := range map[string]string{"rankme": "eps", "rankme_paper_eps": "paper_eps"} {
		p := DefaultRankMe()
		p.Epsilon = golden.Param[float64](t, g, param)
		rs, err := p.Evaluate(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, output, []float64{rs[0].Value}, g.Outputs[output], 1e-6)
	}
	for _, wide := range []bool{false, true} { // of fewer images than features too
		y, dim := f.TrainX, f.Dim
		if wide {
			y, dim = make([]float32, len(y)), len(y)/dim
			for i := range f.TrainX {
				y[i%f.Dim*dim+i/f.Dim] = f.TrainX[i]
			}
		}
		values, err := singularValues(y, dim)
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(values)
		golden.Compare(t, "singular values", values, g.Outputs["singular_values"], 1e-6)
	}
}

func goldenSpectrum(t *testing.T, g *golden.Fixture) {
	x := g.Inputs["embeddings"]
	rs, err := DefaultSpectrum().Evaluate(context.Background(), Features{TrainX: floats32(x.Data), Dim: x.Shape[1]})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		if want, ok := g.Outputs[r.Metric]; ok { // there is none of auc and nesum
			golden.Compare(t, r.Metric, []float64{r.Value}, want, 1e-6)
		}
	}
	values, err := CovarianceSpectrum(floats32(x.Data), x.Shape[1])
	if err != nil {
		t.Fatal(err)
	}
	n := float64(x.Shape[0])
	for i := range values { // which the fixture has over N-1
		values[i] *= n / (n - 1)
	}
	golden.Compare(t, "covariance eigenvalues", values, g.Outputs["covariance_eigenvalues"], 1e-6)
	golden.Compare(t, "entropy of the covariance", []float64{EffectiveRank(values, 0)},
		g.Outputs["covariance_entropy_rank"], 1e-6)
	sigma, err := singularValues(floats32(x.Data), x.Shape[1])
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "condition number", []float64{sigma[len(sigma)-1] / sigma[0]}, g.Outputs["condition_number"],
		1e-5)
}

func goldenAlphaReQ(t *testing.T, g *golden.Fixture) {
	x := g.Inputs["embeddings"]
	f := Features{TrainX: floats32(x.Data), Dim: x.Shape[1]}
	p := DefaultAlphaReQ()
	p.First, p.Last = golden.Param[int](t, g, "index_min"), golden.Param[int](t, g, "index_max")
	for output, weighted := range map[string]bool{"alpha": false, "alpha_weighted": true} {
		p.Weighted = weighted
		rs, err := p.Evaluate(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, output, []float64{rs[0].Value}, g.Outputs[output], 1e-6)
	}
	values, err := CovarianceSpectrum(f.TrainX, f.Dim)
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "eigenvalues", values, g.Outputs["eigenvalues"], 1e-6)
}

func goldenLiDAR(t *testing.T, g *golden.Fixture) {
	x := g.Inputs["embeddings"]
	p := DefaultLiDAR()
	p.Images, p.Views = golden.Param[int](t, g, "n_classes"), golden.Param[int](t, g, "samples_per_class")
	p.Delta, p.Epsilon = golden.Param[float64](t, g, "delta"), golden.Param[float64](t, g, "epsilon")
	f := Features{Grouped: floats32(x.Data), Group: p.Views, Dim: x.Shape[1]}
	rs, err := p.Evaluate(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "lidar", []float64{rs[0].Value}, g.Outputs["lidar"], 1e-6)
	golden.Compare(t, "entropy", []float64{math.Log(rs[0].Value)}, g.Outputs["entropy"], 1e-6)
	values, err := p.eigenvalues(f.Grouped, p.Images, p.Views, f.Dim)
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "largest eigenvalue", values[:1], g.Outputs["top_eigenvalue"], 1e-6)
}

func goldenTwoNN(t *testing.T, g *golden.Fixture) {
	x := g.Inputs["points"]
	ratios, err := neighbourRatios(context.Background(), Features{Dim: x.Shape[1]}, floats32(x.Data))
	if err != nil {
		t.Fatal(err)
	}
	got, err := twoNN(ratios, golden.Param[float64](t, g, "fraction"))
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "linear fit", []float64{got}, g.Outputs["linear_fit"], 1e-6)
	var logs float64
	for _, r := range ratios {
		logs += math.Log(r)
	}
	golden.Compare(t, "maximum likelihood", []float64{float64(len(ratios)) / logs}, g.Outputs["mle"], 1e-6)
}

// TestGoldenAlignUniform checks the numbers of the authors' losses.
func TestGoldenAlignUniform(t *testing.T) {
	g := golden.Load(t, "losses/align_uniform")
	x := g.Inputs["x"]
	p := DefaultAlignUniform()
	p.Alpha, p.T = golden.Param[float64](t, g, "alpha"), golden.Param[float64](t, g, "t")
	rs, err := p.Evaluate(context.Background(), Features{ViewA: floats32(x.Data), ViewB: floats32(g.Inputs["y"].Data),
		Dim: x.Shape[1]})
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "alignment", []float64{rs[0].Value}, g.Outputs["align"], 1e-6)
	golden.Compare(t, "uniformity", []float64{rs[1].Value}, g.Outputs["uniform"], 1e-6)
}

// features reads the two sets of a kNN fixture.
func features(f *golden.Fixture) Features {
	return Features{
		TrainX: floats32(f.Inputs["train_features"].Data), TrainY: ints(f.Inputs["train_labels"].Data),
		TestX: floats32(f.Inputs["test_features"].Data), TestY: ints(f.Inputs["test_labels"].Data),
		Dim: f.Inputs["train_features"].Shape[1],
	}
}

func floats32(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

func ints(x []float64) []int32 {
	out := make([]int32, len(x))
	for i, v := range x {
		out[i] = int32(v)
	}
	return out
}

// predicted is the class of every test image and the scores of all classes.
func (p *KNN) predicted(t *testing.T, f Features) (classes []int32, scores [][]float64) {
	t.Helper()
	k := p.K[0]
	near, err := nearest(context.Background(), f, k)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range near {
		s := make([]float64, f.Classes)
		p.votes(n, f.TrainY, k, s)
		best := int32(0)
		for c := range s {
			if rank(s, int32(c)) == 0 {
				best = int32(c)
			}
		}
		classes, scores = append(classes, best), append(scores, s)
	}
	return classes, scores
}

func sameClasses(t *testing.T, got []int32, want golden.Tensor) {
	t.Helper()
	for i, c := range got {
		if int(c) != int(want.Data[i]) {
			t.Errorf("test image %d: class %d, want %v", i, c, want.Data[i])
		}
	}
}

func goldenKNNWeighted(t *testing.T, g *golden.Fixture) {
	f := features(g)
	f.Classes = golden.Param[int](t, g, "num_classes")
	p := DefaultKNN()
	p.K, p.Temperature = []int{golden.Param[int](t, g, "k")}, golden.Param[float64](t, g, "T")
	got, _ := p.predicted(t, f)
	sameClasses(t, got, g.Outputs["predictions"])
	rs, err := p.Evaluate(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "top1", []float64{100 * rs[0].Value}, g.Outputs["top1_percent"], 1e-6)
	top5 := 1.0 // with up to five classes it cannot be missed, and is no result
	if f.Classes > 5 {
		top5 = rs[1].Value
	}
	golden.Compare(t, "top5", []float64{100 * top5}, g.Outputs["top5_percent"], 1e-6)
}

func goldenKNNMajority(t *testing.T, g *golden.Fixture) {
	f := features(g)
	votes := g.Outputs["votes"]
	f.Classes = votes.Shape[1]
	p := DefaultKNN()
	p.K, p.Vote = []int{golden.Param[int](t, g, "k")}, "majority"
	got, scores := p.predicted(t, f)
	sameClasses(t, got, g.Outputs["predictions"])
	var flat []float64
	for _, s := range scores {
		flat = append(flat, s...)
	}
	golden.Compare(t, "votes", flat, votes, 0)
	rs, err := p.Evaluate(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "accuracy", []float64{rs[0].Value}, g.Outputs["accuracy"], 1e-6)
}

func goldenLogisticRegression(t *testing.T, g *golden.Fixture) {
	x, y := g.Inputs["x"], ints(g.Inputs["y"].Data)
	classes, dim, n := g.Outputs["weight"].Shape[0], x.Shape[1], len(y)
	strength := golden.Param[float64](t, g, "C")
	p := DefaultLinear()
	p.Standardize, p.L2 = false, []float64{1 / (strength * float64(n))}
	f := Features{TrainX: floats32(x.Data), TrainY: y, TestX: floats32(x.Data), TestY: y, Dim: dim, Classes: classes}
	s := p.prepare(context.Background(), f, rowsBut(f, nil))
	fit, err := s.fit(p.L2[0], p.Tolerance)
	if err != nil || !fit.converged {
		t.Fatalf("converged %v after %d iterations, %v", fit.converged, fit.iterations, err)
	}
	golden.Compare(t, "objective", []float64{fit.value * strength * float64(n)}, g.Outputs["objective"], 1e-6)
	golden.Compare(t, "weight", fit.x[:classes*dim], g.Outputs["weight"], 1e-3)
	bias := append([]float64{}, fit.x[classes*dim:]...)
	var mean float64
	for _, b := range bias {
		mean += b / float64(classes)
	}
	for c := range bias {
		bias[c] -= mean
	}
	golden.Compare(t, "bias", bias, g.Outputs["bias_centred"], 1e-3)

	var probabilities []float64
	test := floats32(g.Inputs["x_test"].Data)
	row, out := make([]float64, dim), make([]float64, classes)
	for i := 0; i < len(test); i += dim {
		s.take(row, test[i:i+dim], 0, dim)
		s.logits(out, fit.x, row)
		var sum float64
		for _, v := range out {
			sum += math.Exp(v)
		}
		for _, v := range out {
			probabilities = append(probabilities, math.Exp(v)/sum)
		}
	}
	golden.Compare(t, "test probabilities", probabilities, g.Outputs["test_probabilities"], 1e-3)
	rs, err := p.Evaluate(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "train accuracy", []float64{rs[0].Value}, g.Outputs["train_accuracy"], 1e-6)
}

func goldenTopK(t *testing.T, g *golden.Fixture) {
	scores, labels := g.Inputs["scores"], ints(g.Inputs["labels"].Data)
	classes := scores.Shape[1]
	var ranks []int
	for i, y := range labels {
		ranks = append(ranks, rank(scores.Data[i*classes:(i+1)*classes], y))
	}
	for _, k := range golden.Param[[]int](t, g, "topk") {
		name := map[int]string{1: "top1_percent", 3: "top3_percent", 5: "top5_percent"}[k]
		want, ok := g.Outputs[name]
		if !ok {
			t.Fatalf("the fixture has no result for k = %d", k)
		}
		golden.Compare(t, name, []float64{100 * topK(ranks, k)}, want, 1e-6)
	}
}

func goldenClustering(t *testing.T, g *golden.Fixture) {
	of, labels := ints(g.Inputs["labels_pred"].Data), ints(g.Inputs["labels_true"].Data)
	c := newContingency(of, labels, int(slices.Max(of))+1, int(slices.Max(labels))+1)
	for output, got := range map[string]float64{"nmi_arithmetic": c.nmi(), "ari": c.ari(), "purity": c.purity(),
		"hungarian_accuracy": c.matched()} {
		golden.Compare(t, output, []float64{got}, g.Outputs[output], 1e-7)
	}
}

func goldenRetrieval(t *testing.T, g *golden.Fixture) {
	f := Features{
		TrainX: floats32(g.Inputs["gallery"].Data), TrainY: ints(g.Inputs["gallery_labels"].Data),
		TestX: floats32(g.Inputs["query"].Data), TestY: ints(g.Inputs["query_labels"].Data),
		Dim: g.Inputs["query"].Shape[1],
	}
	f.Classes = int(max(slices.Max(f.TrainY), slices.Max(f.TestY))) + 1
	found, err := f.retrieve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var precision []float64
	for _, r := range found {
		precision = append(precision, r.precision)
	}
	golden.Compare(t, "average precision", precision, g.Outputs["average_precision"], 1e-6)
	p := &Retrieval{K: []int{1, 5}}
	rs, err := p.Evaluate(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	for i, output := range []string{"mean_average_precision", "recall_at_1", "recall_at_5"} {
		golden.Compare(t, output, []float64{rs[i].Value}, g.Outputs[output], 1e-6)
	}
}
