package experiment

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/recipes"
)

var update = flag.Bool("update", false, "rewrite testdata/listing")

// What every shipped recipe compiles to: its parameters, operations and memory. A difference is a change of an
// experiment; -update rewrites the listings, and a person reads the diff.
func TestListings(t *testing.T) {
	for _, name := range recipes.Names() {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			if err := prepare(t, name).Describe(&got); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("..", "testdata", "listing", strings.TrimSuffix(name, ".toml")+".txt")
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

// withSixteen is what recipes need beside train.batch=16 to take a step of so few images.
var withSixteen = map[string][]string{
	"wmse.toml": {"method.wmse.projector=[32,4]", "method.wmse.sub_batch=8"},
}

// Every shipped recipe runs two steps.
func TestShippedRecipesRun(t *testing.T) {
	for _, name := range recipes.Names() {
		t.Run(name, func(t *testing.T) {
			s := prepare(t, name, append([]string{"train.batch=16"}, withSixteen[name]...)...)
			runTwoSteps(t, s)
		})
	}
}

// runTwoSteps takes two steps on views of noise, after which the loss is a number.
func runTwoSteps(t *testing.T, s *Setup) {
	t.Helper()
	fillViews(s.Train)
	for step := range 2 {
		s.Train.Schedule(s.time(step))
		if err := s.Train.Run(); err != nil {
			t.Fatal(err)
		}
	}
	loss, err := s.Train.Output(lossOutput)
	if err != nil {
		t.Fatal(err)
	}
	if v := loss.At(0); v != v {
		t.Errorf("the loss is %v after two steps", v)
	}
}
