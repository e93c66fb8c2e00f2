// Package arch holds the test of the import rules: the flow of the design is the direction of imports.
package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// layers lists the packages from the bottom up; a package may import its own layer's children and everything below.
// Prefixes match whole path elements; the longest wins.
var layers = [][]string{
	{"selfsup", "internal", "setting", "recipes/overlay", "datasets/disk", "datasets/raster", "datasets/resample"},
	{"datasets", "graph/cpu/kern", "graph/ir", "graph/comm"},
	{"graph/plan", "graph/op", "graph/spread", "graph/ref", "graph/cpu", "graph/cuda"},
	{"graph", "graph/device"},
	{"graph/layer", "graph/optim", "graph/optest", "internal/golden/ongraph", "internal/kmeans"},
	{"backbones", "heads", "losses"},
	{"methods"},
	{"experiment/folder", "evaluations"},
	{"experiment/checkpoint", "experiment/report", "experiment/sheet"},
	{"encoder"},
	{"recipes"},
	{"experiment"},
	{"experiment/claims", "experiment/compare", "experiment/live", "experiment/sweep"},
	{"cmd", "tools"},
}

// never lists imports that no layer allows.
var never = map[string][]string{
	"datasets":       {"selfsup/graph"},
	"graph/ir":       {"selfsup/", "gorgonia.org/"},
	"graph/cpu/kern": {"selfsup/", "gorgonia.org/"},
	"graph/plan":     {"gorgonia.org/"},
	"graph/ref":      {"gorgonia.org/"},
}

// only lists packages that few may know, each with those who may import it and what is below it: which backends there
// are is known to graph/device alone.
var only = map[string][]string{
	"graph/cpu":  {"graph/cpu", "graph/device", "internal/golden", "examples", "tools"},
	"graph/ref":  {"graph/optest", "internal/golden"},
	"graph/cuda": {"graph/cuda", "graph/device", "tools"},
}

const module = "selfsup/"

type pkg struct {
	ImportPath string
	Imports    []string
}

func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for d := json.NewDecoder(strings.NewReader(string(out))); ; seen++ {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		check(t, p)
	}
	if seen < 10 {
		t.Fatalf("go list names %d packages, expected the whole module", seen)
	}
}

func check(t *testing.T, p pkg) {
	from := strings.TrimPrefix(p.ImportPath, module)
	own, ok := layer(from)
	if !ok {
		t.Errorf("%s is in no layer: add it to the table", from)
		return
	}
	for _, imp := range p.Imports {
		if strings.HasPrefix(imp, "gorgonia.org/") && !under(from, "graph") {
			t.Errorf("%s imports %s: only graph/ knows Gorgonia", from, imp)
		}
		for folder, banned := range never {
			for _, b := range banned {
				if under(from, folder) && strings.HasPrefix(imp, b) && !under(strings.TrimPrefix(imp, module), folder) {
					t.Errorf("%s imports %s, which %s must not", from, imp, folder)
				}
			}
		}
		for folder, known := range only {
			knows := func(k string) bool { return under(from, k) }
			if under(strings.TrimPrefix(imp, module), folder) && !slices.ContainsFunc(known, knows) {
				t.Errorf("%s imports %s, which is for %s; graph/device opens backends, and has what the host computes",
					from, imp, strings.Join(known, ", "))
			}
		}
		if to, ok := strings.CutPrefix(imp, module); ok {
			if l, known := layer(to); known && l > own {
				t.Errorf("%s imports %s, which is above it", from, to)
			}
		}
	}
}

// layer is the layer of a package by its longest matching prefix.
func layer(path string) (int, bool) {
	best, at := -1, -1
	for i, l := range layers {
		for _, prefix := range l {
			if under(path, prefix) && len(prefix) > best {
				best, at = len(prefix), i
			}
		}
	}
	return at, at >= 0
}

func under(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }
