package experiment_test

import (
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/experiment"
	"selfsup/recipes"
)

// writeMasks writes pictures of discs whose stripes lie across those of the ground, in the same colours: a pixel's own
// says nothing. The outline of a disc, value 128, belongs to no class.
func writeMasks(t *testing.T, n int) (root string) {
	t.Helper()
	root = t.TempDir()
	for _, part := range []string{"train", "val"} {
		for i := range n {
			r := datasets.NewRand(1, part, uint64(i))
			cy, cx, radius := r.Uniform(8, 24), r.Uniform(8, 24), r.Uniform(6, 11)
			picture, mask := image.NewGray(image.Rect(0, 0, 32, 32)), image.NewGray(image.Rect(0, 0, 32, 32))
			for y := range 32 {
				for x := range 32 {
					d := (float64(y)-cy)*(float64(y)-cy) + (float64(x)-cx)*(float64(x)-cx)
					along, value := y, uint8(0)
					if d < radius*radius {
						along, value = x, 255
					}
					if d > (radius-1)*(radius-1) && d < (radius+1)*(radius+1) {
						value = 128
					}
					picture.SetGray(x, y, color.Gray{uint8(60 + 120*(along/2%2) + r.Intn(20))})
					mask.SetGray(x, y, color.Gray{value})
				}
			}
			for folder, img := range map[string]image.Image{"images": picture, "masks": mask} {
				dir := filepath.Join(root, part, folder)
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				f, err := os.Create(filepath.Join(dir, string(rune('a'+i))+".png"))
				if err != nil {
					t.Fatal(err)
				}
				if err := png.Encode(f, img); err != nil {
					t.Fatal(err)
				}
				f.Close()
			}
		}
	}
	return root
}

const segmented = `
name = "segmented"
[dataset.masks]
root = "ROOT"
ignore = [128]
classes = ["ground", "disc"]
[views]
crop = 16
[backbone.convnet]
widths = [16, 16]
[method.densecl]
projector = [16, 8]
queue = 64
[optimizer.adamw]
[train]
batch = 8
length = "4 steps"
[evaluate.segmentation]
pixels = 64
`

