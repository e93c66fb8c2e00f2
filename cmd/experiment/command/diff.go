package command

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"selfsup/experiment"
	"selfsup/recipes"
	"selfsup/recipes/overlay"
)

// diffVerb compares two recipes, or two runs, setting by setting.
func diffVerb(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "diff A B",
		Short: "What differs between two recipes or runs",
		Long: `  experiment diff quickstart.toml vicreg.toml
  experiment diff runs/a runs/b

Compares two resolved recipes setting by setting. For two run folders it compares their results too.`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeRecipes,
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.RunE = func(_ *cobra.Command, args []string) error {
		var sides [2]side
		for i, arg := range args {
			var err error
			if sides[i], err = a.side(arg); err != nil {
				return err
			}
		}
		changes := overlay.Diff(sides[0].recipe.Result, sides[1].recipe.Result)
		outcomes := experiment.Compare(sides[0].summary, sides[1].summary)
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
			fmt.Fprintf(a.out, "\n%s", experiment.OutcomeTable(outcomes))
		}
		return nil
	}
	return c
}

// side is one side of a comparison.
type side struct {
	recipe  *recipes.Loaded
	summary *experiment.Summary // of a finished run
}

// side reads a recipe file, a shipped recipe or a run folder.
func (a *app) side(arg string) (side, error) {
	if info, err := os.Stat(arg); err != nil || !info.IsDir() {
		r, err := a.recipe(arg, nil)
		return side{recipe: r}, err
	}
	r, err := a.recipe(filepath.Join(arg, experiment.ResolvedFile), nil)
	if err != nil {
		return side{}, err
	}
	s, err := experiment.ReadSummary(arg)
	return side{r, s}, err
}
