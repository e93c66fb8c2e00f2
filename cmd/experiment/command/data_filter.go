package command

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"selfsup/experiment"
	"selfsup/experiment/inspect"
)

// dataFilterVerb keeps the pairs of samples and captions that a trained run finds to belong together.
func dataFilterVerb(a *app) *cobra.Command {
	o := inspect.FilterOptions{Keep: 0.7}
	var asJSON bool
	c := &cobra.Command{
		Use:   "filter RUN -o FILE",
		Short: "Keep the pairs of samples and captions that a trained run finds to belong together",
		Long: `  experiment data filter runs/clip-20260102-150405-1a2b --keep 0.7 -o clean.toml

Gives the training set of RUN, whose method has a tower for captions, to both of its towers, and keeps the share of the
pairs whose cosine is the largest. FILE.toml is a list, which a recipe of the same data set takes as its base or copies:
[subset.listed]. A table beside it, FILE.csv, has every pair, the best first.`,
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.Float64Var(&o.Keep, "keep", o.Keep, "`share` of the pairs that is kept")
	f.StringVarP(&o.To, "output", "o", "", "`file` to write, .toml")
	f.BoolVar(&o.Best, "best", false, "the best checkpoint instead of the last")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if o.To == "" {
			return usage{fmt.Errorf("%s: want -o FILE", c.CommandPath())}
		}
		ctx, stop := leaving()
		defer stop()
		got, err := inspect.Filter(ctx, args[0], o, a.catalog, experiment.Options{Messages: a.err})
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(a.out).Encode(got)
		}
		fmt.Fprint(a.out, got.Report(o.To))
		return nil
	}
	return c
}
