package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"selfsup/datasets"
)

// dataVerb groups what is about data sets.
func dataVerb(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "data pack|verify|info|bench|curate|filter",
		Short: "Pack, verify, describe, time, curate and filter data sets",
		Long: `  experiment data pack photos/ --size 256 --quality 90 -o photos.pack
  experiment data info photos.pack
  experiment data verify photos.pack
  experiment data bench quickstart.toml --workers 1`,
		Args: knownVerb,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	a.add(c, dataPackVerb, dataVerifyVerb, dataInfoVerb, dataBenchVerb, dataCurateVerb, dataFilterVerb)
	return c
}

// leftOut says which samples a command went on without, a line each.
func (a *app) leftOut(skipped []datasets.Skip) {
	for _, s := range skipped {
		fmt.Fprintf(a.err, "left out: %s: %v\n", s.Name, s.Err)
	}
}
