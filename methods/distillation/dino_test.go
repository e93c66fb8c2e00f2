package distillation

import (
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/setting"
)

// twoSizes has two large and four small images.
var twoSizes = methodtest.TwoSizes([]int{8, 8, 2}, []int{4, 4, 2}, 4)

// TestGoldenDINO compares two steps of the loss with the authors' code: the temperature of the epoch, the centre
// before and after, and the gradient.
func TestGoldenDINO(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "losses/dino"), true, func(c *ongraph.Case) {
		param := func(key string) float64 { return golden.Param[float64](t, c.F, key) }
		m := &DINO{
			Temperature:        param("student_temp"),
			TeacherTemperature: [2]float64{param("warmup_teacher_temp"), param("teacher_temp")},
			TeacherWarmup:      setting.Epochs(param("warmup_teacher_temp_epochs")),
			CentreMomentum:     param("center_momentum"),
		}
		epoch := golden.Param[int](t, c.F, "epoch")
		temperature := m.WarmedTemperature()(graph.Time{Step: epoch, Steps: golden.Param[int](t, c.F, "nepochs"),
			PerEpoch: 1})
		if want := param("teacher_temp_at_epoch"); math.Abs(temperature-want) > 1e-12 {
			t.Fatalf("the teacher's temperature in epoch %d is %v, want %v", epoch, temperature, want)
		}
		n, k := golden.Param[int](t, c.F, "ncrops"), golden.Param[int](t, c.F, "out_dim")
		centre := c.State("centre", graph.Fill(0), 1, k)
		step := func(student, teacher string) *graph.Node {
			x, y := c.In(student, golden.Same), c.In(teacher, golden.Same)
			b := op.ShapeOf(y)[0] / 2
			target := losses.Sharpen(y, op.Reshape(centre, k), c.Constant(temperature))
			loss := m.loss([]*graph.Node{op.Scale(x, 1/m.Temperature)}, target, b)
			if got := op.ShapeOf(x)[0] / b; got != n {
				t.Fatalf("%d views, want %d", got, n)
			}
			centre = op.Reshape(losses.NextCentre(c.Scope, op.Reshape(centre, k), y, m.CentreMomentum), 1, k)
			return loss
		}
		c.Out("loss_step1", step("student1", "teacher1"), golden.Same)
		c.Out("center_step1", centre, golden.Same)
		c.Out("loss", step("student2", "teacher2"), golden.Same)
		c.Out("center_step2", centre, golden.Same)
	})
}

// The gradient through a convnet and through a transformer, of views of one size and of two, against central
// differences in float64.
func TestDINOGradients(t *testing.T) {
	head := &DINO{Layers: 3, Hidden: 6, Bottleneck: 4, Prototypes: 5, Temperature: 0.3,
		TeacherTemperature: [2]float64{0.1, 0.2},
		CentreMomentum:     1} // the centre stays, so that the loss is the same function in every run
	gain := *head
	gain.LearnLengths, gain.Layers = true, 1
	norm := *head
	norm.BatchNorm = true
	convnet := &backbones.ConvNet{Widths: []int{4, 5}}
	vit := &backbones.ViT{Size: "tiny", Channels: 8, Depth: 1, Heads: 2, Patch: 2, Pool: "class", Position: "learned"}
	for name, c := range map[string]struct {
		m    *DINO
		net  backbones.Backbone
		data methods.Data
	}{
		"convnet, two views":             {head, convnet, methodtest.Images(6, 5, 2)},
		"convnet, two sizes":             {head, convnet, twoSizes},
		"convnet, batch norm":            {&norm, convnet, twoSizes},
		"convnet, lengths of prototypes": {&gain, convnet, twoSizes},
		"transformer":                    {head, vit, twoSizes},
	} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 3, c.data)
				return c.m.Build(s, methods.EncoderOf(c.net, b.Of("view0")), b).Loss()
			}, methodtest.WidenHeads, 6, 2e-5)
		})
	}
}

// The teacher sees the large views, the student all; the teacher is evaluated; the prototypes are held for the
// first epoch and no step more.
func TestDINOBuilds(t *testing.T) {
	m := DefaultDINO()
	m.Hidden, m.Bottleneck, m.Prototypes, m.HoldLast = 6, 4, 5, setting.Epochs(2)
	_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 3, twoSizes)
		o := m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
		if o.Encoder != "teacher/backbone" || len(b.Wants()) != 6 {
			t.Errorf("evaluates %q and asks for %v; want the teacher and six views", o.Encoder, b.Wants())
		}
		if !op.ShapeOf(o.Features).Equal([]int{3, 4}) {
			t.Errorf("features of %v, want [3,4]", op.ShapeOf(o.Features))
		}
		if len(o.Tune) != 1 || o.Tune[0].Scope != "head/last" {
			t.Fatalf("tunes %+v, want the last layer of the student", o.Tune)
		}
		for step, want := range []float64{1, 1, 1, 1, 1, 1, 0, 0} {
			if got := o.Tune[0].Hold(graph.Time{Step: step, Steps: 30, PerEpoch: 3}); got != want {
				t.Errorf("step %d of 3 an epoch: hold is %v, want %v", step, got, want)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Settings that cannot be trained with are refused by their key.
func TestDINOSettings(t *testing.T) {
	for want, change := range map[string]func(m *DINO){
		"layers: 0":                      func(m *DINO) { m.Layers = 0 },
		"hidden: -1":                     func(m *DINO) { m.Hidden = -1 },
		"bottleneck: 0":                  func(m *DINO) { m.Bottleneck = 0 },
		"prototypes: 1":                  func(m *DINO) { m.Prototypes = 1 },
		"temperature: 0":                 func(m *DINO) { m.Temperature = 0 },
		"teacher_temperature: [0.04 0]":  func(m *DINO) { m.TeacherTemperature[1] = 0 },
		"teacher_temperature: [NaN 0.1]": func(m *DINO) { m.TeacherTemperature = [2]float64{math.NaN(), 0.1} },
		"momentum: 1.5":                  func(m *DINO) { m.Momentum = 1.5 },
		"centre_momentum: -0.1":          func(m *DINO) { m.CentreMomentum = -0.1 },
	} {
		m := DefaultDINO()
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		change(m)
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
