package arch

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// linked lists the packages of this module that a program with an encoder is made of, each with what is below it.
var linked = []string{
	"encoder", "backbones", "setting", "internal/assign", "internal/callsite",
	"datasets", "datasets/disk", "datasets/raster", "datasets/resample", "datasets/masks", "datasets/sampling",
	"datasets/feed", "datasets/views", "datasets/rows", "datasets/windows", "datasets/mel", "datasets/frames",
	"datasets/images/codec",
	"graph/comm", "graph/spread",
	"graph", "graph/ir", "graph/op", "graph/plan", "graph/layer", "graph/device", "graph/cpu", "graph/cpu/kern",
	"experiment/folder", "experiment/checkpoint", "recipes/overlay",
}

// unlinked are modules for command lines, figures and files of features, which such a program does without.
var unlinked = []string{
	"github.com/spf13/", "gonum.org/v1/plot", "github.com/parquet-go/", "github.com/klauspost/", "git.sr.ht/",
	"codeberg.org/", "github.com/ebitengine/", "net/http", "testing",
}

// Package encoder, and whatever it imports, has no code that trains: no methods, losses, optimisers or evaluations, no
// command line and no plots.
func TestEncoderLinksNoTraining(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", module+"encoder").Output()
	if err != nil {
		t.Fatal(err)
	}
	var own []string
	for _, path := range strings.Fields(string(out)) {
		if name, ok := strings.CutPrefix(path, module); ok {
			own = append(own, name)
			if !slices.Contains(linked, name) {
				t.Errorf("package encoder links %s; want what makes features alone", name)
			}
		}
		for _, prefix := range unlinked {
			if path == prefix || strings.HasPrefix(path, prefix) && strings.Contains(prefix, "/") {
				t.Errorf("package encoder links %s", path)
			}
		}
	}
	for _, name := range linked {
		if !slices.Contains(own, name) {
			t.Errorf("package encoder does not link %s any more: take it from the list", name)
		}
	}
}
