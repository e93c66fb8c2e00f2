package inspect

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
	"selfsup/setting"
)

func prepare(t testing.TB, recipe string, sets ...string) *experiment.Setup {
	t.Helper()
	r, err := recipes.Load(recipe, sets, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	s, err := experiment.Prepare(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var update = flag.Bool("update", false, "rewrite testdata/listing")

// What every shipped recipe compiles to: its parameters, operations and memory. A difference is a change of an
// experiment; -update rewrites the listings, and a person reads the diff.
func TestListings(t *testing.T) {
	for _, name := range recipes.Names() {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			if err := Describe(&got, prepare(t, name)); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("..", "..", "testdata", "listing", strings.TrimSuffix(name, ".toml")+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got.String()), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("the recipe compiles to\n%s\nwant\n%s", got.String(), want)
			}
		})
	}
}

// The listing tells the sizes of the views, and what a memory limit costs.
func TestDescribed(t *testing.T) {
	limit := setting.Size(prepare(t, "mae.toml", "train.batch=16").Train.Memory().Total() - 1)
	for want, s := range map[string]*experiment.Setup{
		"views of 28x28x1 (1) and 12x12x1 (1)": prepare(t, "quickstart.toml", "train.batch=4", "views.crop=0",
			"views.crops=[{count = 1, size = 28, area = [0.4, 1.0]}, {count = 1, size = 12, area = [0.05, 0.4]}]"),
		"operations run again for that": prepare(t, "mae.toml", "train.batch=16",
			fmt.Sprintf("memory_limit=%q", limit)),
	} {
		var text strings.Builder
		if err := Describe(&text, s); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), want) {
			t.Errorf("the listing does not tell %q:\n%s", want, text.String())
		}
	}
}
