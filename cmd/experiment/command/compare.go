package command

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"selfsup/experiment/compare"
)

// compareVerb sets finished runs side by side.
func compareVerb(a *app) *cobra.Command {
	var against, condition string
	var measures []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "compare RUN|FOLDER...",
		Short: "Runs side by side: the settings that differ, means over seeds, paired differences",
		Long: `  experiment compare runs/quickstart-* runs/vicreg-*
  experiment compare runs --where "name~^cifar and train.batch=256"
  experiment compare runs/ablations/quickstart --against quickstart --measure knn --measure untrained.linear

Runs that share all settings but seeds are one row: the mean over their seeds and the deviation. Columns are the
settings in which the rows differ; what follows from a choice, such as a method's own settings beside the method, is
left to "experiment diff". The difference from the first row, or from that of --against, is taken seed by seed, and
its 95 % interval is Student's of the mean; "within noise" says that the interval has 0 in it. Of one pair of runs the
interval is that of the test images, and rows without a seed in common are compared mean with mean. Every interval
stands for itself: of twenty changes without effect one is expected to look like one. Runs that are not done are named
and left out. A FOLDER stands for all runs in it, of which --where picks some.

--measure names a result as "experiment runs --where" does: knn, knn.top5, untrained.knn, "knn k=20 top1". Without it
the tables are of every protocol's first metric.`,
		Args: cobra.MinimumNArgs(1),
	}
	c.Flags().StringVar(&against, "against", "", "name or folder of the `RUN` that the others are compared with")
	c.Flags().StringVar(&condition, "where", "", "compare the runs that fulfil this `condition`, as of \"experiment "+
		"runs\"")
	c.Flags().StringArrayVar(&measures, "measure", nil, "`result` to compare; may be repeated")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON list, an object a measure")
	c.RunE = func(_ *cobra.Command, args []string) error {
		where, err := parseWhere(condition)
		if err != nil {
			return err
		}
		return a.compare(args, where, against, measures, asJSON)
	}
	return c
}

// compare prints finished runs side by side.
func (a *app) compare(dirs []string, where *compare.Where, against string, measures []string, asJSON bool) error {
	groups, remarks, err := compare.Read(dirs, where, time.Now())
	if err != nil {
		return err
	}
	for _, remark := range remarks {
		fmt.Fprintln(a.err, remark)
	}
	base := groups[0]
	if against != "" {
		if base = compare.Find(groups, against); base == nil {
			return usage{fmt.Errorf("--against %s: none of the runs is called that; want one of %s", against,
				compare.Labels(groups))}
		}
	}
	tables, err := compare.Tables(groups, base, measures)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(tables)
	}
	_, err = fmt.Fprint(a.out, compare.Text(tables, a.width()))
	return err
}
