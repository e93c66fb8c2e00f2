package distillation

import (
	"context"
	"errors"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/internal/kmeans"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// DeepCluster clusters the features of the training set between epochs and learns to say which cluster an image is in.
//
//	loss = mean over the batch of w_c CE(g(f(x)), c),  w_c = N / (clusters in use * images of cluster c)
//
// Caron, Bojanowski, Joulin, Douze, ECCV 2018, arXiv:1807.05520. The features of all images, without
// augmentation, are reduced by PCA, whitened and scaled to unit length; k-means splits a cluster where another is
// empty; the classifier g begins anew with every clustering. The weights w stand for the sampler of the authors' code,
// which draws clusters evenly: the paper calls the two equivalent. k-means is spherical here, and the optimizer keeps
// the classifier's moments over a new beginning. Sobel filters, which the authors put in front, are left to the views.
type DeepCluster struct {
	K          int            `toml:"k"`          // clusters
	PCA        int            `toml:"pca"`        // directions of the features that are clustered
	Iterations int            `toml:"iterations"` // of k-means
	Every      setting.Length `toml:"every"`      // between two clusterings
}

// DefaultDeepCluster has the paper's settings for ImageNet.
func DefaultDeepCluster() *DeepCluster {
	return &DeepCluster{K: 10000, PCA: 256, Iterations: 20, Every: setting.Epochs(1)}
}

// Validate implements methods.Method.
func (m *DeepCluster) Validate() error {
	return errors.Join(setting.Least("k", m.K, 2), setting.Least("pca", m.PCA, 1),
		setting.Least("iterations", m.Iterations, 1), checkEvery(m.Every))
}

// clusterWeights is the entry of the Store with the weight of every sample.
const clusterWeights = "cluster_weights"

// Build implements methods.Method.
func (m *DeepCluster) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	checkClasses(b, m.K)
	h, of := enc.New(s)(b.View(0)), classesOf(s, b, 0) // [B,F], [B]
	logits := scoresOf(s, h, 0, m.K)                   // [B,K]
	loss := weighted(logits, of, op.Gather(s.State(clusterWeights, graph.Fill(1), b.SetSize()), b.Rows()))
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "clusters", Weight: 1, Value: loss}},
		Metrics: []methods.Metric{{Name: "accuracy", Value: op.Accuracy(logits, of)},
			{Name: "spread", Value: losses.Spread(h)}},
		Jobs: []methods.Job{{Name: "k-means", Every: m.Every, Run: m.cluster}},
	}
}

// weighted is the mean of the cross-entropies of logits [B,K] with clusters of [B], each times its weight [B].
func weighted(logits, of, weights *graph.Node) *graph.Node {
	return op.MeanAll(op.Mul(op.CrossEntropy(logits, of, 0), weights))
}

// cluster is the job that gives every sample its cluster, and the classifier a new beginning. It writes when all is
// computed.
func (m *DeepCluster) cluster(ctx context.Context, h methods.Host) error {
	x, err := embedAll(ctx, h)
	if err != nil {
		return err
	}
	of, weights := h.Entry(clusterName(0)).I32, h.Entry(clusterWeights).F32
	y, width, err := kmeans.Whiten(ctx, x, len(x)/len(of), m.PCA)
	if err != nil {
		return err
	}
	r := h.Rand()
	c, err := kmeans.SphericalSplit(ctx, r, y, kmeans.Draw(r, y, width, m.K), width, m.Iterations)
	if err != nil {
		return err
	}
	if c.Used() < 2 {
		return fmt.Errorf("k-means finds %d cluster of %d samples; want at least 2", c.Used(), len(of))
	}
	copy(of, c.Of)
	copy(weights, evenWeights(c.Of, m.K))
	for _, v := range []string{"/weight", "/bias"} {
		fresh := h.Entry(headName(0) + v).F32
		for i := range fresh {
			fresh[i] = 0
			if v == "/weight" {
				fresh[i] = float32(r.NormFloat64() * 0.01) // as in the authors' code
			}
		}
	}
	return nil
}

// evenWeights is, for each sample, N over the clusters in use and the samples of its cluster, which are of k: the mean
// over samples of something times the weights is the mean over clusters of its mean.
func evenWeights(of []int32, k int) []float32 {
	counts, used := make([]int, k), 0
	for _, c := range of {
		if counts[c]++; counts[c] == 1 {
			used++
		}
	}
	w := make([]float32, len(of))
	for i, c := range of {
		w[i] = float32(float64(len(of)) / float64(used*counts[c]))
	}
	return w
}
