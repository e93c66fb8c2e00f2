package command

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"selfsup/experiment"
	"selfsup/experiment/inspect"
)

// neighboursVerb finds the images that a run's encoder takes for alike.
func neighboursVerb(a *app) *cobra.Command {
	var n inspect.NeighbourOptions
	var asJSON bool
	c := &cobra.Command{
		Use:   "neighbours RUN [DATA] --query FILE",
		Short: "Find the images that are nearest to a query, as a run's encoder sees them",
		Long: `  experiment neighbours runs/quickstart-20260102-150405-1a2b --query shoe.png
  experiment neighbours runs/quickstart-20260102-150405-1a2b photos/ --query a.jpg --query b.jpg -k 5 --sheet near.png

Prints the names, labels and similarities (cosines of the features) of the images nearest to each query, the nearest
first. DATA is what it is for embed: a folder of images, a pack, a recipe, or a file with a [dataset.X] table alone;
without it the images are those of the run's own data set, for training and for the test. --sheet draws each query with
its neighbours. A query of other channels than the encoder takes is refused, or with --convert made grey or colour.`,
		Args: cobra.RangeArgs(1, 2),
	}
	c.Flags().StringArrayVar(&n.Queries, "query", nil, "image `file`; may be repeated")
	c.Flags().IntVarP(&n.K, "neighbours", "k", 9, "images for each query")
	c.Flags().StringVar(&n.Sheet, "sheet", "", "contact sheet to draw, a PNG `file`")
	c.Flags().BoolVar(&n.Best, "best", false, "the best checkpoint instead of the last")
	c.Flags().BoolVar(&n.Convert, "convert", false, "give queries the channels that the encoder takes")
	c.Flags().IntVar(&n.MaxSkipped, "max-skipped", 0,
		"images of a folder that may be left out since they do not decode")
	c.Flags().StringArrayVar(&n.Sets, "set", nil, "change one setting of the recipe that DATA is, as `key=value`; "+
		"may be repeated")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.RunE = func(_ *cobra.Command, args []string) error {
		switch {
		case len(n.Queries) == 0:
			return usage{fmt.Errorf("%s: want an image to look for, as --query FILE", c.CommandPath())}
		case n.K < 1:
			return usage{fmt.Errorf("%s: -k %d: want 1 or more", c.CommandPath(), n.K)}
		case n.MaxSkipped < 0:
			return usage{fmt.Errorf("%s: --max-skipped %d: want 0 or more", c.CommandPath(), n.MaxSkipped)}
		case n.Sheet != "" && filepath.Ext(n.Sheet) != ".png":
			return usage{fmt.Errorf("%s: --sheet %s: want a name that ends in .png", c.CommandPath(), n.Sheet)}
		}
		if len(args) == 2 {
			n.Data = args[1]
		}
		got, err := inspect.Neighbours(args[0], n, a.catalog, experiment.Options{Messages: a.err})
		if err != nil {
			return err
		}
		a.leftOut(got.Skipped)
		if asJSON {
			return json.NewEncoder(a.out).Encode(got)
		}
		fmt.Fprint(a.out, got)
		if n.Sheet != "" {
			fmt.Fprintln(a.out, n.Sheet)
		}
		return nil
	}
	return c
}
