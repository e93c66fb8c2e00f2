package command

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"selfsup/evaluations/maps"
	"selfsup/experiment"
	"selfsup/experiment/compare"
	"selfsup/experiment/folder"
	"selfsup/experiment/inspect"
	"selfsup/experiment/report/figures"
	"selfsup/experiment/report/page"
)

// reportVerb writes runs as one page.
func reportVerb(a *app) *cobra.Command {
	var to, condition, kinds, drawn string
	var pictures, best bool
	var points, thumbs int
	var sets []string
	c := &cobra.Command{
		Use:   "report RUN|FOLDER... [-o report.html]",
		Short: "Write one page of HTML about runs: results, curves, what differs",
		Long: `  experiment report runs/quickstart-20260102-150405-1a2b
  experiment report runs/quickstart-* runs/vicreg-* -o both.html
  experiment report runs --where "method=simclr" -o simclr.html

Writes one file of HTML that needs no other and loads nothing: the runs, their results with intervals, curves by step,
epoch and time, and the settings in which they differ, with the place where each value was written. Of one run the
file is report.html in its folder, where every run writes it at its end.

--pictures adds what the encoder makes of samples, of its last checkpoint or, with --best, of its best: the spectra
of features before and behind the projector, accuracy by every layer, who is taken for whom, maps of test samples in
the plane, test samples with their nearest training samples, the views of the first step, attention of transformers
and reconstructions. This takes the data, and a minute for 2,000 points; of several runs it is done for each, and kept
in the run's folder as pictures.json. No encoder is trained.

--figures writes every figure as files for papers, PNG and SVG; pictures of pixels are PNG alone.`,
		Args: cobra.MinimumNArgs(1),
	}
	c.Flags().StringVarP(&to, "output", "o", "", "`file` to write (default report.html, of one run in its folder)")
	c.Flags().StringVar(&drawn, "figures", "", "write every figure as PNG and SVG into this `folder` too")
	c.Flags().StringVar(&condition, "where", "", "the runs that fulfil this `condition`, as of \"experiment runs\"")
	c.Flags().BoolVar(&pictures, "pictures", false, "compute pictures of the encoders too")
	c.Flags().BoolVar(&best, "best", false, "with --pictures: the best checkpoint instead of the last")
	c.Flags().StringVar(&kinds, "maps", strings.Join(maps.Kinds, ","), "with --pictures: `maps` of test samples, "+
		"or none")
	c.Flags().IntVar(&points, "points", 2000, "with --pictures: test samples, at most")
	c.Flags().IntVar(&thumbs, "thumbs", 32, "with --pictures: `pixels` of a point's picture, 0 for none")
	c.Flags().StringArrayVar(&sets, "set", nil, "with --pictures: say where the data are now, as `key=value`")
	c.RunE = func(c *cobra.Command, args []string) error {
		po := experiment.PortraitOptions{Best: best, Points: points, Thumbs: thumbs, Maps: strings.Split(kinds, ",")}
		if kinds == "none" {
			po.Maps = nil
		}
		for _, kind := range po.Maps {
			if !slices.Contains(maps.Kinds, kind) {
				return usage{fmt.Errorf("%s: --maps %s: want some of %s, or none", c.CommandPath(), kinds,
					strings.Join(maps.Kinds, ", "))}
			}
		}
		if points < 10 || thumbs < 0 || thumbs > 256 {
			return usage{fmt.Errorf("%s: --points %d, --thumbs %d: want 10 points or more, and 0 to 256 pixels",
				c.CommandPath(), points, thumbs)}
		}
		where, err := parseWhere(condition)
		if err != nil {
			return err
		}
		p, runs, err := compare.Page(args, where, time.Now())
		if err != nil {
			return err
		}
		if pictures {
			for i, r := range runs {
				own, err := inspect.Portray(r.Run, po, a.catalog, experiment.Options{Messages: a.err, Sets: sets})
				if err != nil {
					return err
				}
				if of := p.Runs[i].Pictures; of != nil {
					own.Sheets = append(own.Sheets, of.Sheets...)
				}
				p.Runs[i].Pictures = own
			}
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
		if drawn == "" {
			return nil
		}
		files, err := figures.Write(p, drawn)
		if err == nil {
			fmt.Fprintf(a.err, "%d files in %s\n", len(files), drawn)
		}
		return err
	}
	return c
}
