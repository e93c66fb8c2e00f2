package command

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"selfsup/experiment"
)

// decodeVerb makes images of what a run's encoder says of images.
func decodeVerb(a *app) *cobra.Command {
	o := experiment.DefaultDecode()
	var asJSON bool
	c := &cobra.Command{
		Use:   "decode RUN -o FILE",
		Short: "See what a run's representations hold, by images that a diffusion model makes of them",
		Long: `  experiment decode runs/quickstart-20260102-150405-1a2b -o decoded.png
  experiment decode runs/quickstart-20260102-150405-1a2b -o decoded.png --steps 6000 --sampler ddpm

Trains a small diffusion model on the run's training images, given what the frozen encoder says of each, and makes
several images of the representation of each of some test images. What they share the representation holds; what
differs it does not. The backbone stands beside the projector, rows of the sheet, with the variance of each pixel and
the training image that is nearest to the first sample: one that is as near as a copy was learned by heart.

The models stay in the run's folder, in decode/backbone and decode/projector. The same command goes on with them: after
an interruption from the last 200 steps, with more --steps from where they ended.

Bordes, Balestriero and Vincent 2021, RCDM, arXiv:2112.09164.`,
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.StringVarP(&o.Output, "output", "o", "", "sheet to draw, a PNG `file`")
	f.BoolVar(&o.Best, "best", false, "the best checkpoint instead of the last")
	f.IntVar(&o.Steps, "steps", o.Steps, "steps of training for each model")
	f.IntVar(&o.Batch, "batch", o.Batch, "images of a step")
	f.Float64Var(&o.Rate, "rate", o.Rate, "learning rate")
	f.IntSliceVar(&o.Widths, "widths", o.Widths, "channels of the network's levels, the finest first")
	f.IntVar(&o.Noises, "noises", o.Noises, "steps from an image to noise")
	f.StringVar(&o.Schedule, "schedule", o.Schedule, "of the noise: cosine or linear")
	f.IntVar(&o.Images, "images", o.Images, "test images whose representations are decoded")
	f.IntVar(&o.Samples, "samples", o.Samples, "images made of each")
	f.StringVar(&o.Sampler, "sampler", o.Sampler, "ddim, without fresh noise, or ddpm, through all steps")
	f.IntVar(&o.Back, "back", o.Back, "steps of ddim from noise to an image")
	f.IntVar(&o.Projector, "projector", o.Projector, "layers of the projector that are decoded; 0: none, below 0: all")
	f.BoolVar(&asJSON, "json", false, "print one JSON object for each representation")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if filepath.Ext(o.Output) != ".png" {
			return usage{fmt.Errorf("%s: -o %s: want a file to draw, a name that ends in .png", c.CommandPath(),
				o.Output)}
		}
		all, err := experiment.Decode(args[0], o, a.catalog, experiment.Options{Messages: a.err})
		if err != nil {
			return err
		}
		for _, d := range all {
			if asJSON {
				if err := json.NewEncoder(a.out).Encode(d); err != nil {
					return err
				}
				continue
			}
			fmt.Fprintln(a.out, d)
		}
		if !asJSON {
			fmt.Fprintln(a.out, o.Output)
		}
		return nil
	}
	return c
}
