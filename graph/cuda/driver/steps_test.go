//go:build gpu && cgo

package driver_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

// steps are trainings of methods of different kinds, with sizes that no tile or vector divides.
var steps = []struct {
	name, recipe string
	sets         []string
}{
	{"contrast of a convolutional network", "quickstart.toml",
		[]string{"backbone.convnet.widths=[5,9]", "views.crop=19", "train.batch=10", "method.simclr.projector=[17,7]"}},
	{"a teacher, in bfloat16 and in parts", "byol.toml", []string{`precision="bf16"`, "backbone.convnet.widths=[8,16]",
		"train.batch=12", "train.accumulate=2", "train.parts_apart=true",
		"method.byol.projector=[24,16]", "method.byol.predictor=[24]"}},
	{"a residual network", "quickstart.toml", []string{`backbone="resnet"`, "backbone.resnet.depth=18",
		"backbone.resnet.width=0.0625", `backbone.resnet.stem="3x3"`, "views.crop=13", "train.batch=6",
		"method.simclr.projector=[17,7]"}},
	{"crops of two sizes", "dino.toml", []string{"backbone.convnet.widths=[4,8]", "train.batch=5",
		"method.dino.hidden=20", "method.dino.bottleneck=9", "method.dino.prototypes=17",
		`method.dino.hold_last="1 steps"`}},
	{"masked tokens", "mae.toml", []string{"backbone.vit.dim=36", "backbone.vit.heads=3", "backbone.vit.depth=2",
		"method.mae.decoder_dim=12", "method.mae.decoder_heads=2", "train.batch=5"}},
	{"balanced prototypes", "swav.toml", []string{"backbone.convnet.widths=[5,9]", "train.batch=10",
		"method.swav.projector=[17,7]", "method.swav.prototypes=13", `method.swav.hold="1 steps"`}},
	{"rows of a table", "scarf.toml", []string{"backbone.mlp.widths=[17,13]", "train.batch=11",
		"method.scarf.projector=[9,7]"}},
	{"words", "mlm.toml", []string{"backbone.transformer.dim=12", "backbone.transformer.heads=2",
		"backbone.transformer.mlp=17", "windows.length=9", "train.batch=5"}},
	{"two players in turns", "bigan.toml", []string{"backbone.convnet.widths=[4,5,6,7]", "train.batch=7",
		"method.bigan.latent=9", "method.bigan.widths=[6,4]", "method.bigan.hidden=11"}},
	{"codes of a book", "vqvae.toml", []string{"method.vqvae.vocabulary=11", "method.vqvae.code=5",
		"method.vqvae.widths=[6,5]", "backbone.convnet.widths=[4,8]", "train.batch=5"}},
	{"clusters that the host finds", "deepcluster.toml", []string{"subset.few_shot.per_class=3",
		"backbone.convnet.widths=[4,8]", "method.deepcluster_v2.projector=[9,7]", "method.deepcluster_v2.k=[3,4]",
		"train.batch=10"}},
	{"whitening", "wmse.toml", []string{"backbone.convnet.widths=[4,8]", "method.wmse.projector=[9,4]",
		"method.wmse.sub_batch=12", "train.batch=12"}},
}

// near is how far a number of a step may be from the processor's, of its size. The first comes before any update, and
// AdamW's first updates are as long for a gradient that is rounding as for any other.
var near = []float64{1e-3, 5e-3, 2e-2}

// The steps of a training give the losses, metrics and gradients of the processor's, as far as rounding lets them.
func TestSteps(t *testing.T) {
	open(t)
	for _, c := range steps {
		t.Run(c.name, func(t *testing.T) {
			want, got := metricsOn(t, "cpu", c.recipe, c.sets), metricsOn(t, "cuda", c.recipe, c.sets)
			if len(want) != len(near) || len(got) != len(near) {
				t.Fatalf("%d lines of metrics, and %d on the processor, want %d", len(got), len(want), len(near))
			}
			for i := range want {
				for name, w := range want[i] {
					if name == "seconds" || name == "data_wait" {
						continue
					}
					if g := got[i][name]; !(math.Abs(g-w) <= near[i]*max(math.Abs(w), 0.1)) {
						t.Errorf("step %d: %s is %v, on the processor %v", i+1, name, g, w)
					}
				}
			}
		})
	}
}

// metricsOn trains three steps on a device and returns the line of metrics of each.
func metricsOn(t *testing.T, device, recipe string, sets []string) (lines []map[string]float64) {
	t.Helper()
	rec, err := recipes.Load(recipe, append([]string{`device="` + device + `"`, `train.length="3 steps"`,
		`train.log="1 step"`, "evaluate.knn=false", "evaluate.linear=false", "baselines.pixels=false",
		"baselines.untrained=false"}, sets...), recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if _, err := experiment.Run(rec, experiment.Options{Root: root, Messages: io.Discard}); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(root, "*", "metrics.jsonl"))
	if len(files) != 1 {
		t.Fatalf("the run left %v, want one file of metrics", files)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		line := map[string]float64{}
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}
