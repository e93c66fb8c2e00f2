package distillation

import (
	"context"
	"fmt"
	"slices"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/internal/kmeans"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// DeepClusterV2 clusters the training set between epochs and makes every crop of a sample say which cluster the sample
// is in.
//
// Caron et al., NeurIPS 2020, arXiv:2006.09882, section 4.1 and appendix A.2 (DeepCluster-v2). As in the authors' code
// a memory of each large crop keeps the embedding that the sample had when it was last seen; spherical k-means on it
// gives the clusters and the prototypes, which are the unit centres and are not trained; head i clusters the memory of
// large crop i, counted around; the loss is the mean over heads of the mean over crops. Crops of one size are a batch
// for batch norm in the encoder, and all crops are one in the projector.
//
// The authors fill the memory by a pass over the set before the training. Here that pass is the training's first
// epoch, in which nothing is trained: it counts in the length and the schedules. The authors do not train samples that
// the epoch before left out; here their older embedding is clustered.
type DeepClusterV2 struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D; [] is none
	K           []int   `toml:"k"`           // clusters, of each head
	Temperature float64 `toml:"temperature"` // of the cosines with the prototypes
	Iterations  int     `toml:"iterations"`  // of k-means, each epoch
}

// DefaultDeepClusterV2 has the paper's settings for ImageNet.
func DefaultDeepClusterV2() *DeepClusterV2 {
	return &DeepClusterV2{Projector: []int{2048, 128}, K: []int{3000, 3000, 3000}, Temperature: 0.1, Iterations: 10}
}

// Validate implements methods.Method.
func (m *DeepClusterV2) Validate() error {
	if len(m.K) == 0 || slices.Min(m.K) < 2 {
		return setting.Bad("k", "%v: want at least one head, and at least 2 clusters in each", m.K)
	}
	if !(m.Temperature > 0) {
		return setting.Bad("temperature", "%v: want a number above 0", m.Temperature)
	}
	if m.Iterations < 1 {
		return setting.Bad("iterations", "%d: want at least 1", m.Iterations)
	}
	return heads.CheckProjector(m.Projector)
}

// Build implements methods.Method.
func (m *DeepClusterV2) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	n, d := b.SetSize(), heads.Width(enc.Dim, m.Projector)
	if most := slices.Max(m.K); most > n {
		op.Fail("", "k = %v: %d clusters of %d training samples; want at most one a sample", m.K, most, n)
	}
	encode, project := enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)
	crops := b.Crops()
	var h []*graph.Node // a batch for each size of crop
	for _, x := range crops {
		h = append(h, encode(op.Concat(0, x...))) // [VB,F]
	}
	z := op.Normalize(project(op.Concat(0, h...)), losses.Eps) // [VB,D], V crops of all sizes
	memories := min(len(crops[0]), len(m.K))
	for i := range memories {
		memory := s.State(memoryName(i), graph.Fill(0), n, d)
		own := s.AllRows(op.StopGradient(op.Slice(z, 0, i*b.Size(), (i+1)*b.Size())))
		s.Update(memory, op.PutRows(memory, s.AllRows(b.Rows()), own))
	}
	fills := methods.During(setting.Epochs(1)) // the memory, and nothing is trained
	o := methods.Objective{
		Features: op.Slice(h[0], 0, 0, b.Size()),
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z)}},
		Tune:     []methods.Tune{{Scope: methods.Backbone, Hold: fills}, {Scope: "projector", Hold: fills}},
		Jobs:     []methods.Job{{Name: "k-means", Every: setting.Epochs(1), Run: m.cluster(memories)}},
	}
	rows := slices.Repeat([]*graph.Node{b.Rows()}, op.ShapeOf(z)[0]/b.Size())
	for i, k := range m.K {
		prototypes := s.State(prototypesName(i), graph.Fill(0), k, d)
		of := op.Gather(s.IntState(clusterName(i), graph.Fill(-1), n), op.Concat(0, rows...)) // [VB]
		logits := op.MatMul(z, prototypes, false, true)                                       // [VB,K]
		o.Terms = append(o.Terms, methods.Term{
			Name: fmt.Sprintf("clusters%d", i), Weight: 1 / float64(len(m.K)),
			Value: assigned(logits, of, m.Temperature),
		})
		o.Metrics = append(o.Metrics, methods.Metric{Name: fmt.Sprintf("accuracy%d", i),
			Value: op.Accuracy(logits, of)})
		o.Alarms = append(o.Alarms, methods.Guessing(fmt.Sprintf("clusters%d", i), k, "lower the temperature or the "+
			"learning rate, or ask for fewer clusters (sections 2.4 and 3.5)"))
	}
	return o
}

// assigned is the mean cross-entropy of cosines [N,K] at a temperature with the clusters of [N]; samples without a
// cluster, -1, do not count.
func assigned(cosines, of *graph.Node, temperature float64) *graph.Node {
	return op.OfLabelled(op.MeanAll(op.CrossEntropy(op.Scale(cosines, 1/temperature), of, 0)), of)
}

func memoryName(i int) string     { return fmt.Sprintf("memory/%d", i) }
func prototypesName(i int) string { return fmt.Sprintf("prototypes/%d", i) }
func clusterName(i int) string    { return fmt.Sprintf("cluster/%d", i) }

// cluster is the job that gives every sample with a row in the memory its cluster. It writes when all is computed:
// where ctx ends it the Store is as it was.
func (m *DeepClusterV2) cluster(memories int) func(context.Context, methods.Host) error {
	return func(ctx context.Context, h methods.Host) error {
		if h.Time().Step == 0 { // the memory is empty
			return nil
		}
		found, samples, r := make([]*kmeans.Clusters, len(m.K)), make([][]int, memories), h.Rand()
		for i, k := range m.K {
			memory := h.Entry(memoryName(i % memories))
			d := memory.Shape.Last()
			x, rows := kmeans.Filled(memory.F32, d)
			if len(rows) < k {
				return fmt.Errorf("k = %v: the training has seen %d samples; want at least %d of them", m.K, len(rows),
					k)
			}
			c, err := kmeans.Spherical(ctx, x, kmeans.Draw(r, x, d, k), d, m.Iterations)
			if err != nil {
				return err
			}
			found[i], samples[i%memories] = c, rows
		}
		for i, c := range found {
			copy(h.Entry(prototypesName(i)).F32, c.Centres)
			of := h.Entry(clusterName(i)).I32
			for j, row := range samples[i%memories] {
				of[row] = c.Of[j]
			}
		}
		return nil
	}
}
