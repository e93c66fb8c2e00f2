package experiment_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/methods/contrastive"
	"selfsup/recipes"
)

// slow is an operation of this test without a kernel: its operand.
type slow struct{}

func (slow) Name() string                        { return "slow" }
func (slow) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }
func (slow) Ref(in []ir.Tensor, out ir.Tensor)   { copy(out.Data, in[0].Data) }
func (slow) Active(n int) []bool                 { return []bool{true} }
func (slow) Grad(g op.Grad) []*op.Node           { return []*op.Node{g.Dy} }

// slowly is SimCLR with a weight on its loss that a slow operation makes.
type slowly struct{ contrastive.SimCLR }

func (m *slowly) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	obj := m.SimCLR.Build(s, enc, b)
	for i := range obj.Terms {
		obj.Terms[i].Value = op.Apply(slow{}, obj.Terms[i].Value)
	}
	return obj
}

// An operation without a kernel stops a recipe before it trains; allow_reference runs it by its reference, to the same
// numbers as without it, and the log says so with its share of the step's time.
func TestAllowReference(t *testing.T) {
	c := recipes.Builtin()
	c.Methods["slowly"] = func() methods.Method { return &slowly{*contrastive.DefaultSimCLR()} }
	load := func(sets ...string) *recipes.Loaded {
		r, err := recipes.Load(writeRecipe(t, small), sets, c)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	slowly := []string{`method="slowly"`, "method.slowly.projector=[32,16]", "method.slowly.temperature=0.2"}
	_, err := experiment.Prepare(load(slowly...))
	if err == nil || !strings.HasSuffix(err.Error(), "backend cpu has no kernel for slow; allow_reference = "+
		"true runs it by its reference, slowly") {
		t.Errorf("without allow_reference the error is %v", err)
	}
	var said bytes.Buffer
	sum, err := experiment.Run(load(append(slowly, "allow_reference=true")...), experiment.Options{Root: t.TempDir(),
		Messages: &said})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(sum.Run, "log.txt"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(
		`allow_reference: without a kernel on cpu, slow \(1 in a step\) takes \d+\.\d % of its time\n`)
	if n := len(line.FindAll(text, -1)); n != 1 {
		t.Errorf("%d lines of log.txt say what runs by its reference, want 1:\n%s", n, text)
	}
	plain, err := train(t, load(`method.simclr.temperature=0.2`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := final(t, sum.Run), final(t, plain.Run); a != b {
		t.Errorf("the run with a reference ends with %s, without it with %s", a, b)
	}
	text, err = os.ReadFile(filepath.Join(plain.Run, "log.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("allow_reference")) {
		t.Errorf("a run in which every operation has a kernel says\n%s", text)
	}
}
