package command

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"selfsup/experiment"
	"selfsup/experiment/claims"
)

// ablateVerb trains a recipe and changes of it, each alone, and compares them.
func ablateVerb(a *app) *cobra.Command {
	var plan claims.Ablation
	var root string
	var measures []string
	var asJSON, dry bool
	c := &cobra.Command{
		Use:   "ablate BASE [RECIPE]... --set key=value [--set key=value]... [--seeds N]",
		Short: "Train a recipe and changes of it, each alone, over seeds, and compare them",
		Long: `  experiment ablate quickstart.toml --set method.simclr.temperature=0.5 --set views.jitter=0 --seeds 3
  experiment ablate quickstart.toml --set "train.batch=256; optimizer.lars.rate=0.3"
  experiment ablate quickstart.toml vicreg.toml --seeds 5 --dry-run

Every --set is one change of BASE, trained beside it with the same seeds; settings that change together are apart by a
semicolon. More recipes are compared with BASE as they are. Each run has a folder below --runs, named by what changed
and the seed. What is done is not trained again, and what was interrupted goes on: the same command, also with more
changes or seeds, adds what is missing. A run that diverges or fails is named, gives the command its exit status, and
does not keep the others from being trained.

The answer is that of "experiment compare", with BASE as what the others are compared with.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeRecipes,
	}
	c.Flags().StringArrayVar(&plan.Changes, "set", nil, "one change, as `key=value`; may be repeated")
	c.Flags().IntVar(&plan.Seeds, "seeds", 3, "how many seeds each is trained with: 1, 2 and so on")
	c.Flags().StringVar(&root, "runs", "runs/ablations", "`folder` of the runs, a folder a base")
	c.Flags().StringArrayVar(&measures, "measure", nil, "`result` to compare, as of \"experiment compare\"; may be "+
		"repeated")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON list, an object a measure")
	c.Flags().BoolVar(&dry, "dry-run", false, "list the folders of what would be trained, and stop")
	c.RegisterFlagCompletionFunc("set", a.completeSets)
	c.RunE = func(_ *cobra.Command, args []string) error {
		plan.Base, plan.Recipes = args[0], args[1:]
		if dry {
			dirs, err := plan.Folders(root, a.catalog)
			for _, dir := range dirs {
				fmt.Fprintln(a.out, dir)
			}
			return err
		}
		o, stop := a.options(root)
		defer stop()
		dirs, err := claims.Ablate(&plan, root, a.catalog, o)
		var stopped *experiment.Stopped
		if len(dirs) == 0 || errors.As(err, &stopped) {
			return err
		}
		return errors.Join(err, a.compare(dirs, nil, "", measures, asJSON))
	}
	return c
}
