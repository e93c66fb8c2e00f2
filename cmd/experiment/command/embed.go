package command

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"selfsup/experiment"
	"selfsup/experiment/inspect"
)

// embedVerb writes the features that a run's encoder gives samples.
func embedVerb(a *app) *cobra.Command {
	var sets []string
	var e inspect.EmbedOptions
	c := &cobra.Command{
		Use:   "embed RUN DATA -o FILE",
		Short: "Write the features that a run's encoder gives images or other samples",
		Long: `  experiment embed runs/quickstart-20260102-150405-1a2b photos/ -o features.npy
  experiment embed runs/quickstart-20260102-150405-1a2b quickstart.toml -o features.parquet
  experiment embed runs/quickstart-20260102-150405-1a2b photos.pack --best -o features.safetensors

Gives every sample of DATA to the encoder of the last checkpoint, or with --best of the best, and writes a row of
float32 numbers for each. DATA is any folder of images, with or without folders of classes, a pack, a recipe, whose
training samples come first and then its test samples, or a file with a [dataset.X] table alone. Encoders of rows,
texts, waves and clips take the samples of a recipe or of such a file.

Samples are made ready as the run's evaluation does it, with what the checkpoint knows of the training data: the
statistics of pixels and columns, the categories, the vocabulary. Rows find their columns by name. A table beside the
file, of the same name with .csv, has the set, name and label of every row; a .parquet file has them as columns. An
image of a folder is labelled with the folder that it is in.`,
		Args: cobra.ExactArgs(2),
	}
	formats := inspect.FeatureFormats()
	c.Flags().StringVarP(&e.To, "output", "o", "", "`file` to write, "+strings.Join(formats, ", "))
	c.Flags().BoolVar(&e.Best, "best", false, "the best checkpoint instead of the last")
	c.Flags().IntVar(&e.MaxSkipped, "max-skipped", 0,
		"images of a folder that may be left out since they do not decode")
	c.Flags().StringArrayVar(&sets, "set", nil, "change one setting of the recipe that DATA is, as `key=value`; "+
		"may be repeated")
	c.RunE = func(_ *cobra.Command, args []string) error {
		switch ext := filepath.Ext(e.To); {
		case e.To == "":
			return usage{fmt.Errorf("%s: want a file to write, as -o features.npy or -o features.parquet",
				c.CommandPath())}
		case !slices.Contains(formats, ext):
			return usage{fmt.Errorf("%s: -o %s: want a name that ends in one of %s", c.CommandPath(), e.To,
				strings.Join(formats, ", "))}
		}
		if e.MaxSkipped < 0 {
			return usage{fmt.Errorf("%s: --max-skipped %d: want 0 or more", c.CommandPath(), e.MaxSkipped)}
		}
		got, err := inspect.Embed(args[0], args[1], sets, e, a.catalog, experiment.Options{Messages: a.err})
		if err != nil {
			return err
		}
		a.leftOut(got.Skipped)
		names := "their names: " + got.Names
		if got.Names == "" {
			names = "with their names"
		}
		fmt.Fprintf(a.out, "%s: %d %s, %d numbers each; %s\n", got.Features, got.Rows, got.Noun, got.Dim, names)
		return nil
	}
	return c
}
