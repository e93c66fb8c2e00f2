package command

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"selfsup/experiment/inspect"
)

// dataVerifyVerb reads every sample of a data set.
func dataVerifyVerb(a *app) *cobra.Command {
	var sets []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify PACK|RECIPE|DIR|SOURCE",
		Short: "Read and decode every sample of a data set",
		Long: `  experiment data verify photos.pack

Reads and decodes every image, or every sample of a file with a [data.X] table, compares every checksum of a pack, and names those that
are damaged, or do not decode and were left out, and images that occur in both sets. Status 3 if any is damaged, or left out where no recipe allows that.`,
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
		v := d.Verify()
		if asJSON {
			if err := json.NewEncoder(a.out).Encode(v); err != nil {
				return err
			}
			return v.Err(args[0])
		}
		for _, s := range v.LeftOut {
			fmt.Fprintf(a.out, "left out: %s: %s\n", s.Name, s.Error)
		}
		for _, s := range v.Damaged {
			fmt.Fprintf(a.out, "damaged: %s sample %d, %s: %s\n", s.Set, s.Sample, s.Name, s.Error)
		}
		for _, t := range v.Both {
			fmt.Fprintf(a.out, "in both sets: %s\n", t)
		}
		for _, note := range v.Notes {
			fmt.Fprintf(a.out, "note: %s\n", note)
		}
		fmt.Fprintf(a.out, "%s: %d samples read, %d damaged, %d left out\n", args[0], v.Samples, len(v.Damaged),
			len(v.LeftOut))
		return v.Err(args[0])
	}
	return c
}
