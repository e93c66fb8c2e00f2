package command

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/spf13/cobra"

	"selfsup/experiment/claims"
	"selfsup/experiment/folder"
	"selfsup/recipes"
)

// claimsVerb trains the arms of claims of the Cookbook and judges them.
func claimsVerb(a *app) *cobra.Command {
	var root, page string
	c := &cobra.Command{
		Use:   "claims [NAME|FOLDER]...",
		Short: "Train what the Cookbook claims, arm against arm over seeds, and judge it",
		Long: `  experiment claims
  experiment claims vicreg-variance --page claims.html

With names it trains every arm of these claims with the claim's seeds, each in a folder below --runs, and prints what
came out: means, the paired difference, its 95 % interval, and a verdict. What is done is not trained again, and what
was interrupted goes on. Without names it prints every claim with what is done so far.

A claim is a folder of recipes with a claim.toml, inside the binary or on disk.`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			names, _ := claims.Names(recipes.Shipped, "claims")
			return names, cobra.ShellCompDirectiveDefault
		},
	}
	c.Flags().StringVar(&root, "runs", "runs/claims", "`folder` of the runs, a folder a claim")
	c.Flags().StringVar(&page, "page", "", "write a page with a figure of every comparison to this `file`")
	c.RunE = func(_ *cobra.Command, args []string) error {
		names, train := args, len(args) > 0
		if !train {
			var err error
			if names, err = claims.Names(recipes.Shipped, "claims"); err != nil {
				return err
			}
		}
		var all []*claims.Outcome
		for _, name := range names {
			out, err := a.claim(claimFolder(name), root, train)
			if err != nil {
				return err
			}
			all = append(all, out)
		}
		fmt.Fprint(a.out, claims.Markdown(all))
		if page == "" {
			return nil
		}
		return folder.Replace(page, func(w io.Writer) error { return claims.Figures(w, all) })
	}
	return c
}

// claim trains a claim, or reads what is done of it.
func (a *app) claim(dir, root string, train bool) (*claims.Outcome, error) {
	if !train {
		return claims.Read(dir, root, a.catalog)
	}
	o, stop := a.options(root)
	defer stop()
	return claims.Run(dir, root, a.catalog, o)
}

// claimFolder is where a claim's recipes are: on disk where there is such a folder, else inside the binary.
func claimFolder(name string) string {
	if _, err := os.Stat(filepath.Join(name, claims.File)); err == nil {
		return name
	}
	return path.Join("claims", name)
}
