package command

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"selfsup/experiment"
	"selfsup/experiment/inspect"
)

// dataCurateVerb chooses the images of a pool that are like a set.
func dataCurateVerb(a *app) *cobra.Command {
	o := inspect.CurateOptions{Select: inspect.DefaultSelection()}
	var asJSON bool
	c := &cobra.Command{
		Use:   "curate POOL --like SET --by RUN -o FILE",
		Short: "Choose the images of a pool that are like those of a set, without duplicates",
		Long: `  experiment data curate photos/ --like birds/ --by runs/quickstart-20260102-150405-1a2b -o birds.pack
  experiment data curate emoji-simclr.toml --like faces/ --by RUN -k 8 --count 400 -o faces.toml
  experiment data curate photos.pack --like birds/ --by RUN --clusters 1000 --per-cluster 50 -o birds.pack

Gives the images of POOL and of SET to the encoder of RUN, keeps of images that are nearly alike the first, and of the
rest the nearest to each image of SET by the cosine of their features, as DINOv2's data were made. With --clusters it
makes clusters of the pool and draws images from those that images of SET fall into. POOL and SET are what DATA is for
embed: a folder, a pack, a recipe, or a file with a [dataset.X] table alone; of a recipe or a pack the training images.

FILE.pack is a data set of the images, for [dataset.pack]. FILE.toml is a list, which a recipe of the same data set
takes as its base or copies: [subset.listed]. A table beside it, FILE.csv, has the name, the label, the nearest image of
SET and the cosine of every image. --control FILE writes as many images that are drawn from the pool without looking.

Features of the pool are kept in FILE.features until all is written: the same command goes on where it was interrupted.
The same pool, set, run and --seed give the same images.`,
		Args: cobra.ExactArgs(1),
	}
	f, s := c.Flags(), &o.Select
	f.StringVar(&o.Like, "like", "", "the `images` that are looked for")
	f.StringVar(&o.Run, "by", "", "`run` whose encoder sees them")
	f.StringVarP(&o.To, "output", "o", "", "`file` to write, .pack or .toml")
	f.StringVar(&o.Control, "control", "", "`file` to write with as many images drawn at random, .pack or .toml")
	f.BoolVar(&o.Best, "best", false, "the best checkpoint instead of the last")
	f.StringArrayVar(&o.Apart, "apart", nil, "`images` that stay out, with all that are nearly alike; may be repeated")
	f.Float64Var(&s.Duplicate, "duplicate", s.Duplicate, "cosine from which images are nearly alike; 1 keeps all")
	f.IntVarP(&s.K, "neighbours", "k", s.K, "images of the pool that each image of SET leads to")
	f.IntVar(&s.Count, "count", 0, "images that are kept at most, the nearest first; 0: all that are found")
	f.IntVar(&s.Clusters, "clusters", 0, "clusters of the pool, in place of neighbours")
	f.IntVar(&s.PerCluster, "per-cluster", s.PerCluster, "images that are drawn from a cluster")
	f.IntVar(&s.Least, "least", s.Least, "images of SET that a cluster needs")
	f.Uint64Var(&s.Seed, "seed", s.Seed, "of the clusters, of what is drawn from them, and of the control")
	f.IntVar(&o.MaxSkipped, "max-skipped", 0, "images of a folder that may be left out since they do not decode")
	f.StringArrayVar(&o.Sets, "set", nil, "change one setting of the recipe that POOL is, as `key=value`; "+
		"may be repeated")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	c.RunE = func(_ *cobra.Command, args []string) error {
		for what, given := range map[string]string{"--like SET, the images that are looked for": o.Like,
			"--by RUN, whose encoder sees them": o.Run, "-o FILE": o.To} {
			if given == "" {
				return usage{fmt.Errorf("%s: want %s", c.CommandPath(), what)}
			}
		}
		ctx, stop := leaving()
		defer stop()
		got, err := inspect.Curate(ctx, args[0], o, a.catalog, experiment.Options{Messages: a.err})
		if err != nil {
			return err
		}
		a.leftOut(got.Skipped)
		if asJSON {
			return json.NewEncoder(a.out).Encode(got)
		}
		fmt.Fprint(a.out, got.Report(o.To))
		return nil
	}
	return c
}
