package distillation

import (
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/setting"
)

// TestGoldenIBOT compares both terms and centres with the authors' code.
func TestGoldenIBOT(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "losses/ibot"), true, func(c *ongraph.Case) {
		param := func(key string) float64 { return golden.Param[float64](t, c.F, key) }
		m := &IBOT{Temperature: param("student_temp"), Centring: "mean"}
		student, said := c.In("student_cls", golden.Same), c.In("teacher_cls", golden.Same)
		patches, saidPatches := c.In("student_patch", golden.Same), c.In("teacher_patch", golden.Same)
		views := golden.Param[int](t, c.F, "ngcrops")
		b := op.ShapeOf(said)[0] / views
		shape := op.ShapeOf(patches) // [VB,T,K]
		hidden := op.Reshape(op.Concat(0, c.In("mask0", golden.Same), c.In("mask1", golden.Same)), shape[0], shape[1])
		centre := op.Reshape(c.In("center0", golden.Same), -1)
		centre2 := op.Reshape(c.In("center2_0", golden.Same), -1)
		rows := func(x *graph.Node) *graph.Node { return op.Reshape(x, -1, shape[2]) }

		target := losses.Sharpen(said, centre, c.Constant(param("teacher_temp")))
		goal := losses.Sharpen(rows(saidPatches), centre2, c.Constant(param("teacher_temp2")))
		class := m.classLoss([]*graph.Node{op.Scale(student, 1/m.Temperature)}, target, b)
		patch := m.patchLoss(op.Scale(rows(patches), 1/m.Temperature), goal, hidden)
		class, patch = op.Scale(class, param("lambda1")), op.Scale(patch, param("lambda2"))
		c.Out("cls", class, golden.Same)
		c.Out("patch", patch, golden.Same)
		c.Out("loss", op.Add(class, patch), golden.Same)
		next := losses.NextCentre(c.Scope, centre, said, param("center_momentum"))
		c.Out("center_after", op.Reshape(next, 1, -1), golden.Same)
		next = losses.NextCentre(c.Scope, centre2, rows(saidPatches), param("center_momentum2"))
		c.Out("center2_after", op.Reshape(next, 1, 1, -1), golden.Same)
	})
}

// TestGoldenDINOv2 compares Sinkhorn's targets, patches and KoLeo with the authors' code.
func TestGoldenDINOv2(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "losses/dinov2_cls_sinkhorn"), true, func(c *ongraph.Case) {
		target := losses.SinkhornOf(c.In("teacher", golden.Same), nil, c.Constant(golden.Param[float64](t, c.F,
			"teacher_temp")), golden.Param[int](t, c.F, "n_iterations"))
		c.Out("teacher_probs", target, golden.Same)
		var sum []*graph.Node // the file's sum is over all pairs of views, also of one and the same
		for _, name := range []string{"student0", "student1"} {
			x := op.Scale(c.In(name, golden.Same), 1/golden.Param[float64](t, c.F, "student_temp"))
			b := op.ShapeOf(x)[0]
			for v := range 2 {
				sum = append(sum, op.MeanAll(op.CrossEntropySoft(x, op.Slice(target, 0, v*b, (v+1)*b))))
			}
		}
		c.Out("loss", op.Sum(sum...), golden.Same)
	})
	ongraph.Check(t, golden.Load(t, "losses/dinov2_ibot_patch_masked"), true, func(c *ongraph.Case) {
		param := func(key string) float64 { return golden.Param[float64](t, c.F, key) }
		said, student := c.In("teacher_out", golden.Same), c.In("student_out", golden.Same)
		mask := c.F.Inputs["mask"]
		back := make([]int32, len(mask.Data)) // the file has the hidden patches alone
		n := int32(0)
		for i, h := range mask.Data {
			if h == 1 {
				back[i], n = n, n+1
			}
		}
		all := func(x *graph.Node) *graph.Node { return op.Gather(x, c.Scope.Ints("back", back)) }
		centre := op.Reshape(c.In("center", golden.Same), -1)
		goal := losses.Sharpen(said, centre, c.Constant(param("teacher_temp")))
		hidden := op.Reshape(c.In("mask", golden.Same), mask.Shape[0], -1)
		c.Out("loss", (&IBOT{}).patchLoss(op.Scale(all(student), 1/param("student_temp")), all(goal), hidden),
			golden.Same)
		next := losses.NextCentre(c.Scope, centre, said, param("center_momentum"))
		c.Out("center_after", op.Reshape(next, 1, -1), golden.Same)
	})
	ongraph.Check(t, golden.Load(t, "losses/koleo"), true, func(c *ongraph.Case) {
		c.Out("loss", losses.KoLeo(c.Scope, c.In("x", golden.Same)), golden.Same)
	})
}

