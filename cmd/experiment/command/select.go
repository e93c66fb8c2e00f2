package command

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"selfsup/experiment"
)

// selectVerb chooses among runs without labels.
func selectVerb(a *app) *cobra.Command {
	var by, oracle string
	var asJSON bool
	c := &cobra.Command{
		Use:   "select RUN...",
		Short: "Choose among runs, or moments of one run, without labels, and say what labels say of it",
		Long: `  experiment select runs/temperature-*
  experiment select runs/ablations --by rankme --oracle knn.top5
  experiment select runs/one

Ranks finished runs, or those in a folder of runs, by what was measured of the trained encoder without labels (tables
such as [evaluate.rankme] in all of their recipes), and says which run each such number chooses. Runs that differ in the
seed alone are one candidate, whose numbers are means. Of one run the candidates are the moments of its training that
were evaluated (every in those tables). clid is the sum of clid learnability and clid dimension, each scaled to mean 0
and deviation 1 over the candidates.

Where there are labels it prints the regret: the accuracy of the oracle, the best by the test labels in hindsight, less
that of the chosen run; p of that difference, image by image; and Kendall's tau of the two orders. Of one run the labels
are those of the validation split. They choose nothing.`,
		Args: cobra.MinimumNArgs(1),
	}
	c.Flags().StringVar(&by, "by", "", "`NUMBER` to choose by, such as rankme or \"spectrum nesum\" (default each)")
	c.Flags().StringVar(&oracle, "oracle", "", "`ACCURACY` of the regret, such as linear or \"knn k=20 top1\" "+
		"(default the first)")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.RunE = func(_ *cobra.Command, args []string) error {
		s, err := experiment.Select(args, by, oracle)
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(a.out).Encode(s)
		}
		fmt.Fprint(a.out, s.Table())
		return nil
	}
	return c
}
