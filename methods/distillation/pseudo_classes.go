package distillation

import (
	"context"
	"fmt"
	"math"

	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/setting"
)

// What methods share that make classes of their own for the whole training set, and learn them until they make new
// ones: a class of every sample in the Store, linear classifiers on the features, and jobs on the features of the set.

// classesOf is the class of each sample of the batch in head i, [B] int32, -1 before there are any.
func classesOf(s *graph.Scope, b *methods.Batch, i int) *graph.Node {
	return op.Gather(s.IntState(clusterName(i), graph.Fill(-1), b.SetSize()), b.Rows())
}

// scoresOf is the linear classifier i on features h [B,F]: [B,K].
func scoresOf(s *graph.Scope, h *graph.Node, i, k int) *graph.Node {
	return layer.Linear(s.In(headName(i)), op.ShapeOf(h)[1], k, true)(h)
}

// checkClasses stops a build of more classes than samples.
func checkClasses(b *methods.Batch, k int) {
	if n := b.SetSize(); k > n {
		op.Fail("", "k = %d classes of %d training samples; want at most one a sample", k, n)
	}
}

// checkEvery says what is wrong with the span between two jobs.
func checkEvery(every setting.Length) error {
	if every.IsZero() {
		return setting.Bad("every", "%v: want at least %q", every, setting.Steps(1))
	}
	return nil
}

// scores is the linear classifier with weights w [F,K] and bias b [K] on features x [N,F], on the host: [N,K].
func scores(x []float32, w, b ir.Array) []float32 {
	f, k := w.Shape[0], w.Shape[1]
	n := len(x) / f
	y := make([]float32, n*k)
	device.Gemm(false, false, n, k, f, x, f, w.F32, k, y, k, 0, make([]float32, device.GemmScratch(false, false, n, k,
		f)))
	for i := range y {
		y[i] += b.F32[i%k]
	}
	return y
}

// headScores is scores of classifier i of the Store.
func headScores(h methods.Host, x []float32, i int) []float32 {
	return scores(x, h.Entry(headName(i)+"/weight"), h.Entry(headName(i)+"/bias"))
}

// embedAll is the features of the training set, checked.
func embedAll(ctx context.Context, h methods.Host) ([]float32, error) {
	x, err := h.Embed(ctx)
	if err != nil {
		return nil, err
	}
	for i, v := range x {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, fmt.Errorf("number %d of the training set's features is %v; want finite numbers", i, v)
		}
	}
	return x, nil
}

// headName is the scope of classifier i.
func headName(i int) string { return fmt.Sprintf("heads/%d", i) }
