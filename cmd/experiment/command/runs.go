package command

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"selfsup/experiment"
)

// runsVerb lists runs.
func runsVerb(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "runs [DIR]",
		Short: "List runs with their state, steps, results, and what --set changed",
		Long: `  experiment runs
  experiment runs /data/runs --json

Lists the run folders in DIR (default runs, or EXPERIMENT_RUNS), the oldest first: state, steps at the newest checkpoint, the trained
encoder's first result, and what --set changed. "killed" is a run that says running and has shown no sign of it for ten minutes. --json has every
result.`,
		Args: cobra.MaximumNArgs(1),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON list of objects")
	c.RunE = func(_ *cobra.Command, args []string) error {
		root := orDefault(os.Getenv("EXPERIMENT_RUNS"), "runs")
		if len(args) > 0 {
			root = args[0]
		}
		runs, err := experiment.History(root, time.Now())
		if err != nil {
			return err
		}
		if asJSON {
			if runs == nil {
				runs = []experiment.Past{}
			}
			return json.NewEncoder(a.out).Encode(runs)
		}
		if len(runs) == 0 {
			fmt.Fprintf(a.err, "no runs in %s\n", root)
		}
		fmt.Fprint(a.out, experiment.HistoryTable(runs, a.width()))
		return nil
	}
	return c
}
