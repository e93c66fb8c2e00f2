package distillation

import (
	"cmp"
	"fmt"
	"slices"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// Distill teaches a student, most often smaller, what a finished run's encoder knows, without labels: to name the
// prototypes that the teacher names, by [method.ibot]'s or [method.dinov2]'s loss with their own heads, or, of any
// teacher, to tell its features.
//
//	prototypes: as [method.ibot], the teacher as it is
//	features:   mean over views and images of -cos(linear(student), teacher)
//
// Oquab et al. 2023, DINOv2, arXiv:2304.07193, section 5 (prototypes), whose masks are taken away for it; features as
// in Koohpayegani et al. 2020, arXiv:2010.14713, section 4 (regression). [average] weights = "ema" evaluates the moving
// mean of the student, as in the paper.
type Distill struct {
	Teacher     string  `toml:"teacher"`     // folder of the run
	Target      string  `toml:"target"`      // prototypes | features
	Temperature float64 `toml:"temperature"` // of the student's cosines with prototypes
	// of the teacher's cosines with prototypes, of class tokens and of patches
	TeacherTemperature float64    `toml:"teacher_temperature"`
	Patches            float64    `toml:"patches"` // weight of the patches' term; 0: class tokens alone
	Masked             float64    `toml:"masked"`  // probability of a large view to have hidden patches; 0: none has
	Ratio              [2]float64 `toml:"ratio"`   // least and largest share of its patches that are hidden

	lent methods.Lent
}

// DefaultDistill has prototypes without masks.
func DefaultDistill() *Distill {
	return &Distill{Target: "prototypes", Temperature: 0.1, TeacherTemperature: 0.07, Patches: 1,
		Ratio: [2]float64{0.1, 0.5}}
}

// Validate implements methods.Method.
func (m *Distill) Validate() error {
	if m.Target != "prototypes" && m.Target != "features" {
		return setting.Bad("target", "%q: want \"prototypes\" or \"features\"", m.Target)
	}
	return cmp.Or(setting.Positive("temperature", m.Temperature),
		setting.Positive("teacher_temperature", m.TeacherTemperature), setting.Weight("patches", m.Patches),
		setting.Within("masked", m.Masked, 0, 1))
}

// Loans implements methods.Borrower.
func (m *Distill) Loans() []methods.Loan {
	return []methods.Loan{{Key: "teacher", From: m.Teacher, Scope: "teacher"}}
}

// Lend implements methods.Borrower.
func (m *Distill) Lend(_ string, l methods.Lent) error {
	if _, ok := l.Method.(*IBOT); !ok && m.Target == "prototypes" {
		return fmt.Errorf("is the run of a method without heads for class tokens and patches (%T); want one of "+
			"[method.ibot] or [method.dinov2], or target = \"features\"", l.Method)
	}
	m.lent = l
	return nil
}

// Build implements methods.Method. The features are the student's.
func (m *Distill) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	f := b.Of("view0")
	if m.lent.Backbone == nil {
		b.Unfit("the teacher is a finished run: want teacher = its folder")
	}
	if !slices.Equal(f.Shape, m.lent.Input.Shape) {
		op.Fail("", "teacher: it was trained on images of %v, the large views are %v; want views of that size",
			m.lent.Input, methods.InputOf(f))
	}
	above, theirs := s.In("teacher").Locked(), methods.EncoderOf(m.lent.Backbone, f)
	crops := b.Crops()
	large := op.Concat(0, crops[0]...)
	if m.Target == "features" {
		goal := op.StopGradient(theirs.New(above)(large)) // [VB,F]
		h := enc.New(s)(large)
		told := layer.Linear(s.In("tell"), enc.Dim, op.ShapeOf(goal)[1], true)(h)
		return methods.Objective{
			Features: op.Slice(h, 0, 0, b.Size()),
			Terms:    []methods.Term{{Name: "teacher", Weight: 1, Value: losses.NegativeCosine(told, goal)}},
			Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(h)}},
		}
	}
	e, t := methods.Patches(s, enc, b), methods.Patches(above, theirs, b)
	if e.Rows != t.Rows || e.Columns != t.Columns {
		op.Fail("",
			"teacher: it has %dx%d patches of an image, the student %dx%d; want patches of one side, or target "+
				"= \"features\"", t.Rows, t.Columns, e.Rows, e.Columns)
	}
	loss := *m.lent.Method.(*IBOT)
	loss.Temperature, loss.Patches, loss.Masked, loss.Ratio = m.Temperature, m.Patches, m.Masked, m.Ratio
	loss.TeacherTemperature = [2]float64{m.TeacherTemperature, m.TeacherTemperature}
	loss.PatchTemperature, loss.HoldLast, loss.KoLeo = loss.TeacherTemperature, setting.Length{}, 0
	return loss.objective(s, enc, b, e, loss.says(above, t, large))
}
