package distillation

import (
	"errors"
	"math"

	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// MSN shows the student a part of the patches of a view, and has it name the prototypes that a slowly following teacher
// names for another view, whole, while all prototypes are named about as often as a prior has them. The teacher is
// evaluated.
//
//	loss = mean over anchors of cross-entropy(sharpened teacher's, student's) + weight * away(mean of the student's)
//	away(p) = log K - entropy(p), or with a power law's exponent KL(prior | p), prior(k) ~ k^-exponent
//
// Assran et al., ECCV 2022, arXiv:2204.07141, eq. 1 and section 3; the power law is that of Assran et al., ICLR 2023,
// arXiv:2210.07277 (PMSN), section 4, [method.pmsn]. The first view is the teacher's; the other large views, and all
// small ones, are anchors. Of large anchors patches are left out, small ones are whole.
type MSN struct {
	Projector   []int   `toml:"projector"`   // widths
	Prototypes  int     `toml:"prototypes"`  // K
	Temperature float64 `toml:"temperature"` // of cosines, of student and teacher
	Sharpen     float64 `toml:"sharpen"`     // temperature that sharpens the teacher's distributions, on top
	Sinkhorn    int     `toml:"sinkhorn"`    // scalings of targets to even use of the prototypes; 0: none
	Drop        float64 `toml:"drop"`        // fraction of the patches of a large anchor that is left out
	Weight      float64 `toml:"weight"`      // of the term of how often prototypes are named
	Exponent    float64 `toml:"exponent"`    // of the power law; 0: all prototypes alike
	// of the teacher at the first step; it rises evenly to 1
	Momentum float64 `toml:"momentum"`
}

// DefaultMSN has the paper's settings for ViT-S.
func DefaultMSN() *MSN {
	return &MSN{Projector: []int{2048, 2048, 256}, Prototypes: 1024, Temperature: 0.1, Sharpen: 0.25, Drop: 0.15,
		Weight: 1, Momentum: 0.996}
}

// DefaultPMSN is MSN with the power law of its paper.
func DefaultPMSN() *MSN {
	m := DefaultMSN()
	m.Exponent = 0.25
	return m
}

// Validate implements methods.Method.
func (m *MSN) Validate() error {
	if !(m.Drop > 0 && m.Drop < 1) {
		return setting.Bad("drop", "%v: want a fraction between 0 and 1", m.Drop)
	}
	return errors.Join(heads.CheckWidths("projector", m.Projector), setting.Least("prototypes", m.Prototypes, 2),
		setting.Positive("temperature", m.Temperature), setting.Positive("sharpen", m.Sharpen),
		setting.Least("sinkhorn", m.Sinkhorn, 0),
		setting.Weight("weight", m.Weight), setting.Weight("exponent", m.Exponent),
		setting.Within("momentum", m.Momentum, 0, 1))
}

// Build implements methods.Method.
func (m *MSN) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e := methods.Patches(s, enc, b)
	above := s.Twin("teacher", s.Scheduled("teacher_momentum", graph.LinearRamp(m.Momentum, 1,
		func(t graph.Time) int { return t.Steps })))
	crops := b.Crops()
	if len(crops[0]) < 2 {
		op.Fail("", "the first table of views.crops makes %d large view: want at least 2, the teacher's and an anchor",
			len(crops[0]))
	}
	anchors, n := crops[0][1:], e.Rows*e.Columns
	kind := &masks.Random{Ratio: m.Drop}
	var drawn []*graph.Node
	for range anchors {
		drawn = append(drawn, methods.HiddenPatches(b, kind, e))
	}
	order := op.Argsort(op.Concat(0, drawn...)) // what stays first
	kept := kind.Kept(n)
	tokens := op.GatherTokens(e.Embed(op.Concat(0, anchors...)), op.Slice(order, 1, 0, kept))
	h := []*graph.Node{e.Pool(e.Encode(tokens))}
	for _, views := range crops[1:] {
		h = append(h, enc.New(s)(op.Concat(0, views...)))
	}
	width := heads.Width(enc.Dim, m.Projector)
	z := enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)(op.Concat(0, h...)) // [AB,D], by view
	features := enc.New(above)(crops[0][0])                                                // [B,F]
	goal := enc.Projector.MLP(above.In("projector"), enc.Dim, m.Projector...)(features)    // [B,D]

	prototypes := s.Param("prototypes", graph.Uniform(1/math.Sqrt(float64(width))), m.Prototypes, width)
	entropy, away, target := m.losses(s, z, goal, prototypes)
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "prediction", Weight: 1, Value: entropy},
			{Name: "prior", Weight: m.Weight, Value: away}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)},
			{Name: "target_entropy", Value: losses.Entropy(target)}},
		Encoder: "teacher/" + methods.Backbone,
	}
}

// losses are the mean cross-entropy of anchors z [AB,D], view by view, how far the mean of what they name is from the
// prior, and the targets [B,K] made of goal [B,D]. Prototypes [K,D] learn from the anchors alone.
func (m *MSN) losses(s *graph.Scope, z, goal, prototypes *graph.Node) (entropy, away, target *graph.Node) {
	p := op.Normalize(prototypes, losses.Eps)
	logits := op.Scale(op.MatMul(op.Normalize(z, losses.Eps), p, false, true), 1/m.Temperature) // [AB,K]
	said := op.MatMul(op.Normalize(op.StopGradient(goal), losses.Eps), op.StopGradient(p), false, true)
	target = losses.Balanced(op.Softmax(op.Scale(said, 1/(m.Temperature*m.Sharpen))), m.Sinkhorn) // [B,K]
	var all []*graph.Node
	for range op.ShapeOf(z)[0] / op.ShapeOf(goal)[0] {
		all = append(all, target)
	}
	entropy = op.MeanAll(op.CrossEntropySoft(logits, op.Concat(0, all...)))

	used := op.Log(op.Mean(s.AllRows(op.Softmax(logits)), false, 0)) // [K]
	k := op.ShapeOf(p)[0]
	if m.Exponent == 0 {
		return entropy, op.Shift(op.SumAll(op.Mul(op.Exp(used), used)), math.Log(float64(k))), target
	}
	prior, sum, negative := make([]float64, k), 0.0, 0.0
	for i := range prior {
		prior[i] = math.Pow(float64(i+1), -m.Exponent)
		sum += prior[i]
	}
	for i := range prior {
		prior[i] /= sum
		negative += prior[i] * math.Log(prior[i])
	}
	return entropy, op.Affine(op.SumAll(op.Mul(s.Floats("prior", prior, k), used)), -1, negative), target
}
