package dense

import (
	"errors"
	"fmt"

	"selfsup/backbones"
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// CAPI clusters the patches of a slowly following teacher, which sees the whole image, and has a predictor name the
// clusters of hidden patches from what a student says of the visible ones. The teacher is evaluated and exported.
//
//	loss = mean over hidden patches of cross-entropy(assignment, softmax(student's logits / temperature))
//	     + mean over all patches of cross-entropy(assignment, softmax(scores / temperature)), of the clusters alone
//
// Darcet, Baldassarre, Oquab, Mairal, Bojanowski 2025, arXiv:2502.08769, section 3. Assignments share the clusters
// evenly over the batch for each place by itself, so that no cluster stands for a place. The predictor's blocks attend
// to the visible patches alone. Its positions are sines and cosines and what is visible are several blocks, in the
// authors' code rotary ones and one block that goes on at the opposite border.
type CAPI struct {
	Clusters           int     `toml:"clusters"`            // K
	Mask               float64 `toml:"mask"`                // fraction of the patches that is hidden
	Side               int     `toml:"side"`                // of a visible block, in patches
	Depth              int     `toml:"depth"`               // blocks of the predictor
	Heads              int     `toml:"heads"`               // of its attention
	Temperature        float64 `toml:"temperature"`         // of what is predicted
	TeacherTemperature float64 `toml:"teacher_temperature"` // of the assignments
	Iterations         int     `toml:"iterations"`          // of Sinkhorn and Knopp
	Momentum           float64 `toml:"momentum"`            // of the teacher
}

// DefaultCAPI has the paper's settings for ViT-L.
func DefaultCAPI() *CAPI {
	return &CAPI{Clusters: 16384, Mask: 0.65, Side: 3, Depth: 12, Heads: 16, Temperature: 0.12,
		TeacherTemperature: 0.06, Iterations: 3, Momentum: 0.999}
}

// Validate implements methods.Method.
func (m *CAPI) Validate() error {
	var share error
	if !(m.Mask > 0 && m.Mask < 1) {
		share = setting.Bad("mask", "%v: want a fraction between 0 and 1", m.Mask)
	}
	return errors.Join(setting.Least("clusters", m.Clusters, 2), share, setting.Least("side", m.Side, 1),
		setting.Least("depth", m.Depth, 1), setting.Least("heads", m.Heads, 1), setting.Positive("temperature",
			m.Temperature), setting.Positive("teacher_temperature", m.TeacherTemperature),
		setting.Least("iterations", m.Iterations, 1), setting.Within("momentum", m.Momentum, 0, 1))
}

// Build implements methods.Method. The features are the teacher's.
func (m *CAPI) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e, x := methods.Patches(s, enc, b), b.View(0)
	if e.Dim%m.Heads != 0 || e.Dim%4 != 0 {
		op.Fail(s.Path(), "heads = %d: the tokens have %d channels; want a divisor of it, and of channels a multiple "+
			"of 4", m.Heads, e.Dim)
	}
	t := methods.Patches(s.Twin("teacher", s.Constant(m.Momentum)), enc, b)
	kind := &masks.InverseBlock{Ratio: m.Mask, Side: m.Side, Adjust: masks.DefaultInverseBlock().Adjust}
	n, kept := e.Rows*e.Columns, kind.Kept(methods.GridOf(e))
	hidden := methods.HiddenPatches(b, kind, e)
	seen, asked := op.TopK(op.Affine(hidden, -1, 1), kept), op.TopK(hidden, n-kept) // [B,K], [B,T-K] in their order
	y := e.Encode(op.GatherTokens(e.Embed(x), seen))
	logits := m.predict(s, e, y, asked) // [B,T-K,C]

	whole := t.Encode(t.Embed(x))
	unit := op.Normalize(op.StopGradient(t.Last(whole, n)), 1e-7)
	clusters := s.In("clusters").Param("weight", graph.Normal(1), e.Dim, m.Clusters)
	scores := op.Reshape(layer.Product(s, op.Reshape(unit, -1, e.Dim), clusters), b.Size(), n, m.Clusters)
	scores, logits, asked = s.AllRows(scores), s.AllRows(logits), s.AllRows(asked)
	q := losses.SinkhornByPlace(scores, m.TeacherTemperature, m.Iterations)
	features := t.Pool(whole)
	used := op.Mean(q, false, 0, 1)
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{
			{Name: "prediction", Weight: 1, Value: m.crossEntropy(logits, op.GatherTokens(q, asked))},
			{Name: "clusters", Weight: 1, Value: m.crossEntropy(scores, q)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)},
			{Name: "cluster_entropy", Value: losses.Entropy(op.Reshape(used, 1, m.Clusters))}},
		Alarms: []methods.Alarm{methods.Guessing("prediction", m.Clusters, "let the teacher follow more slowly, "+
			"with a momentum nearer to 1, or lower teacher_temperature")},
		Encoder: "teacher/" + methods.Backbone,
	}
}

// crossEntropy is that of goals [B,T,C] and logits [B,T,C], the mean over rows.
func (m *CAPI) crossEntropy(logits, goals *graph.Node) *graph.Node {
	rows := func(x *graph.Node) *graph.Node { return op.Reshape(x, -1, op.ShapeOf(x)[2]) }
	return op.MeanAll(op.CrossEntropySoft(op.Scale(rows(logits), 1/m.Temperature), op.StopGradient(rows(goals))))
}

// predict is the logits [B,M,C] of hidden places [B,M] by what a student says of the visible ones, y [B,N,D].
func (m *CAPI) predict(s *graph.Scope, e *backbones.TokenEncoder, y, asked *graph.Node) *graph.Node {
	at := s.In("predictor")
	n, t := op.ShapeOf(y)[0], e.Rows*e.Columns
	position := at.Frozen("position", layer.SinCos2D(e.Dim, e.Rows, e.Columns), t, e.Dim)
	places := op.BroadcastTo(op.Reshape(position, 1, t, e.Dim), ir.Shape{n, t, e.Dim})
	x := op.Add(op.GatherTokens(places, asked), methods.MaskToken(at, e.Dim))
	for i := range m.Depth {
		block := at.In(fmt.Sprintf("blocks/%d", i))
		look := layer.CrossAttention(block.In("attn"), e.Dim, e.Dim, m.Heads)
		x = op.Add(x, look(layer.LayerNorm(block.In("norm1"), e.Dim)(x), layer.LayerNorm(block.In("norm_context"),
			e.Dim)(y), layer.Mask{}))
		x = op.Add(x, layer.MLP(block.In("mlp"), e.Dim, 4*e.Dim)(layer.LayerNorm(block.In("norm2"), e.Dim)(x)))
	}
	return layer.Dense(at.In("tell"), e.Dim, m.Clusters)(layer.LayerNorm(at.In("norm"), e.Dim)(x))
}
