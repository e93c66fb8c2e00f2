package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"selfsup/graph/device"
	"selfsup/graph/ir"
)

func ExampleTable() {
	fmt.Print(Table{
		Header: []string{"evaluation", "trained", "pixels"},
		Rows: [][]string{{"knn k=20 top1", "0.8120", "0.79"}, {"größe", "—", "10"}, {"short"},
			{"long", "1", "2", "3"}},
	})
	// Output:
	// evaluation     trained  pixels
	// knn k=20 top1   0.8120    0.79
	// größe                —      10
	// short
	// long                 1       2  3
}

func TestEnvironment(t *testing.T) {
	t.Setenv("SELFSUP_TEST", "a=b")
	t.Setenv("OTHER_TEST", "c")
	text, err := json.Marshal(ReadEnvironment(device.About{Kernels: "avx2", Threads: 3, Chip: "a chip"}))
	if err != nil {
		t.Fatal(err)
	}
	var e map[string]any
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "kernels": "avx2", "threads": 3.0,
		"cpu": "a chip", "cores": float64(runtime.NumCPU()),
	} {
		if e[key] != want {
			t.Errorf("%s is %v, want %v", key, e[key], want)
		}
	}
	vars, _ := e["variables"].(map[string]any)
	if vars["SELFSUP_TEST"] != "a=b" || vars["OTHER_TEST"] != nil {
		t.Errorf("variables %v: want SELFSUP_TEST=a=b and no OTHER_TEST", vars)
	}
}

// The peak follows memory that is really used.
func TestPeakRSS(t *testing.T) {
	before := PeakRSSMB()
	if before == 0 {
		t.Skipf("%s does not tell", runtime.GOOS)
	}
	block := bytes.Repeat([]byte{1}, 64<<20)
	after := PeakRSSMB()
	runtime.KeepAlive(block)
	if before < 1 || before > 4096 || after < 64 {
		t.Errorf("peak of %.1f MiB, then %.1f MiB with 64 MiB in use", before, after)
	}
}

func TestDot(t *testing.T) {
	vector := ir.Type{Shape: ir.Shape{2}}
	p := &ir.Program{
		Bufs: []ir.Buf{
			{Name: "x", Class: ir.Input, Type: vector, Viewed: -1}, {Name: "w \"1\"", Class: ir.State, Type: vector,
				Viewed: -1},
			{Name: "add", Type: vector, Viewed: -1}, {Name: "view", Type: vector, Viewed: 2},
		},
		Instrs:  []ir.Instr{{Spec: spec{}, In: []int{0, 1}, Out: 2, Scope: "head"}},
		Updates: []ir.Update{{State: 1, New: 2}},
		Outputs: []ir.Output{{Name: "loss", Buf: 3}},
	}
	var b bytes.Buffer
	if err := Dot(&b, p); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`n0 [shape=box,style=rounded,label="x\n[2]"]`, `label="w \"1\"\n[2]"`, `n2 [label="add\nhead\n[2]"]`,
		"n0 -> n2;", "n1 -> n2;",
		"n2 -> n3 [style=dotted]", "n2 -> n1 [style=dashed", "n3 -> out0;",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
	if strings.Count(b.String(), "{") != strings.Count(b.String(), "}") {
		t.Errorf("brackets do not match in\n%s", b.String())
	}
}

type spec struct{}

func (spec) Name() string                     { return "add" }
func (spec) Infer([]ir.Type) (ir.Type, error) { return ir.Type{}, nil }
func (spec) Ref([]ir.Tensor, ir.Tensor)       {}
