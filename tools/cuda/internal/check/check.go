// Package check compares everything that the CUDA backend runs with the processor: every operation, the golden numbers,
// and the training steps of every shipped recipe. It goes on where it was interrupted.
package check

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Options say what to check and where results go.
type Options struct {
	Binary  string            // cmd/experiment with the backend
	Go      func() *exec.Cmd  // a go test with the backend, to which packages and flags are added
	Env     []string          // of the device, such as the emulated driver's LD_LIBRARY_PATH
	State   string            // folder that holds what was done, by the binary's hash
	Recipes []string          // names of recipes
	Only    func(string) bool // which of the parts "operations", "golden" and "recipe NAME" to run; nil: all
	Limit   time.Duration     // of one recipe on one device
	Log     io.Writer
}

// Result is the outcome of one part.
type Result struct {
	Part    string  `json:"part"`
	Outcome string  `json:"outcome"` // agrees, differs, or why it did not run
	Worst   float64 `json:"worst"`   // the largest difference of a metric, relative
	Metric  string  `json:"metric"`  // whose it is
	Seconds float64 `json:"seconds"` // on the device
}

// agrees is the outcome of a part that is as it should be.
const agrees = "agrees"

// Tolerance is the most that a metric may differ by, relative to its value or to 0.1 if that is larger: three steps of
// float32 whose sums are taken in another order.
const Tolerance = 5e-3

// Run does what was not done yet and returns all results, in order.
func Run(o Options) ([]Result, error) {
	if err := os.MkdirAll(o.State, 0o755); err != nil {
		return nil, err
	}
	log := filepath.Join(o.State, "results.jsonl")
	done, err := read(log)
	if err != nil {
		return nil, err
	}
	type part struct {
		name string
		run  func() Result
	}
	parts := []part{
		{"operations", func() Result { return o.tests("operations", "./graph/cuda/driver") }},
		{"golden", func() Result {
			return o.tests("golden", "-run", "Golden", "./graph/...", "./backbones", "./heads", "./losses/...",
				"./methods/...")
		}},
	}
	for _, name := range o.Recipes {
		parts = append(parts, part{"recipe " + name, func() Result { return o.recipe(name) }})
	}
	var all []Result
	for _, p := range parts {
		if i := slices.IndexFunc(done, func(r Result) bool { return r.Part == p.name }); i >= 0 {
			all = append(all, done[i])
			continue
		}
		if o.Only != nil && !o.Only(p.name) {
			continue
		}
		begin := time.Now()
		r := p.run()
		r.Part = p.name
		if r.Seconds == 0 {
			r.Seconds = time.Since(begin).Seconds()
		}
		fmt.Fprintf(o.Log, "%s: %s (%.1f s)\n", r.Part, r.Outcome, r.Seconds)
		if err := appendLine(log, r); err != nil {
			return all, err
		}
		all = append(all, r)
	}
	return all, nil
}

func read(file string) (all []Result, err error) {
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		var r Result
		if json.Unmarshal(s.Bytes(), &r) == nil { // a line that was cut is done again
			all = append(all, r)
		}
	}
	return all, nil
}

func appendLine(file string, r Result) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// tests runs go test on the device.
func (o Options) tests(name string, args ...string) Result {
	cmd := o.Go()
	cmd.Args = append(cmd.Args, args...)
	cmd.Env = append(os.Environ(), append(o.Env, "SELFSUP_GOLDEN_DEVICE=cuda")...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		os.WriteFile(filepath.Join(o.State, name+".txt"), out, 0o644)
		return Result{Outcome: fmt.Sprintf("differs: %v, see %s.txt in %s", err, name, o.State)}
	}
	return Result{Outcome: agrees}
}

// small are settings that make the steps of a recipe short: few samples, no evaluation.
var small = []string{`train.length="2 steps"`, `train.log="1 step"`, "evaluate.knn=false", "evaluate.linear=false",
	"baselines.pixels=false", "baselines.untrained=false"}

// batches are tried in turn: some recipes need more samples than others. The last is the recipe's own.
var batches = []string{"train.batch=8", "train.batch=16", "train.batch=64", ""}

// tooLong is how a recipe is refused whose setting is a longer time than two steps.
var tooLong = regexp.MustCompile(`\[([\w.]+)\] (\w+): "[^"]*" is \d+ steps, the whole training has`)

