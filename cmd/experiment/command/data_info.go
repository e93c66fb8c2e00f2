package command

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"selfsup/experiment/inspect"
)

// dataInfoVerb describes a data set.
func dataInfoVerb(a *app) *cobra.Command {
	var sets []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "info PACK|RECIPE|DIR|SOURCE",
		Short: "Count a data set's images, classes, sizes and pixels",
		Long: `  experiment data info quickstart.toml
  experiment data info photos.pack --json

Prints the images of each set and class, their sizes, and the mean and standard deviation of every channel (byte 255 is 1).`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRecipes,
	}
	c.Flags().StringArrayVar(&sets, "set", nil, "change one setting of the recipe, as `key=value`; may be repeated")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.RegisterFlagCompletionFunc("set", a.completeSets)
	c.RunE = func(_ *cobra.Command, args []string) error {
		d, err := inspect.OpenAny(args[0], sets, a.catalog)
		if err != nil {
			return err
		}
		info, err := d.Describe()
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(a.out).Encode(info)
		}
		fmt.Fprint(a.out, info)
		return nil
	}
	return c
}