// TestGoldenMSN compares both priors with the authors' code.
func TestGoldenMSN(t *testing.T) {
	read := func(c *ongraph.Case, m *MSN) (entropy, away, target *graph.Node) {
		m.Temperature, m.Sharpen = golden.Param[float64](t, c.F, "tau"), golden.Param[float64](t, c.F, "sharpen_T")
		return m.losses(c.Scope, c.In("anchors", golden.Same), c.In("targets", golden.Same), c.In("prototypes",
			golden.Same))
	}
	ongraph.Check(t, golden.Load(t, "losses/msn"), true, func(c *ongraph.Case) {
		if golden.Param[bool](t, c.F, "use_sinkhorn") {
			t.Skip("targets are sharpened without Sinkhorn here")
		}
		entropy, away, target := read(c, &MSN{})
		c.Out("ce", entropy, golden.Same)
		c.Out("me_max", away, golden.Same)
		c.Out("target_probs", target, golden.Same)
		c.Out("loss", op.Add(entropy, op.Scale(away, golden.Param[float64](t, c.F, "memax_weight"))), golden.Same)
	})
	ongraph.Check(t, golden.Load(t, "losses/pmsn"), true, func(c *ongraph.Case) {
		entropy, away, _ := read(c, &MSN{Exponent: golden.Param[float64](t, c.F, "power_law_exponent"),
			Sinkhorn: golden.Param[int](t, c.F, "sinkhorn_iterations")})
		weight := golden.Param[float64](t, c.F, "regularization_weight")
		c.Out("loss", op.Add(entropy, op.Scale(away, weight)), golden.Same)
	})
}

// maskedViT is a transformer of sixteen patches in a large view of twoSizes and four in a small one.
var maskedViT = &backbones.ViT{Size: "tiny", Channels: 8, Depth: 1, Heads: 2, Patch: 2, Pool: "class",
	Position: "learned", Form: "vit"}

// The gradient of iBOT, with one head and two, of DINOv2 and of MSN, against central differences in float64.
func TestMaskedDistillationGradients(t *testing.T) {
	ibot := &IBOT{Layers: 2, Hidden: 6, Bottleneck: 4, Prototypes: 5, Temperature: 0.3,
		TeacherTemperature: [2]float64{0.1, 0.2}, PatchTemperature: [2]float64{0.1, 0.2}, Momentum: 1,
		Centring: "mean", CentreMomentum: 1, Patches: 1, Masked: 0.5, Ratio: [2]float64{0.1, 0.5}}
	v2 := *ibot
	v2.Centring, v2.PatchPrototypes, v2.KoLeo = "sinkhorn", 6, 0.1
	v2.TeacherTemperature, v2.PatchTemperature = [2]float64{0.5, 0.5}, [2]float64{0.5, 0.5}
	msn := &MSN{Projector: []int{6, 4}, Prototypes: 5, Temperature: 0.3, Sharpen: 0.5, Drop: 0.5, Weight: 1,
		Momentum: 1}
	pmsn := *msn
	pmsn.Exponent = 0.25
	distil := func(m *Distill) methods.Method {
		wide := *maskedViT
		wide.Channels = 12
		if err := m.Lend("teacher", methods.Lent{Method: &v2, Backbone: &wide,
			Input: backbones.Pixels(8, 8, 2)}); err != nil {
			t.Fatal(err)
		}
		return m
	}
	masks, plain, features := DefaultDistill(), DefaultDistill(), DefaultDistill()
	masks.Masked, features.Target = 0.5, "features"
	for name, m := range map[string]methods.Method{"ibot": ibot, "dinov2": &v2, "msn": msn, "pmsn": &pmsn,
		"distill": distil(plain), "distill with masks": distil(masks), "distill features": distil(features)} {
		t.Run(name, func(t *testing.T) {
			var scopes []string
			if _, ok := m.(*MSN); ok { // the teacher's prototypes, which differences see, have no gradient
				scopes = []string{"backbone", "projector"}
			}
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 3, twoSizes)
				return m.Build(s, methods.EncoderOf(maskedViT, b.Of("view0")), b).Loss()
			}, methodtest.WidenHeads, 6, 5e-5, scopes...)
		})
	}
}

