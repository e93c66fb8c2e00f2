package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"selfsup/datasets/images/pack"
	"selfsup/experiment/inspect"
)

// dataPackVerb writes a data set into one file.
func dataPackVerb(a *app) *cobra.Command {
	var sets []string
	var out string
	var o pack.Options
	c := &cobra.Command{
		Use:   "pack RECIPE_OR_DIR -o FILE",
		Short: "Write a data set into one indexed file",
		Long: `  experiment data pack photos/ -o photos.pack
  experiment data pack photos/ --size 256 --quality 90 -o photos.pack
  experiment data pack emoji-simclr.toml --raw -o emoji.pack
  experiment data pack flights.toml -o flights.rows

Writes the training and test images of a folder or a recipe's data set into one file, which a recipe reads with [dataset.pack] path = FILE:
any image at once, each under a checksum. Without options every image stays as it is: as its file where there is one, else as pixels. With
--size and without --quality images that became smaller are held as pixels. The file appears under its name when it is whole; the same
images give the same bytes.

Of a recipe with dataset.table the rows are written, for [dataset.packed_rows] path = FILE: the text is read row by row
and is never in memory. Without a test file a row is kept for the test with the probability test_fraction.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRecipes,
	}
	c.Flags().StringVarP(&out, "output", "o", "", "the `file` to write")
	c.Flags().StringArrayVar(&sets, "set", nil, "change one setting of the recipe, as `key=value`; may be repeated")
	c.Flags().IntVar(&o.Size, "size", 0, "reduce larger images to this shorter side in `pixels`, antialiased")
	c.Flags().IntVar(&o.Quality, "quality", 0, "hold every image as JPEG of this quality, `1 to 100`")
	c.Flags().BoolVar(&o.Raw, "raw", false, "hold every image as pixels: larger, and fastest to read")
	c.RegisterFlagCompletionFunc("set", a.completeSets)
	c.RunE = func(c *cobra.Command, args []string) error {
		if out == "" {
			return usage{fmt.Errorf("%s: no output, want -o FILE", c.CommandPath())}
		}
		if c.Flags().Changed("quality") && o.Quality == 0 {
			return usage{fmt.Errorf("%s: --quality 0: want 1 to 100", c.CommandPath())}
		}
		if err := o.Validate(); err != nil {
			return usage{fmt.Errorf("%s: %w", c.CommandPath(), err)}
		}
		ctx, stop := leaving()
		defer stop()
		if table, err := inspect.OpenTable(args[0], sets, a.catalog); table != nil {
			if o != (pack.Options{}) {
				return usage{fmt.Errorf("%s: --size, --quality and --raw are of images, and %s has rows of a table",
					c.CommandPath(), args[0])}
			}
			r, err := table.Write(ctx, out)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "%s: %d training and %d test rows, %.1f MB\n", out, r.Train, r.Test,
				float64(r.Bytes)/1e6)
			a.leftOut(r.Skipped)
			return nil
		} else if err != nil {
			return err
		}
		d, err := inspect.OpenData(args[0], sets, a.catalog)
		if err != nil {
			return err
		}
		r, err := d.WritePack(ctx, out, o)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%s: %d training and %d test images, %d of them as image files, %.1f MB\n", out, r.Train,
			r.Test, r.Files, float64(r.Bytes)/1e6)
		a.leftOut(d.Skipped)
		return nil
	}
	return c
}
