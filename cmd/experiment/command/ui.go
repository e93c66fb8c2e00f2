package command

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"selfsup/experiment/live"
)

// uiVerb serves runs while they go on.
func uiVerb(a *app) *cobra.Command {
	var root string
	var port int
	c := &cobra.Command{
		Use:   "ui [--runs DIR]",
		Short: "Watch runs in a browser, on this machine alone",
		Long: `  experiment ui
  experiment ui --runs /data/runs --port 8080
  ssh -L 8080:localhost:8080 machine experiment ui --port 8080

Serves the page of "experiment report" for the newest 50 runs in a folder, with curves that grow while the runs go on,
and for each run alone. It listens on the loopback interface (127.0.0.1), answers to that name and to localhost alone,
reads the runs and changes nothing. Ctrl-C ends it.`,
		Args: cobra.NoArgs,
	}
	c.Flags().StringVar(&root, "runs", orDefault(os.Getenv("EXPERIMENT_RUNS"), "runs"), "`folder` that runs are in; "+
		"also EXPERIMENT_RUNS")
	c.Flags().IntVar(&port, "port", 0, "`number` of the port (default one that is free)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if port < 0 || port > 65535 {
			return usage{fmt.Errorf("%s: --port %d: want 1 to 65535, or 0 for one that is free", c.CommandPath(), port)}
		}
		ctx, stop := leaving()
		defer stop()
		s := &live.Server{Root: root, Port: port}
		return s.Serve(ctx, func(address string) { fmt.Fprintln(a.out, address) })
	}
	return c
}
