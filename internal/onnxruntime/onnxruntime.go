// Package onnxruntime runs ONNX models in ONNX Runtime, by Node, for tests. NODE_PATH names the node_modules that npm
// has installed onnxruntime-node (or onnxruntime-web) to; where there is none the tests skip.
package onnxruntime

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

//go:embed run.js
var script []byte

// Job is a model and what it is fed with: one of the two inputs.
type Job struct {
	Model []byte
	Dims  []int
	F32   []float32
	I64   []int64
}

// Result is what a model makes.
type Result struct {
	Inputs, Outputs []string // names
	Dims            []int
	F32             []float32
}

// Run runs models one after another.
func Run(t *testing.T, jobs []Job) []Result {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: ONNX Runtime does not run")
	}
	type entry struct {
		Model  string `json:"model"`
		Input  string `json:"input"`
		Output string `json:"output"`
		Dims   []int  `json:"dims"`
		Type   string `json:"type"`
	}
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var list []entry
	for i, j := range jobs {
		e := entry{Dims: j.Dims, Type: "float32", Model: write(fmt.Sprintf("%d.onnx", i), j.Model),
			Output: filepath.Join(dir, fmt.Sprintf("%d.out", i))}
		input, _ := binary.Append(nil, binary.LittleEndian, j.F32)
		if j.I64 != nil {
			e.Type = "int64"
			input, _ = binary.Append(nil, binary.LittleEndian, j.I64)
		}
		e.Input = write(fmt.Sprintf("%d.in", i), input)
		list = append(list, e)
	}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	c := exec.Command(node, write("run.js", script), write("jobs.json", text))
	c.Stderr = &errs
	out, err := c.Output()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == 3:
		t.Skipf("%s; npm install --ignore-scripts onnxruntime-node@1.20.1, and NODE_PATH its node_modules",
			bytes.TrimSpace(errs.Bytes()))
	case err != nil:
		t.Fatalf("node: %v\n%s%s", err, out, errs.Bytes())
	}
	results := make([]Result, len(jobs))
	lines := json.NewDecoder(bytes.NewReader(out))
	for i := range results {
		if err := lines.Decode(&results[i]); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(list[i].Output)
		if err != nil {
			t.Fatal(err)
		}
		results[i].F32 = make([]float32, len(b)/4)
		binary.Decode(b, binary.LittleEndian, results[i].F32)
	}
	return results
}

// Apart is the largest difference of two lists over the largest of want.
func Apart(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	most, apart := 0.0, 0.0
	for i := range want {
		most = max(most, math.Abs(float64(want[i])))
		apart = max(apart, math.Abs(float64(got[i])-float64(want[i])))
		if got[i] != got[i] {
			return math.Inf(1)
		}
	}
	if most == 0 {
		return math.Inf(1)
	}
	return apart / most
}
