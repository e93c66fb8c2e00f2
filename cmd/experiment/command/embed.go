package command

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"selfsup/experiment"
	"selfsup/experiment/inspect"
)

// embedVerb writes the features that a run's encoder gives images.
func embedVerb(a *app) *cobra.Command {
	var sets []string
	var e inspect.EmbedOptions
	c := &cobra.Command{
		Use:   "embed RUN DATA -o FILE",
		Short: "Write the features that a run's encoder gives images",
		Long: `  experiment embed runs/quickstart-20260102-150405-1a2b photos/ -o features.npy
  experiment embed runs/quickstart-20260102-150405-1a2b quickstart.toml -o features.safetensors
  experiment embed runs/quickstart-20260102-150405-1a2b photos.pack --best -o features.npy

Gives every image of DATA to the encoder of the last checkpoint, or with --best of the best, and writes a row of float32 numbers for each. DATA is
any folder of images, with or without folders of classes, a pack, or a recipe, whose training images come first and then its test images.
Images are resized, cut and normalised as the run's evaluation does, with the statistics of the checkpoint. A table beside the file, of the same
name with .csv, has the set, name and label of every row; an image of a folder is labelled with the folder that it is in.`,
		Args: cobra.ExactArgs(2),
	}
	c.Flags().StringVarP(&e.To, "output", "o", "", "`file` to write, .npy or .safetensors")
	c.Flags().BoolVar(&e.Best, "best", false, "the best checkpoint instead of the last")
	c.Flags().IntVar(&e.MaxSkipped, "max-skipped", 0,
		"images of a folder that may be left out since they do not decode")
	c.Flags().StringArrayVar(&sets, "set", nil, "change one setting of the recipe that DATA is, as `key=value`; "+
		"may be repeated")
	c.RunE = func(_ *cobra.Command, args []string) error {
		switch filepath.Ext(e.To) {
		case ".npy", ".safetensors":
		case "":
			return usage{fmt.Errorf("%s: want a file to write, as -o features.npy or -o features.safetensors",
				c.CommandPath())}
		default:
			return usage{fmt.Errorf("%s: -o %s: want a name that ends in .npy or .safetensors", c.CommandPath(), e.To)}
		}
		if e.MaxSkipped < 0 {
			return usage{fmt.Errorf("%s: --max-skipped %d: want 0 or more", c.CommandPath(), e.MaxSkipped)}
		}
		got, err := inspect.Embed(args[0], args[1], sets, e, a.catalog, experiment.Options{Messages: a.err})
		if err != nil {
			return err
		}
		for _, s := range got.Skipped {
			fmt.Fprintf(a.err, "left out: %s: %v\n", s.Name, s.Err)
		}
		fmt.Fprintf(a.out, "%s: %d images, %d numbers each; their names: %s\n", got.Features, got.Rows, got.Dim,
			got.Names)
		return nil
	}
	return c
}
