package backbones_test

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

// tolerance of a model in one element type: outputs, lengths of gradients, and first entries of gradients.
type tolerance struct{ output, length, first float64 }

// tolerances are those of testdata/golden/README.md. Batch norm over the few pixels of resnet50's last stage is
// ill-conditioned.
func tolerances(name string, dtype ir.DType) tolerance {
	switch f32 := dtype == ir.F32; {
	case name == "models/resnet50" && f32:
		return tolerance{2e-3, 5e-3, 2e-2}
	case name == "models/resnet50":
		return tolerance{1e-5, 1e-5, 1e-5}
	case f32:
		return tolerance{1e-3, 1e-3, 1e-2}
	}
	return tolerance{1e-6, 1e-6, 1e-5}
}

var models = map[string]func(t *testing.T, f *golden.Fixture){
	"resnet18_cifar_stem": resNet, "resnet18_imagenet_stem": resNet, "resnet50": resNet,
	"vit_micro": vit, "vit_tiny": vit,
	"convnext_micro": convNeXt, "convnext_block": convNeXtBlock, "convnextv2_block": convNeXtBlock,
	"formula_vectors": formula,
}

// TestGoldenModels compares backbones with torchvision's: features, loss, the gradient of every parameter and the
// running statistics of one training step, then features in evaluation mode. float64 takes the reference backend a
// minute, so it is asked only where float32 is in doubt, or with GOLDEN_FLOAT64=1.
func TestGoldenModels(t *testing.T) {
	golden.Each(t, "models", models, func(t *testing.T, f *golden.Fixture,
		check func(*testing.T, *golden.Fixture)) {
		check(t, f)
	})
}

// formula checks the arithmetic that the weights below come from.
func formula(t *testing.T, f *golden.Fixture) {
	for _, id := range golden.Param[[]uint32](t, f, "ids") {
		var h, u []float64
		for _, i := range golden.Param[[]uint32](t, f, "indices") {
			h, u = append(h, float64(golden.Hash(id, i))), append(u, golden.U(id, i))
		}
		golden.Compare(t, fmt.Sprintf("h_%d", id), h, f.Outputs[fmt.Sprintf("h_%d", id)], 0)
		golden.Compare(t, fmt.Sprintf("U_%d", id), u, f.Outputs[fmt.Sprintf("U_%d", id)], 1e-8)
	}
}

// torchNames turns torchvision's names into ours, in this order.
var torchNames = strings.NewReplacer("downsample.0.", "skip/conv/", "downsample.1.", "skip/norm/", "layer", "stage",
	"bn", "norm", ".", "/")

// ours is our name for a torchvision parameter or the owner of a buffer: layer1.0.bn2.weight is stage1/0/norm2/weight.
func ours(name string) string {
	if rest, ok := strings.CutPrefix(name, "conv1."); ok {
		return "stem/conv/" + rest
	}
	if rest, ok := strings.CutPrefix(name, "bn1."); ok {
		return "stem/norm/" + rest
	}
	return torchNames.Replace(name)
}

// place is where entry i of torchvision's parameter is in ours: convolutions are [out,in,kh,kw] there and
// [kh,kw,in,out] here.
func place(i int, shape []int) int {
	if len(shape) != 4 {
		return i
	}
	kw, kh, in := shape[3], shape[2], shape[1]
	w, h, c, o := i%kw, i/kw%kh, i/kw/kh%in, i/kw/kh/in
	return ((h*kw+w)*in+c)*shape[0] + o
}

// entries gathers the first n entries of a parameter's gradient in torchvision's order.
func entries(a []float64, shape []int, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = a[place(i, shape)]
	}
	return v
}

func length(v []float64) float64 {
	var ss float64
	for _, x := range v {
		ss += x * x
	}
	return math.Sqrt(ss)
}

// network reads which ResNet a fixture is of.
func network(t *testing.T, f *golden.Fixture) *backbones.ResNet {
	arch, stem := golden.Param[string](t, f, "arch"), golden.Param[string](t, f, "stem")
	m := regexp.MustCompile(`^resnet(\d+)\b`).FindStringSubmatch(arch)
	if m == nil || len(stem) < 3 {
		t.Fatalf("%s: arch %q, stem %q: want resnetN, and 3x3 or 7x7", f.Name, arch, stem)
	}
	depth, _ := strconv.Atoi(m[1])
	return &backbones.ResNet{Depth: depth, Stem: stem[:3], Width: 1, Inner: 1}
}

