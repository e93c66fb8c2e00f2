package recipes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/recipes"
)

// Every shipped recipe resolves, and what it resolves to loads to the same recipe.
func TestShippedRecipesResolve(t *testing.T) {
	names := recipes.Names()
	if len(names) < 6 {
		t.Fatalf("only %v are shipped", names)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			r, err := recipes.Load(name, nil, recipes.Builtin())
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.TrimSuffix(name, ".toml"); r.Name != want {
				t.Errorf("name = %q, want %q like the file's", r.Name, want)
			}
			again := reload(t, r.Resolved)
			if again.Resolved != r.Resolved {
				t.Errorf("the resolved recipe resolves to\n%s\nwant\n%s", again.Resolved, r.Resolved)
			}
			if again.ID() != r.ID() {
				t.Errorf("the resolved recipe has id %s, want %s", again.ID(), r.ID())
			}
		})
	}
}

// Settings that no run could use are refused with the key and what would be right.
func TestValidation(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{`device="cuda"`, "no CUDA backend"},
		{`device="tpu"`, `want "cpu", or "cuda" for a GPU`},
		{`tf32=true`, `true: device = "cpu" has no products of this kind; want false, or device = "cuda"`},
		{`precision="fp16"`, `"fp32"`},
		{"train.batch=1", "at least 2"},
		{`train.length="0 epochs"`, "want a length"},
		{"method.simclr.projector=[0]", "every width must be at least 1"},
		{"method.simclr.temperature=0", "above 0"},
		{"method.simclr.temprature=0.1", "did you mean temperature"},
		{`method="simclear"`, "simclr"},
		{`dataset="fashion"`, "fashion_mnist_4k"},
		{"optimizer.lars.rate=-1", "above 0"},
		{`optimizer.lars.scale="log"`, `"linear", "sqrt" or "none"`},
		{"optimizer.lars.momentum=1.0", "up to, not with, 1"},
		{"evaluate.knn.k=[0]", "1"},
		{`name="a/b"`, "folder"},
	} {
		_, err := recipes.Load("quickstart.toml", []string{c.set}, recipes.Builtin())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("--set %s: got %v, want an error with %q", c.set, err, c.want)
		}
	}
}

func reload(t *testing.T, text string) *recipes.Loaded {
	t.Helper()
	r, err := recipes.Load(write(t, text), nil, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// write puts a recipe into a file of its own.
func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "recipe.toml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}
