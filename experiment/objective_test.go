package experiment

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/evaluations"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/recipes"
)

// flat is a backbone of somebody else: the mean over the image, through a linear layer.
type flat struct {
	Fault string `toml:"fault"`
}

func (*flat) Check(backbones.Input) error { return nil }
func (*flat) Dim() int                    { return 12 }

func (f *flat) New(s *graph.Scope, in backbones.Input) layer.Func {
	dim := 12
	switch f.Fault {
	case "nil":
		return nil
	case "nil result":
		return func(*graph.Node) *graph.Node { return nil }
	case "no average":
		return func(x *graph.Node) *graph.Node { return x }
	case "width":
		dim = 8
	}
	return layer.Chain(op.GlobalAvgPool, layer.Linear(s, in.Shape[2], dim, true))
}

// A backbone whose New does not make what its Dim says is told so, with the line of its New.
func TestBackboneFaults(t *testing.T) {
	catalog := recipes.Builtin()
	catalog.Backbones["flat"] = func() backbones.Backbone { return &flat{} }
	for fault, want := range map[string]string{
		"":           "",
		"nil":        "[backbone.flat] New returns nil; want a function from samples to features",
		"nil result": "[backbone.flat] New returns a function that returns nil; want features [32,12]",
		"no average": "[backbone.flat] New makes features [32,28,28,1] of images [32,28,28,1], and Dim says 12; " +
			"want [32,12]",
		"width": "[backbone.flat] New makes features [32,8] of images [32,28,28,1], and Dim says 12; want [32,12]",
	} {
		r, err := recipes.Load("quickstart.toml", []string{`backbone="flat"`, fmt.Sprintf("backbone.flat.fault=%q",
			fault), "train.batch=16"}, catalog)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Prepare(r)
		if want == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) ||
			!regexp.MustCompile(`objective_test\.go:\d+\)$`).MatchString(err.Error()) {
			t.Errorf("%s: got %v, want %s and the line", fault, err, want)
		}
	}
}

// brittle is a protocol of somebody else that panics.
type brittle struct{ evaluations.KNN }

func (brittle) Evaluate(context.Context, evaluations.Features) ([]evaluations.Result, error) {
	panic("no neighbours")
}

// A run that ends in a panic of somebody else's code says so, with the line, and its folder says that it failed.
func TestPanicFailsRun(t *testing.T) {
	catalog := recipes.Builtin()
	catalog.Evaluations["brittle"] = func() recipes.Evaluation { return &brittle{*evaluations.DefaultKNN()} }
	r, err := recipes.Load("quickstart.toml", []string{
		"backbone.convnet.widths=[8]", "method.simclr.projector=[8]", "train.batch=64", `train.length="2 steps"`,
		"evaluate.knn=false", "evaluate.linear=false", "evaluate.brittle=true",
	}, catalog)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	_, err = Run(r, Options{Root: root, Messages: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "panic: no neighbours (experiment/objective_test.go:") {
		t.Errorf("got %v, want the panic with its line", err)
	}
	dirs, _ := filepath.Glob(filepath.Join(root, "*"))
	if len(dirs) != 1 {
		t.Fatalf("run folders %v", dirs)
	}
	if s, err := ReadStatus(dirs[0]); err != nil || s.State != "failed" || !strings.Contains(s.Error, "no neighbours") {
		t.Errorf("status %+v, %v; want failed", s, err)
	}
	if _, err := os.Stat(filepath.Join(dirs[0], summaryFile)); err == nil {
		t.Error("a run that failed has a summary")
	}
}

// A weight of 0 that leaves a parameter without a gradient is named.
func TestIdleTermIsNamed(t *testing.T) {
	r, err := recipes.Load("pirl.toml", []string{"method.pirl.share=0.0"}, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	_, err = Prepare(r)
	want := "the loss does not depend on this parameter; what has the weight 0 trains nothing, want another weight: "
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
