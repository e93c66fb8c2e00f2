package inspect

import (
	"io/fs"
	"path"
	"testing"

	"selfsup/recipes"
)

// Every arm of every shipped claim takes two steps as it is written, on views of noise.
func TestClaimArmsRun(t *testing.T) {
	names, err := fs.Glob(recipes.Shipped, "claims/*/*.toml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no claims are shipped (%v)", err)
	}
	for _, name := range names {
		if file := path.Base(name); file == "claim.toml" || file == "base.toml" {
			continue
		}
		t.Run(name, func(t *testing.T) { runTwoSteps(t, prepare(t, name)) })
	}
}
