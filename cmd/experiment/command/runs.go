package command

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"selfsup/experiment"
	"selfsup/experiment/compare"
)

// runsVerb lists runs.
func runsVerb(a *app) *cobra.Command {
	var asJSON bool
	var where string
	c := &cobra.Command{
		Use:   "runs [DIR] [--where CONDITION]",
		Short: "List runs with their state, steps, results, and what --set changed",
		Long: `  experiment runs
  experiment runs --where "method=simclr and knn>0.8"
  experiment runs /data/runs --json

Lists the run folders in DIR (default runs, or EXPERIMENT_RUNS), the oldest first: state, steps at the newest
checkpoint, the trained encoder's first result, and what --set changed. "killed" is a run that says running and has
shown no sign of it for ten minutes, "unreadable" a folder of which something is missing or damaged; the reason
follows. --json has every result.

--where lists the runs that fulfil a condition: comparisons (=, !=, <, <=, >, >=, and ~ for a regular expression)
joined by and, or, not and brackets. Names are settings (method, train.batch, method.*.temperature, where * is any
word), results (knn is the trained encoder's first value of that protocol; knn.top5, untrained.knn, "knn k=20 top1" in
quotes), and run, state, step, steps, seconds, loss, began. What a run lacks fulfils no comparison. Numbers are
compared as numbers, also with a unit: train.length>"50 epochs".`,
		Args: cobra.MaximumNArgs(1),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON list of objects")
	c.Flags().StringVar(&where, "where", "", "list the runs that fulfil this `condition`")
	c.RunE = func(_ *cobra.Command, args []string) error {
		root := orDefault(os.Getenv("EXPERIMENT_RUNS"), "runs")
		if len(args) > 0 {
			root = args[0]
		}
		condition, err := parseWhere(where)
		if err != nil {
			return err
		}
		defer debug.SetGCPercent(debug.SetGCPercent(400)) // listing thousands of runs is short
		runs, err := experiment.History(root, time.Now())
		if err != nil {
			return err
		}
		a.tellUnreadable(runs)
		total := len(runs)
		if condition != nil {
			if runs, err = condition.Of(runs); err != nil {
				return err
			}
		}
		if asJSON {
			if runs == nil {
				runs = []experiment.Past{}
			}
			return json.NewEncoder(a.out).Encode(runs)
		}
		switch {
		case total == 0:
			fmt.Fprintf(a.err, "no runs in %s\n", root)
		case len(runs) == 0:
			fmt.Fprintf(a.err, "none of the %d runs in %s fulfils --where %s\n", total, root, where)
		}
		fmt.Fprint(a.out, experiment.HistoryTable(runs, a.width()))
		return nil
	}
	return c
}

// parseWhere reads a condition on runs; nil: there is none.
func parseWhere(text string) (*compare.Where, error) {
	if text == "" {
		return nil, nil
	}
	return compare.ParseWhere(text)
}

// tellUnreadable says what is wrong with folders that cannot be read; the first five are named.
func (a *app) tellUnreadable(runs []experiment.Past) {
	n := 0
	for _, p := range runs {
		if p.State != experiment.Unreadable {
			continue
		}
		if n++; n <= 5 {
			fmt.Fprintf(a.err, "unreadable: %s\n", p.Error)
		}
	}
	if n > 5 {
		fmt.Fprintf(a.err, "unreadable: %d more\n", n-5)
	}
}
