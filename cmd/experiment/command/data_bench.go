package command

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"selfsup/experiment/inspect"
)

// dataBenchVerb times a recipe's data pipeline.
func dataBenchVerb(a *app) *cobra.Command {
	var sets []string
	var workers int
	var seconds float64
	var asJSON bool
	c := &cobra.Command{
		Use:   "bench RECIPE [--workers N] [--seconds S]",
		Short: "Time a recipe's view pipeline",
		Long: `  experiment data bench quickstart.toml --workers 1
  experiment data bench quickstart.toml --set views.blur=0.5 --seconds 10 --json

Makes the batches of a recipe's training and drops them: read, decode and augment, without a training step. Prints source images per
second, and allocations an image.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRecipes,
	}
	c.Flags().StringArrayVar(&sets, "set", nil, "change one setting, as `key=value`; may be repeated")
	c.Flags().IntVar(&workers, "workers", 0, "goroutines that make views; 0: as the recipe says")
	c.Flags().Float64Var(&seconds, "seconds", 4, "time to measure")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.RegisterFlagCompletionFunc("set", a.completeSets)
	c.RunE = func(_ *cobra.Command, args []string) error {
		if workers < 0 || workers > 1024 {
			return usage{fmt.Errorf("%s: --workers %d: want 0 to 1024", c.CommandPath(), workers)}
		}
		if !(seconds > 0 && seconds <= 3600) {
			return usage{fmt.Errorf("%s: --seconds %v: want above 0, at most 3600", c.CommandPath(), seconds)}
		}
		r, err := a.recipe(args[0], sets)
		if err != nil {
			return err
		}
		b, err := inspect.BenchmarkData(r, workers, seconds)
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(a.out).Encode(b)
		}
		fmt.Fprint(a.out, b)
		return nil
	}
	return c
}