// Sinkhorn leaves rows that do not count out: the others are as without them, and these are 0.
func TestSinkhornOfSome(t *testing.T) {
	scores := []float64{0.9, 0.1, -0.2, 0.3, 0.4, 0.8, -0.5, 0.2, 0.6, 0.7, -0.1, 0}
	run := func(rows []int, counted []float64) []float64 {
		g, err := graph.Build(graph.Options{DType: ir.F64}, func(s *graph.Scope) {
			var x []float64
			for _, r := range rows {
				x = append(x, scores[3*r:3*r+3]...)
			}
			var w *graph.Node
			if counted != nil {
				w = s.Floats("counted", counted, len(counted))
			}
			s.Output("q", losses.SinkhornOf(s.Floats("x", x, len(rows), 3), w, s.Constant(0.3), 3))
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Compile(ref.Backend{}, graph.NewStore(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		return ongraph.Read(t, p, "q")
	}
	all, some := run([]int{0, 1, 2, 3}, []float64{1, 0, 1, 1}), run([]int{0, 2, 3}, nil)
	for i, v := range append(append(append([]float64{}, some[:3]...), 0, 0, 0), some[3:]...) {
		if math.Abs(all[i]-v) > 1e-9 {
			t.Errorf("element %d: %v, want %v", i, all[i], v)
		}
	}
}

// A teacher without heads has features to tell alone, and the student's patches are the teacher's.
func TestDistillErrors(t *testing.T) {
	in := backbones.Pixels(8, 8, 2)
	build := func(m *Distill, l methods.Lent) error {
		if err := m.Lend("teacher", l); err != nil {
			return err
		}
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 2, twoSizes)
			m.Build(s, methods.EncoderOf(maskedViT, b.Of("view0")), b)
		})
		return err
	}
	fine := *maskedViT
	fine.Patch = 4
	small := &IBOT{Layers: 1, Bottleneck: 4, Prototypes: 5, Centring: "mean", Masked: 0.5}
	for _, c := range []struct {
		err  error
		want string
	}{
		{build(DefaultDistill(), methods.Lent{Method: small, Backbone: maskedViT, Input: in}), ""},
		{build(DefaultDistill(), methods.Lent{Method: DefaultBYOL(), Backbone: maskedViT, Input: in}), "without heads"},
		{build(DefaultDistill(), methods.Lent{Method: small, Backbone: &fine, Input: in}), "has 2x2 patches"},
		{build(DefaultDistill(), methods.Lent{Method: small, Backbone: maskedViT, Input: backbones.Pixels(9, 8, 2)}),
			"trained on images of 9x8x2"},
	} {
		if c.want == "" && c.err != nil || c.want != "" && (c.err == nil || !strings.Contains(c.err.Error(), c.want)) {
			t.Errorf("got %v, want an error with %q", c.err, c.want)
		}
	}
}

// The heads' last layers are held for the first epoch, both of them where there are two.
func TestIBOTHolds(t *testing.T) {
	m := DefaultDINOv2()
	m.HoldLast = setting.Epochs(1)
	tune := m.held()
	if len(tune) != 2 || tune[0].Scope != "head/last" || tune[1].Scope != "patch_head/last" {
		t.Fatalf("%+v, want the last layers of both heads", tune)
	}
	for step, want := range map[int]float64{0: 1, 9: 1, 10: 0} {
		if got := tune[1].Hold(graph.Time{Step: step, Steps: 100, PerEpoch: 10}); got != want {
			t.Errorf("step %d: held %v, want %v", step, got, want)
		}
	}
}
