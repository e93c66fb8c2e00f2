package command

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"selfsup/experiment"
	"selfsup/experiment/compare"
	"selfsup/experiment/folder"
	"selfsup/experiment/report/page"
)

// reportVerb writes runs as one page.
func reportVerb(a *app) *cobra.Command {
	var to, condition string
	c := &cobra.Command{
		Use:   "report RUN|FOLDER... [-o report.html]",
		Short: "Write one page of HTML about runs: results, curves, what differs",
		Long: `  experiment report runs/quickstart-20260102-150405-1a2b
  experiment report runs/quickstart-* runs/vicreg-* -o both.html
  experiment report runs --where "method=simclr" -o simclr.html

Writes one file of HTML that needs no other and loads nothing: the runs, their results with intervals, curves by step,
epoch and time, and the settings in which they differ, with the place where each value was written. Of one run the
file is report.html in its folder, where every run writes it at its end.`,
		Args: cobra.MinimumNArgs(1),
	}
	c.Flags().StringVarP(&to, "output", "o", "", "`file` to write (default report.html, of one run in its folder)")
	c.Flags().StringVar(&condition, "where", "", "the runs that fulfil this `condition`, as of \"experiment runs\"")
	c.RunE = func(_ *cobra.Command, args []string) error {
		where, err := parseWhere(condition)
		if err != nil {
			return err
		}
		p, runs, err := compare.Page(args, where, time.Now())
		if err != nil {
			return err
		}
		if to == "" {
			if to = experiment.ReportFile; len(runs) == 1 {
				to = filepath.Join(runs[0].Run, experiment.ReportFile)
			}
		}
		if err := folder.Replace(to, func(w io.Writer) error { return page.Write(w, p) }); err != nil {
			return fmt.Errorf("%s: %w", to, err)
		}
		fmt.Fprintln(a.out, to)
		return nil
	}
	return c
}
