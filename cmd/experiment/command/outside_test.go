package command

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// outside is a module of somebody else with a method and a data set of its own, built.
type outside struct {
	dir, binary string
	lines       map[string]string // by the marks in its source: method.go:31
}

// newOutside makes the module from testdata/outside. What the README does with "go mod tidy", which asks the network,
// -mod=mod does here.
func newOutside(t *testing.T) *outside {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	o := &outside{dir: filepath.Join(t.TempDir(), "mine"), lines: map[string]string{}}
	if err := os.Mkdir(o.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob(filepath.Join("testdata", "outside", "*.go.txt"))
	if err != nil || len(sources) != 3 {
		t.Fatalf("sources %v, %v; want three", sources, err)
	}
	for _, from := range sources {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(from), ".txt")
		for i, line := range strings.Split(string(text), "\n") {
			if _, mark, ok := strings.Cut(line, "// line: "); ok {
				o.lines[mark] = fmt.Sprintf("mine/%s:%d", name, i+1)
			}
		}
		if err := os.WriteFile(filepath.Join(o.dir, name), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// With this module's checksums nothing is looked up: what built this test is in the module cache.
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.dir, "go.sum"), sums, 0o666); err != nil {
		t.Fatal(err)
	}
	o.run(t, "go", "mod", "init", "example.com/mine")
	o.run(t, "go", "mod", "edit", "-require=selfsup@v0.0.0", "-replace=selfsup="+root)
	o.binary = filepath.Join(o.dir, "bin", "mine")
	o.run(t, "go", "build", "-o", o.binary, ".")
	return o
}

// run runs a command in the module, without the network.
func (o *outside) run(t *testing.T, name string, args ...string) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = o.dir
	c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, text)
	}
}

// mine runs the module's own experiment command.
func (o *outside) mine(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	c := exec.Command(o.binary, args...)
	c.Dir = o.dir
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// outsideRecipe trains the method of testdata/outside on its data set.
const outsideRecipe = `name = "mine"

[dataset.stripes]

[views]
crop = 16

[backbone.convnet]
widths = [8, 16]

[method.mine]

[optimizer.sgd]

[train]
batch = 32
length = "2 epochs"

[evaluate.knn]
k = [5]
`

// A method and a data set of another module train and evaluate with a main of ten lines. Whatever they get wrong is an
// error that names them and their line, and never a stack.
func TestOutside(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a binary")
	}
	o := newOutside(t)
	if err := os.WriteFile(filepath.Join(o.dir, "mine.toml"), []byte(outsideRecipe), 0o666); err != nil {
		t.Fatal(err)
	}

	status, out, errs := o.mine(t, "run", "mine.toml", "--json")
	var sum struct{ Steps int }
	if err := json.Unmarshal([]byte(out), &sum); status != 0 || err != nil || sum.Steps != 8 {
		t.Fatalf("status %d, %d steps, want 8: %v %s", status, sum.Steps, err, errs)
	}

	for _, c := range []struct {
		fault  string
		status int
		at     string // mark of the line that the message ends with
		want   string
	}{
		{"method: wrong width", 2, "apply", "graph: projector/0: matmul [32,16]x[17,32]: inner sizes 16 and 17 differ"},
		{"method: width of 0", 2, "head", ", in heads/mlp.go:"},
		{"method: panic in Build", 2, "panic", "panic: runtime error: index out of range [9] with length 2"},
		{"method: panic in Validate", 1, "validate", "panic: no luck"},
		{"method: no Terms", 2, "build", "[method.mine] Build returns no Terms"},
		{"method: no weight", 2, "build", "gives every term the weight 0 (distance, spread)"},
		{"method: no Value", 2, "build", `the term "spread" without a Value`},
		{"method: not a number", 2, "build", `the term "distance" of shape [32,16]; want one number`},
		{"method: metric of rows", 2, "build", `the metric "rows" of shape [32]; want one number`},
		{"method: taken name", 2, "build", `a term with the name "loss", which the log uses itself`},
		{"method: name twice", 2, "build", `two values with the name "spread"`},
		{"dataset: no data", 3, "open", "[dataset.stripes] the source's Open returns neither data nor an error"},
		{"dataset: panic in Open", 3, "open panic", "[dataset.stripes] panic: no disk"},
		{"dataset: no channels", 3, "open", "Channels is 0; want 1 (grey) or 3 (colour)"},
		{"dataset: other size", 3, "open", "training set: sample 0, stripe 0: an image of 16x16, and Height and " +
			"Width are 17 and 16"},
		{"dataset: empty test set", 3, "open", "test set: it is empty"},
		{"dataset: label", 3, "open", "training set: sample 5, stripe 5: label 2; want 0 to 1"},
		{"dataset: short image", 3, "open", "sample 0, stripe 0: an image of 16x16x1 with 255 bytes; want 256"},
		{"dataset: later short image", 3, "", "image 10, stripe 10: 255 bytes as an image of 16x16x1"},
		{"dataset: later panic", 3, "image panic", "image 10, stripe 10: panic: runtime error: index out of " +
			"range [256] with length 256"},
	} {
		part, fault, _ := strings.Cut(c.fault, ": ")
		key := map[string]string{"method": "method.mine.fault", "dataset": "dataset.stripes.fault"}[part]
		status, out, errs := o.mine(t, "run", "mine.toml", "--dry-run", "--set", fmt.Sprintf("%s=%q", key, fault))
		if status != c.status || out != "" || !strings.Contains(errs, c.want) ||
			!strings.Contains(errs, o.lines[c.at]) {
			t.Errorf("%s: status %d, want %d; want %q and %q in\n%s%s", c.fault, status, c.status, c.want,
				o.lines[c.at], errs, out)
		}
		if strings.Contains(errs, "goroutine ") || strings.Count(errs, "\n") > 3 {
			t.Errorf("%s: a stack, want a message:\n%s", c.fault, head(errs))
		}
	}
}
