package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"selfsup/experiment"
)

// tableVerb prints the results of finished runs as a table in Markdown.
func tableVerb(a *app) *cobra.Command {
	var against string
	c := &cobra.Command{
		Use:   "table RUN...",
		Short: "Results of finished runs as a Markdown table, over seeds, with intervals and paired tests",
		Long: `  experiment table runs/quickstart-* runs/vicreg-* --against quickstart

A row for every recipe and accuracy: mean and deviation over the runs of one name, which differ in the seed alone; the
95 % interval that the number of test images leaves open; and differences from the untrained encoder, the pixels and
another recipe, tested image by image.`,
		Args: cobra.MinimumNArgs(1),
	}
	c.Flags().StringVar(&against, "against", "", "name of the `RECIPE` that the others are compared with")
	c.RunE = func(_ *cobra.Command, args []string) error {
		t, err := experiment.ReadResults(args, against)
		if err != nil {
			return err
		}
		fmt.Fprint(a.out, t.Markdown())
		return nil
	}
	return c
}
