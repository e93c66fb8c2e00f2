package recipes_test

import (
	"path/filepath"
	"testing"

	"selfsup/recipes"
)

// Recipes of data that are not in the binary, one folder for each kind of data, resolve as the shipped ones do.
func TestRecipesOfOtherDataResolve(t *testing.T) {
	files, err := filepath.Glob("*/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recipes below the shipped ones (%v)", err)
	}
	for _, file := range files {
		if filepath.Dir(file) == "overlay" || filepath.Base(file) == "base.toml" { // no recipe, but what some share
			continue
		}
		if _, err := recipes.Load(file, nil, recipes.Builtin()); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
