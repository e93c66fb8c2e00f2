package experiment

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/experiment/checkpoint"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/methods/masked"
	"selfsup/recipes"
	"selfsup/recipes/overlay"
)

// begun is an experiment whose weights are those of its [init].
func begun(t *testing.T, text string, sets ...string) (*Setup, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "small.toml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := recipes.Load(file, sets, recipes.Builtin())
	if err != nil {
		return nil, err
	}
	s, err := newSetup(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.readInit()
	if err != nil {
		return nil, err
	}
	if err := s.prepare(); err != nil {
		t.Fatal(err)
	}
	return s, s.initialise(w)
}

// fileOf writes tensors to a safetensors file.
func fileOf(t *testing.T, tensors []checkpoint.Tensor) string {
	t.Helper()
	var b bytes.Buffer
	if err := checkpoint.Export(&b, tensors, map[string]string{}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "weights.safetensors")
	if err := os.WriteFile(file, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// formulaFile is a file of a fixture's weights under their public names, with fresh statistics of its batch norms.
func formulaFile(t *testing.T, f *golden.Fixture) string {
	var ts []checkpoint.Tensor
	add := func(name string, a ir.Array) { ts = append(ts, checkpoint.TensorOf(name, a)) }
	for p, of := range f.Parameters {
		a := ir.NewArray(ir.Type{Shape: of.Shape, DType: ir.F32})
		if of.Init == "sincos" { // behind a class token whose positions are 0
			dim, side := of.Shape[2], 1
			for side*side+1 < of.Shape[1] {
				side++
			}
			layer.SinCos2D(dim, side, side)(ir.Array{Type: ir.Type{Shape: ir.Shape{side * side, dim}, DType: ir.F32},
				F32: a.F32[dim:]}, nil)
		} else {
			for i := range a.F32 {
				a.F32[i] = float32(golden.Weight(p, of, i))
			}
		}
		add(of.Name, a)
	}
	for _, b := range f.Buffers {
		if rest, ok := strings.CutSuffix(b.Name, "running_mean"); ok {
			add(b.Name, ir.NewArray(ir.Type{Shape: b.Shape, DType: ir.F32}))
			one := ir.NewArray(ir.Type{Shape: b.Shape, DType: ir.F32})
			one.Fill(1)
			add(rest+"running_var", one)
		}
	}
	return fileOf(t, ts)
}

// The weights of published networks, under their public names in a file, give the features that the networks give:
// of ResNets in training, and in evaluation after it, of transformers all outputs, of MAE the latent tokens of the
// patches that it sees.
func TestGoldenWeightsMadeElsewhere(t *testing.T) {
	for name, sets := range map[string][]string{
		"models/resnet18_cifar_stem":    {`backbone="resnet"`, `backbone.resnet.stem="3x3"`},
		"models/resnet18_imagenet_stem": {`backbone="resnet"`},
		"models/resnet50":               {`backbone="resnet"`, "backbone.resnet.depth=50"},
		"models/vit_micro":              {`backbone="vit"`},
		"models/vit_tiny":               {`backbone="vit"`},
		"models/mae":                    {`backbone="vit"`, `backbone.vit.position="sincos"`},
	} {
		t.Run(name, func(t *testing.T) {
			f := golden.Load(t, name)
			in, ok := f.Inputs["x"]
			if !ok {
				in = f.Inputs["imgs"]
			}
			x, tolerance := golden.Image(in), 1e-3
			if name == "models/resnet50" {
				tolerance = 2e-3
			}
			tolerance = max(tolerance, 10*f.Check.Output)
			sets := append(sets, fmt.Sprintf("views.crop=%d", x.Shape[1]), fmt.Sprintf("init.weights=%q",
				formulaFile(t, f)))
			if sets[0] == `backbone="vit"` {
				for ours, theirs := range map[string]string{"dim": "embed_dim", "depth": "depth",
					"heads": "num_heads"} {
					sets = append(sets, fmt.Sprintf("backbone.vit.%s=%d", ours, golden.Param[int](t, f, theirs)))
				}
				patch := 16
				for _, p := range f.Parameters {
					if p.Name == "patch_embed.proj.weight" {
						patch = p.Shape[3]
					}
				}
				sets = append(sets, fmt.Sprintf("backbone.vit.patch=%d", patch))
			}
			s, err := begun(t, ofEmoji, sets...)
			if err != nil {
				t.Fatal(err)
			}
			if s.begun.Tensors == 0 || s.begun.SHA256 == "" || (len(s.begun.Ignored) > 0) != (name == "models/mae") {
				t.Errorf("recorded: %+v", s.begun)
			}
			read := func(training bool, build func(g *graph.Scope, x *graph.Node)) *graph.Program {
				g, err := graph.Build(graph.Options{Training: training}, func(g *graph.Scope) {
					build(g, g.State("x", ongraph.Hold(x), x.Shape...))
				})
				if err != nil {
					t.Fatal(err)
				}
				p, err := g.Compile(s.Device, s.Store)
				if err == nil {
					err = p.Run()
				}
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			features := func(g *graph.Scope, x *graph.Node) {
				g.Output("y", s.encoder().New(g)(x))
			}
			switch {
			case name == "models/mae":
				noise := f.Inputs["noise"]
				m := &masked.MAE{Mask: golden.Param[float64](t, f, "mask_ratio"), DecoderDim: 8, DecoderDepth: 1,
					DecoderHeads: 2}
				p := read(true, func(g *graph.Scope, x *graph.Node) {
					r := m.Reconstruct(g, s.encoder().Tokens(g), x, g.State("noise", ongraph.Hold(noise),
						noise.Shape...))
					g.Output("y", r.Latent)
				})
				golden.Compare(t, "y", ongraph.Read(t, p, "y"), f.Outputs["y"], tolerance)
			case sets[0] == `backbone="vit"`:
				golden.Compare(t, "y", ongraph.Read(t, read(false, features), "y"), f.Outputs["y"], tolerance)
			default:
				first(t, f, "y_", ongraph.Read(t, read(true, features), "y"), tolerance)
				first(t, f, "y_eval_", ongraph.Read(t, read(false, features), "y"), tolerance)
			}
		})
	}
}

// first compares the first features of every row, as many as a fixture has.
func first(t *testing.T, f *golden.Fixture, prefix string, y []float64, tolerance float64) {
	t.Helper()
	for name, want := range f.Outputs {
		var n int
		if k, _ := fmt.Sscanf(strings.TrimPrefix(name, prefix), "first%d", &n); k != 1 ||
			!strings.HasPrefix(name, prefix) {
			continue
		}
		var got []float64
		dim := len(y) / want.Shape[0]
		for r := range want.Shape[0] {
			got = append(got, y[r*dim:r*dim+n]...)
		}
		golden.Compare(t, name, got, want, tolerance)
		return
	}
	t.Errorf("%s: no output %sfirstN", f.Name, prefix)
}

// ofEmoji is a recipe of colour images that trains nothing.
const ofEmoji = `
name = "small"

[dataset.emoji_32]

[method.simclr]
projector = [8]

[optimizer.adamw]

[train]
batch = 2
length = "0 steps"
probe = false
`

// What export writes with PyTorch's names comes back to the same bits, into a network of another seed: the table of
// names serves both ways.
func TestOutsideRoundTrip(t *testing.T) {
	for name, sets := range map[string][]string{
		"convnet":  {`backbone="convnet"`, "backbone.convnet.widths=[4,6]"},
		"mlp":      {`backbone="mlp"`, "backbone.mlp.widths=[6,5]", "views.crop=8"},
		"resnet":   {`backbone="resnet"`, "backbone.resnet.width=0.125", "backbone.resnet.depth=50"},
		"convnext": {`backbone="convnext"`, "backbone.convnext.depth=[1,1,1,1]", "backbone.convnext.dims=[4,6,8,10]"},
		"vit": {`backbone="vit"`, "backbone.vit.depth=2", "backbone.vit.dim=8", "backbone.vit.heads=2",
			"backbone.vit.patch=8", "backbone.vit.layer_scale=0.5", "backbone.vit.registers=2"},
		"vit, fixed": {`backbone="vit"`, "backbone.vit.depth=1", "backbone.vit.dim=8", "backbone.vit.heads=2",
			"backbone.vit.patch=8", `backbone.vit.position="sincos"`, "backbone.vit.frozen_patch=true",
			"backbone.vit.drop_path=0.2"},
		"vit, mean": {`backbone="vit"`, "backbone.vit.depth=1", "backbone.vit.dim=8", "backbone.vit.heads=2",
			"backbone.vit.patch=8", `backbone.vit.pool="mean"`},
		"vit, relative": {`backbone="vit"`, "backbone.vit.depth=1", "backbone.vit.dim=8", "backbone.vit.heads=2",
			"backbone.vit.patch=8", `backbone.vit.position="none"`, `backbone.vit.relative="block"`},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := begun(t, strings.Replace(ofEmoji, "0 steps", "1 step", 1), sets...)
			if err != nil {
				t.Fatal(err)
			}
			ts, names := torchFile(t, s)
			u, err := begun(t, ofEmoji, append(sets, "seed=7", fmt.Sprintf("init.weights=%q", fileOf(t, ts)),
				`init.prefix="net."`)...)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range names {
				if !slices.Equal(u.Store.Get(n).F32, s.Store.Get(n).F32) {
					t.Errorf("%s came back as other numbers", n)
				}
			}
			if !slices.Equal(u.begun.Ignored, []string{"net.head.weight", "other"}) {
				t.Errorf("left out: %q, want the head and what has not the prefix", u.begun.Ignored)
			}
		})
	}
}

// torchFile is the encoder of an experiment by PyTorch's names behind "net.", with numbers that all differ, beside two
// tensors of other parts; and the names of its entries.
func torchFile(t *testing.T, s *Setup) (ts []checkpoint.Tensor, names []string) {
	t.Helper()
	e, err := s.describeEncoder()
	if err != nil {
		t.Fatal(err)
	}
	var entries []*graph.Entry
	for _, n := range e.Entries {
		entry := s.Store.Get(n)
		if !strings.HasSuffix(n, "position") || s.Recipe.Backbone.Name != "vit" {
			for i := range entry.F32 {
				entry.F32[i] = float32(i+len(entries)) / 7
			}
		}
		entries = append(entries, entry)
	}
	c, err := s.encoderConfig(e)
	if err == nil {
		err = s.describeLayers(c)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range forTorch(s.Recipe.Backbone.Value, c.Layers, entries, backbones.InputOf(s.Input)) {
		x.Name = "net." + x.Name
		ts = append(ts, x)
	}
	one := ir.NewArray(ir.Type{Shape: ir.Shape{1}, DType: ir.F32})
	return append(ts, checkpoint.TensorOf("net.head.weight", one), checkpoint.TensorOf("other", one)), e.Entries
}

// A file that does not fit is refused with the setting, what is missing, what is left over and what has another shape,
// and the nearest names; so are files that are none, and settings without a file.
func TestOutsideMisfits(t *testing.T) {
	vit := []string{`backbone="vit"`, "backbone.vit.depth=1", "backbone.vit.dim=8", "backbone.vit.heads=2",
		"backbone.vit.patch=8"}
	s, err := begun(t, strings.Replace(ofEmoji, "0 steps", "1 step", 1), vit...)
	if err != nil {
		t.Fatal(err)
	}
	ts, _ := torchFile(t, s)
	with := func(change func(x *checkpoint.Tensor) bool) string {
		var list []checkpoint.Tensor
		for _, x := range ts {
			if change(&x) {
				list = append(list, x)
			}
		}
		return fileOf(t, list)
	}
	all := func(*checkpoint.Tensor) bool { return true }
	notSafe := filepath.Join(t.TempDir(), "x.safetensors")
	os.WriteFile(notSafe, []byte("PK"), 0o666)
	for name, c := range map[string]struct {
		file string
		sets []string
		want []string
	}{
		"a renamed tensor": {with(func(x *checkpoint.Tensor) bool {
			x.Name = strings.Replace(x.Name, "qkv.bias", "qkv.bais", 1)
			return true
		}), nil, []string{"weights", "fills 17 of 18 tensors",
			"missing: blocks.0.attn.qkv.bias [24] (nearest: blocks.0.attn.qkv.bais)",
			"left over: blocks.0.attn.qkv.bais (nearest: blocks.0.attn.qkv.bias)", "prefix says"}},
		"a missing one": {with(func(x *checkpoint.Tensor) bool { return x.Name != "net.norm.bias" }), nil,
			[]string{"missing: norm.bias [8]"}},
		"another width": {with(all), []string{"backbone.vit.dim=16"}, []string{"of another shape: ", " and 13 more",
			"proj.weight is [8,8], this recipe builds [16,16]"}},
		"another grid": {with(all), []string{"views.crop=24"}, []string{"pos_embed is [1,17,8]", "[1,10,8]",
			`positions = "interpolate" resizes them`}},
		"no such prefix": {with(all), []string{`init.prefix="module."`}, []string{"none of its 20 tensors",
			`prefix = "module."`, "net.blocks.0.attn.proj.bias"}},
		"another network": {with(all), []string{`backbone="convnet"`}, []string{"fills 0 of", "missing: ",
			"left over: "}},
		"no safetensors": {notSafe, nil, []string{"[init] weights = ", "want a safetensors file"}},
		"no file": {filepath.Join(t.TempDir(), "no.safetensors"), nil, []string{"[init] weights = ",
			"no such file"}},
		"pickles": {"model.pth", nil, []string{"init.weights", "safetensors.torch.save_file"}},
		"a prefix of nothing": {"", []string{`init.from="runs/one"`, `init.prefix="net."`}, []string{"init.prefix",
			"there is none"}},
		"two": {with(all), []string{`init.from="runs/one"`}, []string{"init.weights", "want one of them"}},
	} {
		t.Run(name, func(t *testing.T) {
			sets := append(slices.Clone(vit), c.sets...)
			if c.file != "" {
				sets = append(sets, fmt.Sprintf("init.weights=%q", c.file))
			}
			if c.file != "" && !strings.Contains(fmt.Sprint(c.sets), "init.prefix") {
				sets = append(sets, `init.prefix="net."`)
			}
			_, err := begun(t, ofEmoji, sets...)
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("want %q in %v", want, err)
				}
			}
		})
	}
}

// Positions of another grid are resized as DINO's code does it, the class token's apart; the rest is read as it is.
func TestOutsidePositions(t *testing.T) {
	f := golden.Load(t, "layers/interpolate_pos_encoding")
	x := f.Inputs["pos_embed"]
	to := [2]int{golden.Param[int](t, f, "w0"), golden.Param[int](t, f, "h0")} // DINO hands columns over as rows
	s := &Setup{Recipe: &recipes.Loaded{Recipe: &recipes.Recipe{Backbone: overlay.Choice[backbones.Backbone]{
		Value: &backbones.ViT{Patch: 8}}}}, Input: feed.Field{Shape: []int{8 * to[0], 8 * to[1], 3}}}
	a := ir.NewArray(ir.Type{Shape: x.Shape, DType: ir.F32})
	for i := range a.F32 {
		a.F32[i] = float32(x.Data[i])
	}
	y, said, err := s.otherGrid(a, []int{1, 1 + to[0]*to[1], x.Shape[2]})
	if err != nil || !strings.Contains(said, "2x2") {
		t.Fatalf("%q, %v", said, err)
	}
	golden.Compare(t, "y", float64s(y.F32), f.Outputs["y"], 1e-4)

	if _, _, err := s.otherGrid(array(make([]float32, 28), 1, 7, 4), []int{1, 1 + to[0]*to[1], 4}); err == nil ||
		!strings.Contains(err.Error(), "no square grid") {
		t.Errorf("six positions: %v", err)
	}

	vit := []string{`backbone="vit"`, "backbone.vit.depth=1", "backbone.vit.dim=8", "backbone.vit.heads=2",
		"backbone.vit.patch=8"}
	small, err := begun(t, strings.Replace(ofEmoji, "0 steps", "1 step", 1), vit...)
	if err != nil {
		t.Fatal(err)
	}
	ts, _ := torchFile(t, small)
	u, err := begun(t, ofEmoji, append(vit, "views.crop=40", fmt.Sprintf("init.weights=%q", fileOf(t, ts)),
		`init.prefix="net."`, `init.positions="interpolate"`)...)
	if err != nil {
		t.Fatal(err)
	}
	own, was := u.Store.Get("backbone/position"), small.Store.Get("backbone/position")
	if !own.Shape.Equal(ir.Shape{26, 8}) || !slices.Equal(own.F32[:8], was.F32[:8]) ||
		u.begun.Interpolated != "positions of 4x4 patches resized to 5x5" {
		t.Errorf("positions %v, said %q; want [26,8] with the class token's own row", own.Shape, u.begun.Interpolated)
	}
	if slices.Equal(own.F32[8:16], was.F32[8:16]) {
		t.Error("the patches' rows are those of the other grid")
	}
}

// With a length of 0 steps the weights of a file are evaluated and exported as they are, and the run folder says which
// file they are from; without weights that [init] names there is nothing to evaluate.
func TestNothingIsTrained(t *testing.T) {
	convnet := []string{`backbone="convnet"`, "backbone.convnet.widths=[4,6]"}
	s, err := begun(t, strings.Replace(ofEmoji, "0 steps", "1 step", 1), convnet...)
	if err != nil {
		t.Fatal(err)
	}
	ts, names := torchFile(t, s)
	file := fileOf(t, ts)
	recipe := filepath.Join(t.TempDir(), "small.toml")
	if err := os.WriteFile(recipe, []byte(ofEmoji), 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := recipes.Load(recipe, append(convnet, fmt.Sprintf("init.weights=%q", file), `init.prefix="net."`,
		"evaluate.knn=true", "evaluate.finetune.length=2 steps", "evaluate.finetune.rates=[1e-3]"), recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	sum, err := Run(r, Options{Root: t.TempDir(), Messages: &said})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), "begins with "+file+": 10 tensors; left out: net.head.weight, other") {
		t.Errorf("the run says\n%s", said.String())
	}
	status, err := ReadStatus(sum.Run)
	if err != nil || status.State != "done" || status.Steps != 0 || status.Init == nil {
		t.Fatalf("status %+v, %v", status, err)
	}
	if want, _ := fileSum(file); status.Init.SHA256 != want || status.Init.Tensors != 10 {
		t.Errorf("run.json has %+v, want the digest %s", status.Init, want)
	}
	exported, _, err := checkpoint.Import(filepath.Join(sum.Run, "export", "encoder.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if !slices.Equal(exported[n].F32, s.Store.Get(n).F32) {
			t.Errorf("%s is exported as other numbers than those of the file", n)
		}
	}
	again, err := Evaluate(sum.Run, false, nil, recipes.Builtin(), Options{Messages: &said})
	if err != nil || len(again.Evaluations) != len(sum.Evaluations) || len(sum.Evaluations) == 0 {
		t.Fatalf("evaluated again: %v, %v", again, err)
	}
	for i, e := range again.Evaluations {
		if e.Value != sum.Evaluations[i].Value {
			t.Errorf("%s: %v, evaluated again %v", e.Label(), sum.Evaluations[i].Value, e.Value)
		}
	}
	if _, err := recipes.Load(recipe, convnet, recipes.Builtin()); err == nil ||
		!strings.Contains(err.Error(), "0 is for weights that [init] names") {
		t.Errorf("0 steps without weights: %v", err)
	}
}
