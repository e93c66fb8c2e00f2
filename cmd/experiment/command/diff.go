package command

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"selfsup/experiment"
	"selfsup/experiment/compare"
	"selfsup/recipes"
	"selfsup/recipes/overlay"
)

// diffVerb compares two recipes, or two runs, setting by setting.
func diffVerb(a *app) *cobra.Command {
	var asJSON, alone bool
	c := &cobra.Command{
		Use:   "diff A B",
		Short: "What differs between two recipes or runs",
		Long: `  experiment diff quickstart.toml vicreg.toml
  experiment diff runs/a runs/b

Compares two resolved recipes setting by setting, and says where each value is from. For two run folders it compares
their results too. Runs beside them that share all settings but the seed count with them: results are means over the
seeds that both sides have, and the 95 % interval is Student's of the mean difference. Of one seed it is that of the
test images. --alone leaves the other seeds out.`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeRecipes,
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.Flags().BoolVar(&alone, "alone", false, "compare the two runs alone, without other seeds beside them")
	c.RunE = func(_ *cobra.Command, args []string) error {
		var sides [2]*recipes.Loaded
		for i, arg := range args {
			var err error
			if sides[i], err = a.side(arg); err != nil {
				return err
			}
		}
		changes := overlay.Diff(sides[0].Result, sides[1].Result)
		var groups [2]*compare.Group
		for i, arg := range args {
			if isFolder(arg) {
				group, why, err := compare.Siblings(arg, alone || onlySeed(changes), time.Now())
				if err != nil {
					return err
				}
				if groups[i] = group; why != "" {
					fmt.Fprintf(a.err, "no results of %s: %s\n", arg, why)
				}
			}
		}
		outcomes, err := compare.Outcomes(groups[0], groups[1])
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(a.out).Encode(map[string]any{"a": args[0], "b": args[1], "changes": changes,
				"outcomes": outcomes})
		}
		if len(changes) == 0 {
			fmt.Fprintln(a.out, "the recipes resolve to the same settings")
		} else {
			fmt.Fprint(a.out, overlay.DiffText(args[0], args[1], changes, a.width()))
		}
		if len(outcomes) > 0 {
			fmt.Fprintf(a.out, "\n%s\n%s", compare.SidesText(groups[0], groups[1]), compare.OutcomeTable(outcomes))
		}
		return nil
	}
	return c
}

// onlySeed reports whether two recipes are one with different seeds: then their runs are no groups.
func onlySeed(changes []overlay.Change) bool {
	for _, c := range changes {
		if experiment.IsShared(c.Key) {
			return false
		}
	}
	return true
}

func isFolder(arg string) bool {
	info, err := os.Stat(arg)
	return err == nil && info.IsDir()
}

// side reads a recipe file, a shipped recipe or the recipe of a run folder, whose settings are from where they were
// when the run began.
func (a *app) side(arg string) (*recipes.Loaded, error) {
	if !isFolder(arg) {
		return a.recipe(arg, nil)
	}
	r, err := a.recipe(filepath.Join(arg, experiment.ResolvedFile), nil)
	if err != nil {
		return nil, err
	}
	return r, experiment.WithOrigins(r, arg)
}