// Frozen maps are measured by the masks of the data: of the trained and the untrained encoder, which see stripes, above
// those of pixels, which see colours that say nothing.
func TestSegmentation(t *testing.T) {
	text := strings.Replace(segmented, "ROOT", writeMasks(t, 16), 1)
	r, err := recipes.Load(writeRecipe(t, text), nil, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, e := range sum.Evaluations {
		got[e.Representation+" "+e.Label()] = e.Value
	}
	for _, of := range []string{"trained", "untrained", "pixels"} {
		for _, metric := range []string{"mean_iou", "iou ground", "iou disc", "pixels"} {
			if v, ok := got[of+" segmentation "+metric]; !ok || v < 0 || v > 1 {
				t.Errorf("%s %s is %v (%v); all: %v", of, metric, v, ok, got)
			}
		}
	}
	for _, of := range []string{"trained", "untrained"} {
		if v, raw := got[of+" segmentation mean_iou"], got["pixels segmentation mean_iou"]; v < raw+0.1 {
			t.Errorf("%s maps give %.3f, want clearly above the %.3f of pixels", of, v, raw)
		}
	}
	if sum.TestImages != 16 {
		t.Errorf("the table says %d test images, want 16", sum.TestImages)
	}
}

// Data without masks and encoders without maps are refused before the training.
func TestSegmentationIsRefused(t *testing.T) {
	text := strings.Replace(segmented, "ROOT", writeMasks(t, 2), 1)
	for want, sets := range map[string][]string{
		"[evaluate.segmentation] needs images with masks, such as of dataset.masks, and this " +
			"dataset.fashion_mnist_4k has none": {`dataset="fashion_mnist_4k"`},
		"[evaluate.segmentation] needs feature maps, and backbone.mlp has none": {`backbone="mlp"`, `method="simclr"`},
		"[evaluate.attention_segmentation] needs attention, and backbone.convnet has none": {
			"evaluate.attention_segmentation=true"},
		"[evaluate.segmentation] shows whole images, of 32x32": {`backbone="vit"`, "backbone.vit.patch=12",
			"views.crop=24"},
		"backbone_rate=0.1: 0.1: the encoder stays as it is": {"evaluate.segmentation_decoder.backbone_rate=0.1"},
	} {
		r, err := recipes.Load(writeRecipe(t, text), append(sets, "train.batch=2"), recipes.Builtin())
		if err == nil {
			_, err = experiment.Prepare(r)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

const decoded = `
name = "decoded"
[dataset.masks]
root = "ROOT"
ignore = [128]
classes = ["ground", "disc"]
[views]
crop = 16
[backbone.vit]
dim = 16
depth = 2
heads = 2
patch = 4
[method.vicregl]
projector = [16, 16]
places = [16, 8]
matches = [4, 2]
[optimizer.adamw]
[train]
batch = 8
length = "4 steps"
[evaluate.segmentation]
pixels = 64
[evaluate.segmentation_decoder]
length = "40 steps"
width = 16
[evaluate.segmentation_finetune]
length = "40 steps"
width = 16
[evaluate.attention_segmentation]
[evaluate.patch_retrieval]
k = 3
`

// A transformer's patches are measured as maps are, by a decoder over the encoder as it is and trained, by where it
// looks and by the nearest places, of images that are not the size of its training. Nothing of it changes the run.
func TestMasksOfTransformers(t *testing.T) {
	for name, sets := range map[string][]string{
		"vit": nil,
		"a teacher's vit": {`method="capi"`, "method.capi.clusters=4", "method.capi.depth=1", "method.capi.heads=2",
			"method.capi.side=1"},
		"convnext": {`backbone="convnext"`, "backbone.convnext.dims=[8,16]", "backbone.convnext.depth=[1,1]",
			"backbone.convnext.patch=2", "evaluate.attention_segmentation=false"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(decoded, "ROOT", writeMasks(t, 16), 1)
			r, err := recipes.Load(writeRecipe(t, text), sets, recipes.Builtin())
			if err != nil {
				t.Fatal(err)
			}
			sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]float64{}
			for _, e := range sum.Evaluations {
				got[e.Representation+" "+e.Label()] = e.Value
			}
			want := []string{"segmentation mean_iou", "segmentation_decoder mean_iou",
				"segmentation_finetune mean_iou", "segmentation_finetune iou disc", "patch_retrieval k=3 precision",
				"patch_retrieval k=3 top1"}
			if name != "convnext" {
				want = append(want, "attention_segmentation jaccard", "attention_segmentation jaccard mean",
					"attention_segmentation jaccard best head")
			}
			for _, of := range []string{"trained", "untrained"} {
				for _, metric := range want {
					if v, ok := got[of+" "+metric]; !ok || v < 0 || v > 1 {
						t.Errorf("%s %s is %v (%v); all: %v", of, metric, v, ok, got)
					}
				}
				const jaccard = " attention_segmentation jaccard"
				if best, one := got[of+jaccard+" best head"], got[of+jaccard]; best < one {
					t.Errorf("%s: the best head of each image has %v, one head for all %v", of, best, one)
				}
			}
			if v := got["trained segmentation_finetune mean_iou"]; v < 0.5 {
				t.Errorf("fine-tuned masks have %v, want the discs found", v)
			}
			if _, ok := got["pixels patch_retrieval k=3 precision"]; !ok {
				t.Errorf("no patch retrieval of pixels: %v", got)
			}
			for label := range got {
				if strings.HasPrefix(label, "pixels segmentation_") || strings.HasPrefix(label, "pixels attention") {
					t.Errorf("%s: pixels have no encoder", label)
				}
			}
		})
	}
}
