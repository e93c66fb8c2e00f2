package distillation

import (
	"errors"
	"fmt"
	"math"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// DINO makes a student name the prototypes that a slowly following teacher names for another view, the teacher's
// answers centred and sharpened. The teacher sees the large views alone, the student every view. The teacher is
// evaluated and exported.
//
// Caron, Touvron, Misra, Jegou, Mairal, Bojanowski, Joulin, ICCV 2021, arXiv:2104.14294, eq. 2 to 4 and Alg. 1. As
// in the authors' code each size of view is a batch of its own, and the centre moves after the loss. The teacher's
// temperature rises with every step, there with every epoch; both ends are the same. The code clips the gradient of
// each parameter by itself, train.clip all together.
type DINO struct {
	Layers     int `toml:"layers"`     // of the head's MLP
	Hidden     int `toml:"hidden"`     // width between them
	Bottleneck int `toml:"bottleneck"` // width of the unit rows before the prototypes
	Prototypes int `toml:"prototypes"` // K
	// between the head's layers: for convolutional networks
	BatchNorm bool `toml:"batch_norm"`
	// of the prototypes; without, they are 1, which is more stable
	LearnLengths bool    `toml:"learn_lengths"`
	Temperature  float64 `toml:"temperature"` // of the student's cosines
	// at the first step, and from the end of its warm-up on
	TeacherTemperature [2]float64     `toml:"teacher_temperature"`
	TeacherWarmup      setting.Length `toml:"teacher_warmup"` // from one to the other
	// of the teacher at the first step; it rises to 1 along half a cosine
	Momentum float64 `toml:"momentum"`
	// of the mean that is subtracted from the teacher's cosines
	CentreMomentum float64        `toml:"centre_momentum"`
	HoldLast       setting.Length `toml:"hold_last"` // how long the prototypes stay as they are drawn
}

// DefaultDINO has the paper's settings for ImageNet: its 30 epochs of warm-up are a tenth of the 300.
func DefaultDINO() *DINO {
	return &DINO{
		Layers: 3, Hidden: 2048, Bottleneck: 256, Prototypes: 65536, Temperature: 0.1,
		TeacherTemperature: [2]float64{0.04, 0.07}, TeacherWarmup: setting.Percent(10),
		Momentum: 0.996, CentreMomentum: 0.9, HoldLast: setting.Epochs(1),
	}
}

// Validate implements methods.Method.
func (m *DINO) Validate() error {
	for _, n := range []struct {
		key   string
		value int
		least int
	}{{"layers", m.Layers, 1}, {"hidden", m.Hidden, 1}, {"bottleneck", m.Bottleneck, 1}, {"prototypes", m.Prototypes,
		2}} {
		if n.value < n.least {
			return setting.Bad(n.key, "%d: want at least %d", n.value, n.least)
		}
	}
	if t := m.TeacherTemperature; !(t[0] > 0 && t[1] > 0) {
		return setting.Bad("teacher_temperature", "%v: want two numbers above 0", t)
	}
	if !(m.Temperature > 0) {
		return setting.Bad("temperature", "%v: want a number above 0", m.Temperature)
	}
	return errors.Join(setting.Within("momentum", m.Momentum, 0, 1), setting.Within("centre_momentum", m.CentreMomentum,
		0, 1))
}

// Build implements methods.Method.
func (m *DINO) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	head := m.Head()
	network := func(s *graph.Scope) func(views []*graph.Node) (h, y *graph.Node) {
		encode, project := enc.New(s), head.New(s.In("head"), enc.Dim)
		return func(views []*graph.Node) (h, y *graph.Node) {
			h = encode(op.Concat(0, views...)) // [VB,F]
			return h, project(h)               // [VB,K]
		}
	}
	crops := b.Crops()
	tau := s.Scheduled("teacher_momentum", graph.CosineRamp(m.Momentum, 1))
	student, teacher := network(s), network(s.Twin("teacher", tau))
	features, said := teacher(crops[0])
	var logits []*graph.Node // of every size of view
	for _, views := range crops {
		_, y := student(views)
		logits = append(logits, op.Scale(y, 1/m.Temperature))
	}

	centre := s.State("centre", graph.Fill(0), m.Prototypes)
	target := losses.Sharpen(said, centre, s.Scheduled("teacher_temperature", m.WarmedTemperature()))
	s.Update(centre, losses.NextCentre(s, centre, said, m.CentreMomentum))

	loss, entropy := m.loss(logits, target, b.Size()), losses.Entropy(target)
	return methods.Objective{
		Features: op.Slice(features, 0, 0, b.Size()),
		Terms:    []methods.Term{{Name: "dino", Weight: 1, Value: loss}},
		// Collapse shows here (section 5.3): a target entropy of 0 or of ln K with a divergence of 0.
		Metrics: []methods.Metric{{Name: "target_entropy", Value: entropy},
			{Name: "divergence", Value: op.Sub(loss, entropy)}},
		Alarms:  []methods.Alarm{AlikeAnswers(m.Prototypes)},
		Encoder: "teacher/" + methods.Backbone,
		Tune:    []methods.Tune{{Scope: "head/last", Hold: methods.During(m.HoldLast)}},
	}
}

// loss is the mean over pairs of a target and the logits of another view, of b samples. Logits [VB,K] come by size,
// targets [VB,K] are of the large views.
func (m *DINO) loss(logits []*graph.Node, target *graph.Node, b int) *graph.Node {
	targets, _ := methods.SplitViews([]*graph.Node{target}, b)
	answers, _ := methods.SplitViews(logits, b)
	return losses.CrossEntropyOfPairs(targets, answers)
}

// AlikeAnswers tells of student and teacher that give every sample the same answer, of so many prototypes.
func AlikeAnswers(prototypes int) methods.Alarm {
	return methods.Alarm{Of: "divergence", Within: [2]float64{math.Inf(-1), alikeDivergence},
		Means: fmt.Sprintf("student and teacher give every sample the same answer, of all %d prototypes where "+
			"target_entropy is near %.2f, of one where it is near 0", prototypes, math.Log(float64(prototypes))),
		Remedy: "in the first case lower teacher_temperature, in the second centre faster, with a lower " +
			"centre_momentum; or hold the prototypes for longer, by hold_last (sections 2.3 and 3.4)"}
}

// alikeDivergence is a divergence, in nats, below which the answers for two views do not differ.
const alikeDivergence = 0.01

// Head is the head of student and teacher.
func (m *DINO) Head() heads.DINO {
	return heads.DINO{Layers: m.Layers, Hidden: m.Hidden, Bottleneck: m.Bottleneck, K: m.Prototypes, Norm: m.BatchNorm,
		Gain: m.LearnLengths}
}

// WarmedTemperature is the teacher's temperature, which rises linearly over the warm-up.
func (m *DINO) WarmedTemperature() graph.Schedule {
	return graph.LinearRamp(m.TeacherTemperature[0], m.TeacherTemperature[1], func(t graph.Time) int {
		return m.TeacherWarmup.Steps(t.PerEpoch, t.Steps)
	})
}
