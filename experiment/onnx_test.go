package experiment_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"selfsup/experiment"
	"selfsup/experiment/checkpoint"
	"selfsup/graph/ir"
	"selfsup/internal/onnxruntime"
	"selfsup/recipes"
)

// What ONNX Runtime makes of a trained run's model is what its exported file says: the reference, images of pixels from
// 0 to 1 with their features. Of DINO it is the teacher, of moving averages these.
func TestExportONNX(t *testing.T) {
	var jobs []onnxruntime.Job
	var want []ir.Array
	names := []string{"quickstart.toml", "dino.toml", "scarf.toml"}
	for i, sets := range [][]string{
		{"method.simclr.projector=[8]", "views.crop=24", `average.weights="ema"`, "backbone.convnet.widths=[8,16]"},
		{"method.dino.hidden=16", "method.dino.bottleneck=8", "method.dino.prototypes=16", "views.crops=[]",
			`backbone={vit={patch=7,dim=32,depth=2,heads=2}}`, `method.dino.hold_last="1 step"`},
		{"backbone.mlp.widths=[16]", "method.scarf.projector=[8]"},
	} {
		r, err := recipes.Load(names[i], append(sets, `train.length="4 steps"`, "train.batch=32",
			"evaluate.knn=false", "evaluate.linear=false"), recipes.Builtin())
		if err != nil {
			t.Fatal(err)
		}
		sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(t.TempDir(), "deep", "encoder.onnx")
		if _, err := experiment.Export(sum.Run, experiment.ExportOptions{To: to}, recipes.Builtin(),
			experiment.Options{}); err != nil {
			t.Fatal(err)
		}
		model, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		tensors, _, err := checkpoint.Import(filepath.Join(sum.Run, "export", "encoder.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		input, says := tensors["reference/rows"], "input_features"
		if in, images := tensors["reference/pixels"]; images { // grey, so that channels first is the same
			in.Shape = ir.Shape{in.Shape[0], 1, in.Shape[1], in.Shape[2]}
			input, says = in, "pixel_values"
		}
		if !bytes.Contains(model, []byte(says)) {
			t.Errorf("%s: the model has no input %s", names[i], says)
		}
		jobs = append(jobs, onnxruntime.Job{Model: model, Dims: input.Shape, F32: input.F32})
		want = append(want, tensors["reference/features"])
	}
	for i, got := range onnxruntime.Run(t, jobs) {
		apart := onnxruntime.Apart(got.F32, want[i].F32)
		t.Logf("%s: %v -> %v, %.1e of the largest apart", names[i], got.Inputs, got.Outputs, apart)
		if !(apart < 1e-4) {
			t.Errorf("%s: %v, want %v", names[i], got.F32, want[i].F32)
		}
	}
}
