package command

import (
	"fmt"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"selfsup/recipes"
)

// listVerb prints what a recipe can name.
func listVerb(a *app) *cobra.Command {
	what := map[string]func() []string{
		"methods":     func() []string { return names(a.catalog.Methods) },
		"backbones":   func() []string { return names(a.catalog.Backbones) },
		"datasets":    func() []string { return names(a.catalog.Datasets) },
		"samplers":    func() []string { return names(a.catalog.Samplers) },
		"subsets":     func() []string { return names(a.catalog.Subsets) },
		"optimizers":  func() []string { return names(a.catalog.Optimizers) },
		"evaluations": func() []string { return names(a.catalog.Evaluations) },
		"recipes":     recipes.Names,
	}
	return &cobra.Command{
		Use:       "list " + strings.Join(names(what), "|"),
		Short:     "What a recipe can name",
		Long:      "  experiment list methods\n\nPrints the names that a recipe's tables can have, such as [method.simclr], and the recipes inside the binary.",
		ValidArgs: names(what),
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, n := range what[args[0]]() {
				fmt.Fprintln(a.out, n)
			}
			return nil
		},
	}
}

// names are the keys of a catalog in order.
func names[T any](m map[string]T) []string {
	ns := make([]string, 0, len(m))
	for n := range m {
		ns = append(ns, n)
	}
	sort.Strings(ns)
	return ns
}
