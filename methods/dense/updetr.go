package dense

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// UPDETR learns a detector without labels: patches are cut out of an image at random, and the detector, shown what they
// look like, says where they are.
//
// Dai, Cai, Lin, Chen, CVPR 2021, arXiv:2011.09094, section 3. The encoder's features of a patch are added to the
// queries of its group, Q/patches of them, which attend to no other group; of some queries they are left out. Every
// query says whether it has found its patch, where, and what the patch's features are. The encoder is frozen, as theirs
// is: begin with a trained one, [init] from = "runs/one". As with query_shuffle in the authors' code groups are drawn
// anew in every step, so that no query belongs to a place among the patches.
//
// We differ: with heads.Detector in place of DETR; patches are resized by the network and not changed in colour; and
// their features as targets get no gradient, which a frozen encoder would not use. The authors' patches have sides from
// 8 pixels to 8 less than the image's.
type UPDETR struct {
	heads.Detector
	SetWeights
	Feature  float64    `toml:"feature"`   // weight of the patches' features
	Patches  int        `toml:"patches"`   // of an image; a divisor of queries
	Size     int        `toml:"size"`      // side that a patch is resized to, in pixels
	Sides    [2]float64 `toml:"sides"`     // smallest and largest width and height of a patch, in shares of the image
	Hide     float64    `toml:"hide"`      // probability that a query is not shown its patch
	NoObject float64    `toml:"no_object"` // weight of queries that find nothing
}

// DefaultUPDETR has the paper's weights.
func DefaultUPDETR() *UPDETR {
	return &UPDETR{Detector: heads.DefaultDetector(), SetWeights: SetWeights{Class: 1, Box: 5, GIoU: 2}, Feature: 1,
		Patches: 4, Size: 32, Sides: [2]float64{0.1, 0.9}, Hide: 0.1, NoObject: 0.1}
}

// Validate implements methods.Method.
func (m *UPDETR) Validate() error {
	bad := []error{m.Detector.Check(), m.SetWeights.check(), setting.Weight("feature", m.Feature), setting.Least("size",
		m.Size, 4), setting.Within("hide", m.Hide, 0, 0.9), setting.Within("no_object", m.NoObject, 1e-6, 1)}
	if m.Patches < 1 || m.Queries%m.Patches != 0 {
		bad = append(bad, setting.Bad("patches", "%d: want a divisor of queries = %d", m.Patches, m.Queries))
	}
	if !(m.Sides[0] > 0 && m.Sides[0] <= m.Sides[1] && m.Sides[1] <= 1) {
		bad = append(bad, setting.Bad("sides", "%v: want the smallest and the largest share of a side, above 0 and at "+
			"most 1", m.Sides))
	}
	return errors.Join(bad...)
}

// Build implements methods.Method.
func (m *UPDETR) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	n := newNetwork(s, enc, b, &m.Detector, true)
	r := s.Random("patches")
	boxes := m.boxes(r, b.Size())
	patch := boxFeatures(s, enc, b.View(0), boxes, m.Size) // [B,P,F]
	toQuery := layer.Dense(n.scope.In("patch"), enc.Dim, m.Dim)
	member := m.members(s, r) // [Q,P]
	all := op.BroadcastTo(op.Reshape(member, 1, m.Queries, m.Patches), []int{b.Size(), m.Queries, m.Patches})
	more := op.MatMul(all, toQuery(patch), false, false) // [B,Q,D]
	more = op.Mul(more, r.Bernoulli(1-m.Hide, b.Size(), m.Queries, 1))
	// 0 where two queries belong to one patch, and far below 0 elsewhere
	bias := op.Affine(op.MatMul(member, member, false, true), 1e9, -1e9)
	found := n.detector.Decode(n.memory, more, bias)
	l := losses.SetPrediction{CostClass: m.Class, CostBox: m.Box, CostGIoU: m.GIoU, NoObject: m.NoObject}
	classify := layer.Dense(n.scope.In("match"), m.Dim, 2)
	back := featureHead(n.scope, m.Dim, enc.Dim)
	to := losses.Targets{Boxes: boxes, Labels: zeros(s, b.Size(), m.Patches), Features: patch}
	o := methods.Objective{Features: n.features}
	for i, y := range found.Layers {
		got := l.Loss(s, losses.Predictions{Logits: classify(y), Boxes: found.Boxes[i], Features: back(y)}, to)
		o.Terms = append(o.Terms, m.SetWeights.terms(got, i, len(found.Layers))...)
		o.Terms = append(o.Terms, methods.Term{Name: termName("feature", i, len(found.Layers)), Weight: m.Feature,
			Value: got.UnitDistance()})
	}
	return o
}

// boxes are drawn anew in every step, inside the images: [B,P,4].
func (m *UPDETR) boxes(r *graph.Random, n int) *graph.Node {
	size := op.Affine(r.Uniform(n, m.Patches, 2), m.Sides[1]-m.Sides[0], m.Sides[0])
	centre := op.Add(op.Mul(r.Uniform(n, m.Patches, 2), op.Affine(size, -1, 1)), op.Scale(size, 0.5))
	return op.Concat(2, centre, size)
}

// members says which patch every query belongs to, 1 in one of P places: [Q,P]. Patches have the same number of
// queries, drawn anew in every step.
func (m *UPDETR) members(s *graph.Scope, r *graph.Random) *graph.Node {
	of := make([]int32, m.Queries)
	for q := range of {
		of[q] = int32(q % m.Patches)
	}
	order := op.Argsort(r.Uniform(m.Queries))
	return losses.OneHot(s, op.Gather(s.Ints("const/groups", of), order), m.Patches)
}
