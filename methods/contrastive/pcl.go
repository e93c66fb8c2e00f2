package contrastive

import (
	"context"
	"errors"
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

// PCL adds prototypes to MoCo: an image recognises the centres of its clusters, which k-means finds between epochs.
//
//	loss = infonce + 1/M sum_m -mean_i log( e^(q_i c_s/phi_s) / sum_j e^(q_i c_j/phi_j) ),  s = i's cluster
//	phi  = sum_(z in cluster) |v_z - c| / (Z log(Z + 10)),  scaled to the temperature in the mean
//
// Li, Zhou, Xiong, Hoi, ICLR 2021, arXiv:2005.04966, eq. 11 and 12, over MoCo v2, which see. As in the authors' code
// the candidates of a row are the centres of all samples of the batch, one of two samples counted twice, and centres
// that nobody of the batch belongs to: all of these, where the code draws 16,000; and phi of a cluster of at most one
// sample is the largest, phi below the 10th or above the 90th percentile is moved there.
//
// The authors cluster embeddings of a pass over the set by the key encoder; here a memory keeps the key that a sample
// had when it was last seen, and k-means is spherical. Samples that were never seen have no cluster and no prototype
// term.
type PCL struct {
	Queued
	K          []int `toml:"k"`          // clusters, of each clustering
	Iterations int   `toml:"iterations"` // of k-means, each epoch
	// before there are prototypes; the memory needs an epoch at least
	Warmup setting.Length `toml:"warmup"`
}

// DefaultPCL has the paper's settings for ImageNet: its 20 epochs of warm-up are a tenth of the 200.
func DefaultPCL() *PCL {
	m := &PCL{Queued: usualQueue(), K: []int{25000, 50000, 100000}, Iterations: 20, Warmup: setting.Percent(10)}
	m.Queue = 16384
	return m
}

// Validate implements methods.Method.
func (m *PCL) Validate() error {
	if len(m.K) == 0 || slices.Min(m.K) < 2 {
		return setting.Bad("k", "%v: want at least one clustering, and at least 2 clusters in each", m.K)
	}
	return errors.Join(setting.Least("iterations", m.Iterations, 1), m.Queued.Validate())
}

// Build implements methods.Method.
func (m *PCL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	d, n := heads.Width(enc.Dim, m.Projector), b.SetSize()
	if most := slices.Max(m.K); most > n {
		op.Fail("", "k = %v: %d clusters of %d training samples; want at most one a sample", m.K, most, n)
	}
	h, q, k, queue := m.keys(s, enc, b)
	q, k = op.Normalize(q, losses.Eps), op.Normalize(k, losses.Eps)
	terms := []methods.Term{{Name: "infonce", Weight: 1, Value: losses.InfoNCE(s, q, k, queue, m.Temperature)}}
	losses.Enqueue(s, queue, s.AllRows(k))
	memory := s.State("memory", graph.Fill(0), n, d)
	s.Update(memory, op.PutRows(memory, s.AllRows(b.Rows()), s.AllRows(k)))
	on := s.Scheduled("prototypes_on", func(t graph.Time) float64 {
		if t.Step >= m.begin(t) {
			return 1
		}
		return 0
	})
	for i, size := range m.K {
		at := s.In(fmt.Sprintf("clusters%d", i))
		of := op.Gather(at.IntState("of", graph.Fill(-1), n), b.Rows()) // [B]
		proto := m.proto(at, q, of, at.State("centres", graph.Fill(0), size, d), at.State("phi", graph.Fill(1), size))
		terms = append(terms, methods.Term{Name: fmt.Sprintf("prototypes%d", i), Weight: 1 / float64(len(m.K)),
			Value: op.Mul(proto, on)})
	}
	return methods.Objective{
		Features: h, Terms: terms,
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(q)}},
		Jobs:    []methods.Job{{Name: "k-means", Every: setting.Epochs(1), Run: m.cluster}},
	}
}

// begin is the first step with prototypes.
func (m *PCL) begin(t graph.Time) int { return max(m.Warmup.Steps(t.PerEpoch, t.Steps), t.PerEpoch) }

// proto is the loss of unit rows q [B,D] whose clusters are of [B] int32, -1 for none, with centres [K,D] and phi [K].
func (m *PCL) proto(s *graph.Scope, q, of, centres, phi *graph.Node) *graph.Node {
	b, k := op.ShapeOf(q)[0], op.ShapeOf(centres)[0]
	all := make([]int32, k)
	for i := range all {
		all[i] = int32(i)
	}
	member := s.Equal(op.Reshape(of, b, 1), op.Reshape(s.Ints("all", all), 1, k)) // [B,K]
	has := op.SumAxes(member, false, 1)                                           // [B]: 1, or 0 for none
	scores := op.Div(op.MatMul(q, centres, false, true), op.Reshape(phi, 1, k))   // [B,K]
	batch := op.MatMul(scores, member, false, true)                               // [B,B]
	away := func(hide *graph.Node) *graph.Node { return op.Scale(hide, -1e9) }
	batch = op.Add(batch, op.Reshape(away(op.Affine(has, -1, 1)), 1, b))
	others := op.Add(scores, away(op.Greater(op.SumAxes(member, true, 0), s.Constant(0.5))))
	return losses.MeanOver(op.CrossEntropy(op.Concat(1, batch, others), losses.Own(s, batch), 0), has)
}

// cluster is the job that gives every sample with a row in the memory its clusters. It writes when all is computed.
func (m *PCL) cluster(ctx context.Context, h methods.Host) error {
	if t := h.Time(); t.Step < m.begin(t) {
		return nil
	}
	memory := h.Entry("memory")
	d := memory.Shape.Last()
	x, rows := kmeans.Filled(memory.F32, d)
	r, found := h.Rand(), make([]*kmeans.Clusters, len(m.K))
	for i, k := range m.K {
		if len(rows) < k {
			return fmt.Errorf("k = %v: the training has seen %d samples; want at least %d of them", m.K, len(rows), k)
		}
		c, err := kmeans.Spherical(ctx, x, kmeans.Draw(r, x, d, k), d, m.Iterations)
		if err != nil {
			return err
		}
		found[i] = c
	}
	for i, c := range found {
		at := fmt.Sprintf("clusters%d/", i)
		copy(h.Entry(at+"centres").F32, c.Centres)
		copy(h.Entry(at+"phi").F32, c.Concentrations(x, d, m.Temperature))
		of := h.Entry(at + "of").I32
		for j, row := range rows {
			of[row] = c.Of[j]
		}
	}
	return nil
}
