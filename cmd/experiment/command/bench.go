package command

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"selfsup/experiment"
	"selfsup/experiment/inspect"
)

// benchVerb times a recipe's training step.
func benchVerb(a *app) *cobra.Command {
	var sets []string
	var steps int
	var asJSON, byShape, beside bool
	c := &cobra.Command{
		Use:   "bench RECIPE [--steps N] [--shapes]",
		Short: "Time a recipe's training step",
		Long: `  experiment bench quickstart.toml
  experiment bench emoji-simclr.toml --set backbone.resnet.width=1 --set train.batch=64 --json
  experiment bench vicreg.toml --steps 20 --shapes
  mpirun -np 2 experiment bench quickstart.toml --threads 1

Runs the compiled training step on random inputs: the step, not the data pipeline. Prints median and least time, images per second,
GFLOPS, peak memory, and the share of every operation, with --shapes for every shape of its operands.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRecipes,
	}
	c.Flags().StringArrayVar(&sets, "set", nil, "change one setting, as `key=value`; may be repeated")
	c.Flags().IntVar(&steps, "steps", 5, "steps to time, after one that warms up")
	c.Flags().BoolVar(&byShape, "shapes", false, "a row for every shape of an operation's operands")
	c.Flags().BoolVar(&beside, "overlap", true, "on several ranks: sum gradients over them while the backward pass "+
		"goes on; =false has the step wait for every sum")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.RegisterFlagCompletionFunc("set", a.completeSets)
	c.RunE = func(_ *cobra.Command, args []string) error {
		if steps < 1 {
			return usage{fmt.Errorf("%s: --steps %d: want at least 1", c.CommandPath(), steps)}
		}
		r, err := a.recipe(args[0], sets)
		if err != nil {
			return err
		}
		if err := a.join(); err != nil {
			return err
		}
		s, err := experiment.PrepareAmong(r, a.line(!beside))
		if err != nil {
			return err
		}
		b, err := inspect.Benchmark(s, steps, byShape)
		if err != nil {
			return err
		}
		if !a.ranks.Lead() {
			return nil
		}
		if asJSON {
			return json.NewEncoder(a.out).Encode(b)
		}
		fmt.Fprint(a.out, b.Table())
		return nil
	}
	return c
}
