package command

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"selfsup/experiment"
	"selfsup/experiment/inspect"
	"selfsup/experiment/report"
	"selfsup/recipes"
)

// showVerb describes what a recipe would run, or what a run has come to.
func showVerb(a *app) *cobra.Command {
	var sets []string
	var dot, origins bool
	c := &cobra.Command{
		Use:   "show RECIPE|RUN|METHOD [--set key=value]...",
		Short: "A recipe resolved and compiled, a run folder's state and results, or a method's equations",
		Long: `  experiment show quickstart.toml
  experiment show quickstart.toml --origins
  experiment show quickstart.toml --dot | dot -Tsvg -o graph.svg
  experiment show runs/quickstart-20260102-150405-1a2b
  experiment show simclr

Prints the recipe with every value spelled out and the training step that it compiles to: parameters, operations, FLOPs
and memory. Of a run folder it prints what is trained, the state, and the results: the table that the run ended with. Of
a method it prints its equations, its paper, where it differs from the authors' code, and its settings, which are the
paper's.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRecipes,
	}
	c.Flags().StringArrayVar(&sets, "set", nil, "change one setting, as `key=value`; may be repeated")
	c.Flags().BoolVar(&dot, "dot", false, "print the graph in Graphviz's language instead")
	c.Flags().BoolVar(&origins, "origins", false, "only the recipe, with the origin of every value")
	c.RegisterFlagCompletionFunc("set", a.completeSets)
	c.RunE = func(_ *cobra.Command, args []string) error {
		if info, err := os.Stat(args[0]); err == nil && info.IsDir() {
			if len(sets) > 0 || dot {
				return usage{fmt.Errorf("%s: --set and --dot are for recipes; that of this run is %s", c.CommandPath(),
					filepath.Join(args[0], experiment.ResolvedFile))}
			}
			return inspect.ShowRun(a.out, args[0], origins, a.catalog)
		}
		if a.catalog.Methods[args[0]] != nil && filepath.Ext(args[0]) == "" {
			if len(sets) > 0 || dot || origins {
				return usage{fmt.Errorf("%s: --set, --dot and --origins are for recipes; %s is a method",
					c.CommandPath(),
					args[0])}
			}
			return a.showMethod(args[0])
		}
		r, err := a.recipe(args[0], sets)
		if err != nil {
			return err
		}
		if origins {
			return r.WriteOrigins(a.out)
		}
		if !dot {
			fmt.Fprintln(a.out, r.Resolved)
		}
		return a.describe(r, dot)
	}
	return c
}

// showMethod prints what the source says of a method, and its settings.
func (a *app) showMethod(name string) error {
	all, err := a.catalog.Describe("methods")
	if err != nil {
		return err
	}
	return a.listSettings(all[slices.IndexFunc(all, func(d recipes.Described) bool { return d.Name == name })])
}

// describe compiles a recipe's training step and prints what it is made of.
func (a *app) describe(r *recipes.Loaded, dot bool) error {
	s, err := experiment.Prepare(r)
	if err != nil {
		return err
	}
	if dot {
		return report.Dot(a.out, s.Train.IR)
	}
	return inspect.Describe(a.out, s)
}
