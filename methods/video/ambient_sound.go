package video

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// AmbientSound tells from the frames of a clip what its sound is like, by a summary of its statistics that is found
// before the training: of which cluster they are, or on which side of their mean along each of their principal
// directions.
//
//	clusters: CE(W h, nearest centre),  code: mean over the bits of BCE(W h, bit)
//
// Owens, Wu, McDermott, Freeman, Torralba, ECCV 2016, arXiv:1608.07017, section 3: 30 clusters, or 30 bits. Its
// statistics are those of sound textures, 502 numbers of cochleagrams (means, deviations and correlations of
// subbands, energies of their modulations); here they are the mean and the deviation of each band of the log-mels,
// every number scaled to deviation 1.
type AmbientSound struct {
	Target     string `toml:"target"`     // clusters | code
	Clusters   int    `toml:"clusters"`   // K
	Iterations int    `toml:"iterations"` // of k-means
	Bits       int    `toml:"bits"`       // of the code
}

// DefaultAmbientSound has the paper's clusters.
func DefaultAmbientSound() *AmbientSound {
	return &AmbientSound{Target: "clusters", Clusters: 30, Iterations: 20, Bits: 30}
}

// Validate implements methods.Method.
func (m *AmbientSound) Validate() error {
	var bad error
	if m.Target != "clusters" && m.Target != "code" {
		bad = setting.Bad("target", "%q: want \"clusters\" or \"code\"", m.Target)
	}
	return errors.Join(bad, setting.Least("clusters", m.Clusters, 2), setting.Least("iterations", m.Iterations, 1),
		setting.Least("bits", m.Bits, 1))
}

// Entries of the Store with the summary, E statistics: their means and factors [E], and centres [K,E] or directions
// [bits,E].
const (
	soundMeans, soundFactors, soundBasis = "sounds/means", "sounds/factors", "sounds/basis"
)

// Build implements methods.Method. The features are the clip's.
func (m *AmbientSound) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	heard := b.Field("sound_statistics") // [B,E]
	width, rows := op.ShapeOf(heard)[1], m.rows()
	if m.Target == "code" && rows > width {
		op.Fail("", "bits = %d of a sound with %d statistics; want at most as many", rows, width)
	}
	at := s.In("sounds")
	means, factors := at.State("means", graph.Fill(0), width), at.State("factors", graph.Fill(1), width)
	basis := at.State("basis", graph.Normal(1), rows, width)
	x := op.StopGradient(op.Mul(op.Sub(heard, means), factors))
	h := enc.New(s)(b.View(0))
	logits := layer.Dense(s.In("guess"), enc.Dim, rows)(h)
	o := methods.Objective{Features: h, Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(h)}},
		Jobs: []methods.Job{{Name: "sounds", Run: m.summarise(width)}}}
	side := op.MatMul(x, basis, false, true) // [B,rows]
	if m.Target == "code" {
		bits := op.Greater(side, s.Constant(0))
		o.Terms = []methods.Term{{Name: "code", Weight: 1, Value: op.MeanAll(losses.BinaryCrossEntropy(logits, bits))}}
		right := op.MeanAll(op.Equal(op.Greater(logits, s.Constant(0)), bits))
		o.Metrics = append(o.Metrics, methods.Metric{Name: "right", Value: right})
		return o
	}
	lengths := op.Reshape(op.SumAxes(op.Square(basis), false, 1), 1, rows)
	of := op.Argmax(op.Sub(op.Scale(side, 2), lengths))
	o.Terms = []methods.Term{{Name: "clusters", Weight: 1, Value: op.MeanAll(op.CrossEntropy(logits, of, 0))}}
	o.Metrics = append(o.Metrics, methods.Metric{Name: "right", Value: op.Accuracy(logits, of)})
	return o
}

// rows is how many clusters or bits there are.
func (m *AmbientSound) rows() int {
	if m.Target == "code" {
		return m.Bits
	}
	return m.Clusters
}
