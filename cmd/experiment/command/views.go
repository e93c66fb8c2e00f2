package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"selfsup/experiment/inspect"
)

// viewsVerb draws what the network will see.
func viewsVerb(a *app) *cobra.Command {
	var sets []string
	var to string
	var rows int
	var seed int64
	c := &cobra.Command{
		Use:   "views RECIPE -o FILE.png",
		Short: "Draw a contact sheet of what the network will see",
		Long: `  experiment views quickstart.toml -o grid.png
  experiment views mae.toml -o grid.png --rows 16 --seed 2

Writes a PNG image and prints its path: a row for each of the first images of the training's first batch, with the image, each view
before normalisation, and for a method that masks what it hides. These are the views of that step, not examples like them.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRecipes,
	}
	c.Flags().StringArrayVar(&sets, "set", nil, "change one setting, as `key=value`; may be repeated")
	c.Flags().StringVarP(&to, "output", "o", "", "`file` to write, a PNG image")
	c.Flags().IntVar(&rows, "rows", 8, "images, at most a batch")
	c.Flags().Int64Var(&seed, "seed", 0, "another seed than the recipe's")
	c.RegisterFlagCompletionFunc("set", a.completeSets)
	c.RunE = func(c *cobra.Command, args []string) error {
		if to == "" {
			return usage{fmt.Errorf("%s: want a file to write, as -o grid.png", c.CommandPath())}
		}
		if rows < 1 || rows > 1024 {
			return usage{fmt.Errorf("%s: --rows %d: want 1 to 1024", c.CommandPath(), rows)}
		}
		if c.Flags().Changed("seed") {
			sets = append(sets, fmt.Sprintf("seed=%d", seed))
		}
		r, err := a.recipe(args[0], sets)
		if err != nil {
			return err
		}
		if err := inspect.ContactSheet(r, rows, to); err != nil {
			return err
		}
		fmt.Fprintln(a.out, to)
		return nil
	}
	return c
}