// resNet holds the processor's float32 to the README's tolerances. One rounding more or less can switch a ReLU whose
// input is next to 0, and then single gradients differ by per cents, in any float32 implementation. Where gradients
// are off, the float64 truth must hold all of them, and the float32 ones must have about the right lengths. Winograd's
// algorithm switches more, so it is held to that only.
func resNet(t *testing.T, f *golden.Fixture) {
	switched := tolerance{output: tolerances(f.Name, ir.F32).output, length: 5e-2, first: math.MaxFloat64}
	t.Run("float32", func(t *testing.T) {
		r := run(t, f, ir.F32, cpu.Backend{Direct: true})
		off := &recorder{TB: t}
		tol := tolerances(f.Name, ir.F32)
		tol.output, tol.length = max(tol.output, 10*f.Check.Output), max(tol.length, 10*f.Check.Grad)
		r.forward(t, f, tol)
		r.gradients(off, f, tol)
		if len(off.lines) == 0 {
			return
		}
		t.Logf("%d comparisons of gradients are off, as when a ReLU switches; the first: %s", len(off.lines),
			off.lines[0])
		r.gradients(t, f, switched)
		if testing.Short() {
			t.Log("short: float64 is not asked")
			return
		}
		r, tol = run(t, f, ir.F64, ref.Backend{}), tolerances(f.Name, ir.F64)
		r.forward(t, f, tol)
		r.gradients(t, f, tol)
	})
	t.Run("float32 winograd", func(t *testing.T) {
		r := run(t, f, ir.F32, cpu.Backend{})
		r.forward(t, f, switched)
		r.gradients(t, f, switched)
	})
	if os.Getenv("GOLDEN_FLOAT64") != "" {
		t.Run("float64", func(t *testing.T) {
			r, tol := run(t, f, ir.F64, ref.Backend{}), tolerances(f.Name, ir.F64)
			r.forward(t, f, tol)
			r.gradients(t, f, tol)
		})
	}
}