// recipe trains two steps on the processor and on the device and compares all metrics.
func (o Options) recipe(name string) Result {
	var refused string
	for _, b := range batches {
		sets := slices.Clone(small)
		if b != "" {
			sets = append(sets, b)
		}
		want, _, err := o.train(name, "cpu", sets)
		for range 3 {
			if err == nil {
				break
			}
			long := tooLong.FindStringSubmatch(err.Error())
			if long == nil {
				break
			}
			sets = append(sets, fmt.Sprintf("%s.%s=\"1 steps\"", long[1], long[2]))
			want, _, err = o.train(name, "cpu", sets)
		}
		if err != nil {
			refused = err.Error()
			continue
		}
		got, seconds, err := o.train(name, "cuda", sets)
		if err != nil {
			return Result{Outcome: "differs: " + err.Error()}
		}
		r := difference(want, got)
		r.Seconds = seconds
		return r
	}
	return Result{Outcome: "not run: " + refused}
}

// train runs a recipe and returns its metrics, step by step.
func (o Options) train(name, device string, sets []string) ([]map[string]float64, float64, error) {
	dir, err := os.MkdirTemp(o.State, "run")
	if err != nil {
		return nil, 0, err
	}
	defer os.RemoveAll(dir)
	args := []string{"run", name, "--threads", "1", "--runs", dir, "--set", "device=" + device}
	for _, s := range sets {
		args = append(args, "--set", s)
	}
	cmd := exec.Command(o.Binary, args...)
	cmd.Env = append(os.Environ(), o.Env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	timer := time.AfterFunc(o.Limit, func() { cmd.Process.Kill() })
	err = cmd.Wait()
	seconds := time.Since(begin).Seconds()
	if !timer.Stop() {
		return nil, seconds, fmt.Errorf("it takes more than %v", o.Limit)
	}
	if err != nil {
		return nil, seconds, fmt.Errorf("on %s: %s", device, complaint(out.String()))
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "metrics.jsonl"))
	if len(files) != 1 {
		return nil, seconds, fmt.Errorf("on %s the run left %d files of metrics", device, len(files))
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return nil, seconds, err
	}
	var lines []map[string]float64
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		line := map[string]float64{}
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			return nil, seconds, err
		}
		lines = append(lines, line)
	}
	return lines, seconds, nil
}

// complaint is the line of a program's output that says what is wrong: the first that is no progress of the training,
// with its place.
func complaint(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, l := range lines {
		if strings.Contains(l, ".toml:") || strings.Contains(l, "panic") || strings.HasPrefix(l, "train: ") {
			return l
		}
	}
	return lines[len(lines)-1]
}

// clock are metrics that tell the time.
var clock = []string{"seconds", "data_wait", "images_per_second"}

// difference compares two runs' metrics.
func difference(want, got []map[string]float64) (r Result) {
	if len(want) == 0 || len(got) != len(want) {
		return Result{Outcome: fmt.Sprintf("differs: %d lines of metrics, on the processor %d", len(got), len(want))}
	}
	for i := range want {
		for name, w := range want[i] {
			if slices.Contains(clock, name) {
				continue
			}
			g, ok := got[i][name]
			d := math.Abs(g-w) / max(math.Abs(w), 0.1)
			if !ok || !(d <= math.MaxFloat64) {
				return Result{Outcome: fmt.Sprintf("differs: step %d: %s is %v, on the processor %v", i+1, name, g, w)}
			}
			if d > r.Worst {
				r.Worst, r.Metric = d, name
			}
		}
	}
	r.Outcome = agrees
	if r.Worst > Tolerance {
		r.Outcome = "differs"
	}
	return r
}

// head is the text above the table.
const head = `# The CUDA backend beside the processor

Written by ` + "`go run ./tools/cuda check`" + ` on %s: %d of %d parts agree. Operations are all
of optest's cases, golden numbers those of the authors' code; of every recipe two steps of training are compared, all
metrics to %g of their value. Worst is the largest difference of one.

| part | outcome | worst | of | s |
|---|---|---|---|---|
`

// Write prints the results as a table, and counts them.
func Write(to io.Writer, device string, all []Result) error {
	n := 0
	for _, r := range all {
		if r.Outcome == agrees {
			n++
		}
	}
	if _, err := fmt.Fprintf(to, head, device, n, len(all), Tolerance); err != nil {
		return err
	}
	for _, r := range all {
		worst := ""
		if r.Worst > 0 {
			worst = fmt.Sprintf("%.1e", r.Worst)
		}
		outcome := strings.ReplaceAll(r.Outcome, "|", "/")
		_, err := fmt.Fprintf(to, "| %s | %s | %s | %s | %.0f |\n", r.Part, outcome, worst, r.Metric, r.Seconds)
		if err != nil {
			return err
		}
	}
	return nil
}
