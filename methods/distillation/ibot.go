package distillation

import (
	"errors"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/setting"
)

// IBOT is DINO on class tokens, and the same on patches that the student does not see: it names the prototypes that the
// teacher, which sees the whole view, names for them. The teacher is evaluated and exported.
//
//	loss = dino(class tokens) + patches * mean over large views of the mean over their hidden patches of
//	       cross-entropy(teacher's patch, student's patch)
//
// Zhou et al., ICLR 2022, arXiv:2111.07832, eq. 2 and 3 and Alg. 1. Large views hide blocks of half of the images. With
// patch_prototypes the patches have a head of their own, without they share that of the class token. DINOv2, Oquab et
// al. 2023, arXiv:2304.07193, section 4, [method.dinov2], has two heads, Sinkhorn's assignments of the batch (of
// patches: of those that are hidden) in place of centres that move, and KoLeo on the class tokens of each large view.
type IBOT struct {
	Layers     int `toml:"layers"`     // of the head's MLP
	Hidden     int `toml:"hidden"`     // width between them
	Bottleneck int `toml:"bottleneck"` // width of the unit rows before the prototypes
	Prototypes int `toml:"prototypes"` // K
	// of a head of their own for patches; 0: they share that of the class token
	PatchPrototypes int     `toml:"patch_prototypes"`
	Temperature     float64 `toml:"temperature"` // of the student's cosines
	// for class tokens at the first step, and from the end of its warm-up on
	TeacherTemperature [2]float64     `toml:"teacher_temperature"`
	PatchTemperature   [2]float64     `toml:"patch_temperature"` // the same for patches
	TeacherWarmup      setting.Length `toml:"teacher_warmup"`    // from one to the other
	// of the teacher at the first step; it rises to 1 along half a cosine
	Momentum       float64 `toml:"momentum"`
	Centring       string  `toml:"centring"`        // mean (it moves) | sinkhorn (of the batch)
	CentreMomentum float64 `toml:"centre_momentum"` // of the mean that is subtracted from the teacher's cosines
	Patches        float64 `toml:"patches"`         // weight of the patches' term
	KoLeo          float64 `toml:"koleo"`           // weight of the spread of class tokens, summed over large views
	// probability of a large view to have hidden patches
	Masked   float64        `toml:"masked"`
	Ratio    [2]float64     `toml:"ratio"`     // least and largest share of its patches that are hidden
	HoldLast setting.Length `toml:"hold_last"` // how long the prototypes stay as they are drawn
}

// DefaultIBOT has the paper's settings for ViT-S and ViT-B on ImageNet.
func DefaultIBOT() *IBOT {
	return &IBOT{
		Layers: 3, Hidden: 2048, Bottleneck: 256, Prototypes: 8192, Temperature: 0.1,
		TeacherTemperature: [2]float64{0.04, 0.07}, PatchTemperature: [2]float64{0.04, 0.07},
		TeacherWarmup: setting.Percent(10), Momentum: 0.996, Centring: "mean", CentreMomentum: 0.9, Patches: 1,
		Masked: 0.5, Ratio: [2]float64{0.1, 0.5}, HoldLast: setting.Epochs(1),
	}
}

// DefaultDINOv2 has the settings of DINOv2's code for one machine.
func DefaultDINOv2() *IBOT {
	m := DefaultIBOT()
	m.Prototypes, m.PatchPrototypes, m.Momentum, m.Centring, m.KoLeo = 65536, 65536, 0.992, "sinkhorn", 0.1
	m.TeacherTemperature, m.TeacherWarmup = [2]float64{0.04, 0.07}, setting.Percent(30)
	return m
}

// Validate implements methods.Method.
func (m *IBOT) Validate() error {
	for _, t := range [][2]float64{m.TeacherTemperature, m.PatchTemperature} {
		if !(t[0] > 0 && t[1] > 0) {
			return setting.Bad("teacher_temperature", "%v: want two numbers above 0, and so for patches", t)
		}
	}
	if m.Centring != "mean" && m.Centring != "sinkhorn" {
		return setting.Bad("centring", "%q: want \"mean\" or \"sinkhorn\"", m.Centring)
	}
	return errors.Join(setting.Least("layers", m.Layers, 1), setting.Least("hidden", m.Hidden, 1),
		setting.Least("bottleneck", m.Bottleneck, 1), setting.Least("prototypes", m.Prototypes, 2),
		setting.Least("patch_prototypes", m.PatchPrototypes, 0), setting.Positive("temperature", m.Temperature),
		setting.Within("momentum", m.Momentum, 0, 1), setting.Within("centre_momentum", m.CentreMomentum, 0, 1),
		setting.Weight("patches", m.Patches), setting.Weight("koleo", m.KoLeo))
}

// Build implements methods.Method.
func (m *IBOT) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e := methods.Patches(s, enc, b)
	m.heads(s, e.Dim) // the student's are declared before the teacher's
	above := s.Twin("teacher", s.Scheduled("teacher_momentum", graph.CosineRamp(m.Momentum, 1)))
	said := m.says(above, methods.Patches(above, enc, b), op.Concat(0, b.Crops()[0]...))
	o := m.objective(s, enc, b, e, said)
	o.Features, o.Encoder = op.Slice(said.features, 0, 0, b.Size()), "teacher/"+methods.Backbone
	return o
}

// answers are a teacher's of V large views.
type answers struct{ class, patches, features *graph.Node } // [VB,K], [VB*T,K], [VB,D]

// says is what a teacher says of large views [VB,H,W,C], whole.
func (m *IBOT) says(s *graph.Scope, t *backbones.TokenEncoder, large *graph.Node) answers {
	class, patches := m.heads(s, t.Dim)
	whole := t.Encode(t.Embed(large))
	h := t.Pool(whole)
	return answers{class(h), patches(t.Last(whole, t.Rows*t.Columns)), h}
}
