package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// pythonWithTorch is a Python that has PyTorch, NumPy and torchvision: TORCH_PYTHON, or Debian's.
func pythonWithTorch(t *testing.T) string {
	t.Helper()
	python := orDefault(os.Getenv("TORCH_PYTHON"), "/usr/bin/python3")
	if text, err := exec.Command(python, "-c", "import torch, torchvision, numpy").CombinedOutput(); err != nil {
		if os.Getenv("TORCH_PYTHON") != "" {
			t.Fatalf("TORCH_PYTHON=%s: %v\n%s", python, err, text)
		}
		t.Skipf("%s has no PyTorch, NumPy and torchvision: %v", python, err)
	}
	return python
}

// readmeLoader is the loader that the README has.
func readmeLoader(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```python\n(# load\\.py\n.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatal("README.md has no load.py")
	}
	file := filepath.Join(t.TempDir(), "load.py")
	if err := os.WriteFile(file, found[1], 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// PyTorch computes the reference's features from an exported file: of a ResNet and a convnet by the README's loader,
// which uses torchvision's ResNet, of a ViT by timm's names.
func TestTorchLayout(t *testing.T) {
	python, load := pythonWithTorch(t), readmeLoader(t)
	vit := filepath.Join("testdata", "torch", "vit.py")
	for _, c := range []struct {
		name, script string
		sets         []string
	}{
		{"convnet", load, []string{"backbone.convnet.widths=[8,16]"}},
		{"resnet, small images, narrow, grey", load, []string{`backbone="resnet"`, `backbone.resnet.stem="3x3"`,
			"backbone.resnet.width=0.125"}},
		{"resnet-34", load, []string{`backbone="resnet"`, "backbone.resnet.depth=34", "backbone.resnet.width=0.125",
			`dataset="emoji_32"`}},
		{"resnet-50, not square in width", load, []string{`backbone="resnet"`, "backbone.resnet.depth=50",
			"backbone.resnet.width=0.3", `dataset="emoji_32"`, "views.crop=64"}},
		{"vit", vit, []string{`backbone="vit"`, "backbone.vit.patch=7", "backbone.vit.depth=2", "backbone.vit.dim=24",
			"backbone.vit.layer_scale=0.5"}},
		{"vit, mean, fixed positions", vit, []string{`backbone="vit"`, "backbone.vit.patch=8", "backbone.vit.depth=2",
			"backbone.vit.dim=24", `backbone.vit.pool="mean"`,
			`backbone.vit.position="sincos"`, `dataset="emoji_32"`}},
		{"vit, class, fixed positions and patches", vit, []string{`backbone="vit"`, "backbone.vit.patch=14",
			"backbone.vit.depth=1", "backbone.vit.dim=24", `backbone.vit.position="sincos"`,
			"backbone.vit.frozen_patch=true"}},
		{"mlp", vit, []string{`backbone="mlp"`, "backbone.mlp.widths=[12,10]", `dataset="emoji_32"`, "views.crop=8"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, file := t.TempDir(), filepath.Join(t.TempDir(), "encoder.safetensors")
			args := []string{"run", "quickstart.toml", "--runs", root}
			for _, s := range append([]string{`train.length="2 steps"`, "train.batch=16", "method.simclr.projector=[8]",
				"evaluate.knn=false", "evaluate.linear=false"}, c.sets...) {
				args = append(args, "--set", s)
			}
			if status, _, errs := call(args...); status != 0 {
				t.Fatalf("run: status %d: %s", status, errs)
			}
			dirs, _ := filepath.Glob(filepath.Join(root, "*"))
			if status, _, errs := call("export", dirs[0], "--layout", "torch", "-o", file); status != 0 {
				t.Fatalf("export: status %d: %s", status, errs)
			}
			text, err := exec.Command(python, c.script, file).CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s", c.script, err, text)
			}
			t.Log(strings.TrimSpace(string(text)))
		})
	}
}

// Weights that PyTorch saved, by torchvision's and timm's names, begin an encoder here whose features are the
// network's.
func TestTorchWeights(t *testing.T) {
	python, script := pythonWithTorch(t), filepath.Join("testdata", "torch", "weights.py")
	for _, c := range []struct {
		name string
		sets []string
	}{
		{"resnet18", []string{`backbone="resnet"`}},
		{"vit", []string{`backbone="vit"`, "backbone.vit.patch=8", "backbone.vit.dim=24", "backbone.vit.depth=2",
			"backbone.vit.heads=3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, weights := t.TempDir(), filepath.Join(t.TempDir(), "weights.safetensors")
			encoder := filepath.Join(t.TempDir(), "encoder.safetensors")
			if text, err := exec.Command(python, script, "make", c.name, weights).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			args := []string{"run", "quickstart.toml", "--run-dir", filepath.Join(root, "run")}
			for _, s := range append([]string{`train.length="0 steps"`, "train.batch=2", "method.simclr.projector=[8]",
				"evaluate.knn=false", "evaluate.linear=false", `dataset="emoji_32"`, "init.weights=" +
					strconv.Quote(weights)}, c.sets...) {
				args = append(args, "--set", s)
			}
			if status, _, errs := call(args...); status != 0 {
				t.Fatalf("run: status %d: %s", status, errs)
			}
			if status, _, errs := call("export", filepath.Join(root, "run"), "--layout", "torch", "-o",
				encoder); status != 0 {
				t.Fatalf("export: status %d: %s", status, errs)
			}
			text, err := exec.Command(python, script, "check", c.name, encoder).CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, text)
			}
			t.Log(strings.TrimSpace(string(text)))
		})
	}
}
