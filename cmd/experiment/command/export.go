package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"selfsup/experiment"
)

// exportVerb writes the encoder of a run for other programs.
func exportVerb(a *app) *cobra.Command {
	var to string
	var best bool
	c := &cobra.Command{
		Use:   "export RUN [-o FILE]",
		Short: "Write the encoder of a run as a safetensors file",
		Long: `  experiment export runs/quickstart-20260102-150405-1a2b
  experiment export runs/quickstart-20260102-150405-1a2b --best -o encoder.safetensors

Writes the parameters and running statistics of the encoder in the last checkpoint, or with --best in the best, and prints the file's
path. A run that comes to its end has written export/encoder.safetensors itself.`,
		Args: cobra.ExactArgs(1),
	}
	c.Flags().StringVarP(&to, "output", "o", "", "`file` to write (default RUN/export/encoder.safetensors)")
	c.Flags().BoolVar(&best, "best", false, "the best checkpoint instead of the last")
	c.RunE = func(_ *cobra.Command, args []string) error {
		path, err := experiment.Export(args[0], to, best, experiment.Options{Messages: a.err})
		if err != nil {
			return err
		}
		fmt.Fprintln(a.out, path)
		return nil
	}
	return c
}