// recorder keeps failures instead of reporting them.
type recorder struct {
	testing.TB
	lines []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

// result is what one training step without an optimiser, and an evaluation after it, give.
type result struct {
	store   *graph.Store
	loss, y []float64
	eval    []float64
	grad    map[string][]float64 // by our names
}

func run(t *testing.T, f *golden.Fixture, dtype ir.DType, b ir.Backend) result {
	t.Helper()
	net, x := network(t, f), golden.Image(f.Inputs["x"])
	img := backbones.Pixels(x.Shape[1], x.Shape[2], x.Shape[3])
	if err := net.Check(img); err != nil {
		t.Fatal(err)
	}
	r := result{store: graph.NewStore(1), grad: map[string][]float64{}}
	train := compile(t, b, r.store, graph.Options{DType: dtype, Training: true}, func(s *graph.Scope) {
		y := net.New(s, img)(s.State("x", ongraph.Hold(x), x.Shape...)) // [B,F]
		u := golden.Tensor{Data: make([]float64, op.ShapeOf(y).Size())}
		for i := range u.Data {
			u.Data[i] = float64(float32(golden.U(2000, uint32(i))))
		}
		loss := op.SumAll(op.Mul(y, s.State("u", ongraph.Hold(u), op.ShapeOf(y)...)))
		s.Output("y", y)
		s.Output("loss", loss)
		ps := s.Params()
		for i, d := range s.Gradients(loss, ps) {
			s.Output("gradient/"+s.Name(ps[i]), d)
		}
	})
	fill(t, r.store, f)
	if err := train.Run(); err != nil {
		t.Fatal(err)
	}
	r.loss, r.y = ongraph.Read(t, train, "loss"), ongraph.Read(t, train, "y")
	for _, p := range f.Parameters {
		r.grad[ours(p.Name)] = ongraph.Read(t, train, "gradient/"+ours(p.Name))
	}
	eval := compile(t, b, r.store, graph.Options{DType: dtype}, func(s *graph.Scope) {
		s.Output("y", net.New(s, img)(s.State("x", nil, x.Shape...)))
	})
	if err := eval.Run(); err != nil {
		t.Fatal(err)
	}
	r.eval = ongraph.Read(t, eval, "y")
	return r
}

// forward compares loss, features in training and in evaluation, and the running statistics.
func (r result) forward(t testing.TB, f *golden.Fixture, tol tolerance) {
	t.Helper()
	golden.Compare(t, "loss", r.loss, f.Outputs["loss"], tol.output)
	features(t, f, "y_", r.y, tol.output)
	features(t, f, "y_eval_", r.eval, tol.output)
	for _, s := range f.Buffers {
		of, row := strings.TrimSuffix(s.Name, "running_mean"), 0
		if strings.HasSuffix(s.Name, "running_var") {
			of, row = strings.TrimSuffix(s.Name, "running_var"), 1
		}
		e := r.store.Get(ours(of) + "running")
		if e == nil {
			t.Fatalf("%s: the store has no %srunning", s.Name, ours(of))
		}
		v := make([]float64, e.Shape[1])
		for i := range v {
			v[i] = e.At(row*len(v) + i)
		}
		summary(t, s.Name, v, s.Shape, s.L2, s.First8, tolerance{length: tol.output, first: tol.output})
	}
}

// gradients compares the gradient of every parameter.
func (r result) gradients(t testing.TB, f *golden.Fixture, tol tolerance) {
	t.Helper()
	for _, p := range f.Parameters {
		summary(t, "gradient of "+p.Name, r.grad[ours(p.Name)], p.Shape, p.L2, p.First8, tol)
	}
}

func compile(t *testing.T, b ir.Backend, st *graph.Store, o graph.Options, build func(s *graph.Scope)) *graph.Program {
	t.Helper()
	g, err := graph.Build(o, build)
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(b, st)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fill gives every parameter its weights by formula. The fixture and the network must have the same ones.
func fill(t *testing.T, st *graph.Store, f *golden.Fixture) {
	left := map[string]bool{}
	for _, n := range st.Names() {
		left[n] = st.Get(n).Kind == graph.Param
	}
	for p, of := range f.Parameters {
		e := st.Get(ours(of.Name))
		if e == nil || !left[e.Name] {
			t.Fatalf("%s: the network has no parameter %s", of.Name, ours(of.Name))
		}
		want := of.Shape
		if len(want) == 4 {
			want = []int{want[2], want[3], want[1], want[0]}
		}
		if !e.Shape.Equal(want) {
			t.Fatalf("%s: %s has shape %v, want %v", of.Name, e.Name, e.Shape, want)
		}
		for i := range e.Shape.Size() {
			e.Set(place(i, of.Shape), golden.Weight(p, of, i))
		}
		left[e.Name] = false
	}
	for n, l := range left {
		if l {
			t.Fatalf("the fixture has no parameter for %s", n)
		}
	}
}

// features compares the stored part of every row, whose width is in the output's name, and the rows' lengths.
func features(t testing.TB, f *golden.Fixture, prefix string, y []float64, rtol float64) {
	t.Helper()
	lengths := f.Outputs[prefix+"row_l2"]
	rows := len(lengths.Data)
	dim, compared := len(y)/rows, false
	for name, want := range f.Outputs {
		n, err := strconv.Atoi(strings.TrimPrefix(name, prefix+"first"))
		if err != nil {
			continue
		}
		var got, l []float64
		for r := range rows {
			got = append(got, y[r*dim:r*dim+n]...)
			l = append(l, length(y[r*dim:(r+1)*dim]))
		}
		golden.Compare(t, name, got, want, rtol)
		golden.Compare(t, prefix+"row_l2", l, lengths, rtol)
		compared = true
	}
	if !compared {
		t.Errorf("%s: no output %sfirstN", f.Name, prefix)
	}
}

// summary compares the length and the first entries of a value of which no more is stored. The entries are measured
// against the largest of them, or a thousandth of the length where all are small.
func summary(t testing.TB, what string, v []float64, shape []int, l2 float64, first []float64, tol tolerance) {
	t.Helper()
	golden.Compare(t, what+": length", []float64{length(v)}, golden.Tensor{Data: []float64{l2}}, tol.length)
	largest := 1e-3 * l2
	for _, x := range first {
		largest = max(largest, math.Abs(x))
	}
	for i, got := range entries(v, shape, len(first)) {
		if !(math.Abs(got-first[i]) <= tol.first*largest+golden.Absolute) {
			t.Errorf("%s: entry %d: got %v, want %v (allowed %.3g)", what, i, got, first[i], tol.first*largest)
		}
	}
}
