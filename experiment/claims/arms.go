package claims

import (
	"errors"
	"fmt"
	"path/filepath"

	"selfsup/experiment"
	"selfsup/recipes"
)

// Arm is a recipe that is trained with several seeds.
type Arm struct {
	Name   string // of its run folders, which end in -SEED
	Recipe func(seed int) (*recipes.Loaded, error)
}

// Train trains every arm with seeds 1 to seeds in folders below root. A run that is done is not trained again, one that
// was interrupted goes on: however often it is called, each arm is trained once with each seed. A run that diverges
// or fails does not keep the others from theirs, and is an error at the end.
func Train(root string, arms []Arm, seeds int, c recipes.Catalog, o experiment.Options) (
	runs map[string][]*experiment.Summary, err error) {
	all := map[string][]*recipes.Loaded{}
	for _, arm := range arms { // mistakes show before the first training
		for seed := 1; seed <= seeds; seed++ {
			r, err := arm.Recipe(seed)
			if err != nil {
				return nil, err
			}
			all[arm.Name] = append(all[arm.Name], r)
		}
	}
	runs = map[string][]*experiment.Summary{}
	var failed []error
	for seed := 1; seed <= seeds; seed++ { // arm by arm within a seed: pairs are complete early
		for i, arm := range arms {
			fmt.Fprintf(o.Messages, "run %d of %d: %s, seed %d\n", (seed-1)*len(arms)+i+1, seeds*len(arms), arm.Name,
				seed)
			sum, err := experiment.RunAt(runFolder(root, arm.Name, seed), true, all[arm.Name][seed-1], c, o)
			var run *experiment.RunError
			switch {
			case errors.As(err, &run) && run.State != "interrupted":
				fmt.Fprintln(o.Messages, err)
				failed = append(failed, fmt.Errorf("%s, seed %d: %w", arm.Name, seed, err))
			case err != nil:
				return nil, err
			default:
				runs[arm.Name] = append(runs[arm.Name], sum)
			}
		}
	}
	return runs, errors.Join(failed...)
}

func runFolder(root, arm string, seed int) string {
	return filepath.Join(root, fmt.Sprintf("%s-%d", arm, seed))
}
