package experiment_test

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"selfsup/experiment"
	"selfsup/internal/golden"
	"selfsup/recipes"
)

// An exported ConvNeXt has the names and shapes of the authors' parameters; a ViT's registers and relative biases have
// those of timm and BEiT.
func TestTorchNames(t *testing.T) {
	export := func(sets ...string) map[string][]int {
		t.Helper()
		to := filepath.Join(t.TempDir(), "encoder.safetensors")
		sets = append(sets, `train.length="1 steps"`, "train.batch=8", "evaluate.knn=false",
			"evaluate.linear=false", "baselines.untrained=false", "baselines.pixels=false")
		r, err := recipes.Load("vicreg.toml", sets, recipes.Builtin())
		if err != nil {
			t.Fatal(err)
		}
		sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		o := experiment.ExportOptions{To: to, Layout: "torch"}
		if _, err := experiment.Export(sum.Run, o, recipes.Builtin(), experiment.Options{}); err != nil {
			t.Fatal(err)
		}
		_, shapes, _ := tensors(t, to)
		return shapes
	}
	f := golden.Load(t, "models/convnext_micro")
	got := export("backbone.convnext.version=1", "backbone.convnext.layer_scale=1e-6", "backbone.convnext.patch=4",
		fmt.Sprintf("backbone.convnext.dims=%v", list(golden.Param[[]int](t, f, "dims"))),
		fmt.Sprintf("backbone.convnext.depth=%v", list(golden.Param[[]int](t, f, "depths"))), "views.crop=32")
	for _, p := range f.Parameters {
		want := slices.Clone(p.Shape)
		if p.Name == "downsample_layers.0.0.weight" {
			want[1] = 1 // the images are grey
		}
		if !slices.Equal(got[p.Name], want) {
			t.Errorf("%s is %v, want %v", p.Name, got[p.Name], want)
		}
	}
	got = export("backbone.convnext.dims=[8]", "backbone.convnext.depth=[1]")
	if s := got["stages.0.0.grn.gamma"]; !slices.Equal(s, []int{1, 1, 1, 32}) {
		t.Errorf("grn.gamma is %v", s)
	}
	vit := []string{"backbone.vit.dim=16", "backbone.vit.heads=2", "backbone.vit.depth=1", "backbone.vit.patch=7",
		"backbone.vit.registers=3"}
	got = export(append(vit, `backbone.vit.relative="block"`)...)
	if s := got["blocks.0.attn.relative_position_bias_table"]; !slices.Equal(s, []int{7*7 + 3, 2}) {
		t.Errorf("relative_position_bias_table of a block is %v", s)
	}
	got = export(append(vit, `backbone.vit.relative="shared"`)...)
	if s := got["rel_pos_bias.relative_position_bias_table"]; !slices.Equal(s, []int{7*7 + 3, 2}) {
		t.Errorf("the shared relative_position_bias_table is %v", s)
	}
	if s := got["reg_token"]; !slices.Equal(s, []int{1, 3, 16}) {
		t.Errorf("reg_token is %v", s)
	}
}

// list is numbers as a recipe has them.
func list(v []int) (s string) {
	for _, n := range v {
		s += fmt.Sprintf("%d,", n)
	}
	return "[" + s + "]"
}
