package inspect

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/images/pack"
	"selfsup/datasets/sampling"
	"selfsup/experiment"
	"selfsup/experiment/folder"
	"selfsup/recipes"
)

// CurateOptions say which images of a pool Curate keeps, and where it writes them.
type CurateOptions struct {
	Run  string // folder of the run whose encoder sees both sets
	Best bool   // the best checkpoint instead of the newest
	Like string // the images that are looked for: what Pool may be
	// sets whose images, and what is nearly alike, are kept out of what is kept; such as those of an evaluation
	Apart      []string
	Sets       []string // changes of the recipe that the pool is
	MaxSkipped int      // images of a folder that may be left out since they do not decode

	Select Selection
	To     string // .pack, or .toml: a list, for a recipe's [subset.listed]
	// list of as many images of the pool, chosen without looking at them; empty: none. As To
	Control string
}

// Curated says what Curate kept.
type Curated struct {
	Pool       int     `json:"pool"`        // images of the pool
	Duplicates int     `json:"duplicates"`  // of them left out as nearly alike to one before
	TooNear    int     `json:"apart"`       // left out as nearly alike to what is to stay apart
	Queries    int     `json:"queries"`     // images that were looked for
	Found      int     `json:"found"`       // images of the pool that some query or cluster leads to
	Kept       int     `json:"kept"`        // of them
	Clusters   int     `json:"clusters"`    // with enough queries; 0: neighbours were looked for
	Similarity float64 `json:"similarity"`  // mean over the kept images of the cosine with the nearest query
	Whole      float64 `json:"pool_cosine"` // the same over what is left of the pool after duplicates
	Resumed    int     `json:"resumed"`     // images whose features an interrupted call had made
	List       string  `json:"list"`        // CSV file with a line for every kept image

	Classes []string          `json:"classes,omitempty"` // of the pool, with how many of each are kept, and were there
	Counts  map[string][2]int `json:"counts,omitempty"`
	Skipped []datasets.Skip   `json:"-"`
}

// Curate chooses those images of a pool that are like the images of another set, by the features of a run's encoder,
// and writes them as a data set: what is nearly alike is kept once, and then the nearest to each query are taken, or
// some of each cluster that queries fall into.
//
// Oquab et al. 2023, DINOv2, arXiv:2304.07193, section 3. The paper finds duplicates by another network than the one
// that retrieves (SSCD), which this does where the run is one of sscd, and adds the queries to the result, which this
// does not. Features of the pool are written beside the result as they are made, so that a call that was interrupted
// goes on with them.
func Curate(ctx context.Context, pool string, o CurateOptions, c recipes.Catalog, eo experiment.Options) (*Curated,
	error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s, meta, err := experiment.OpenTrained("data curate", o.Run, o.Best, c, eo)
	if err != nil {
		return nil, err
	}
	if kind := s.Trained.Takes(); kind != "images" {
		return nil, &experiment.RecipeError{File: o.Run, Err: fmt.Errorf("the run's encoder takes %s, and pools are "+
			"of images", kind)}
	}
	emb, err := newEmbedder(s)
	if err != nil {
		return nil, err
	}
	parts, skipped, err := toEmbed(s, pool, o.Sets, o.MaxSkipped, c)
	if err != nil {
		return nil, err
	}
	part := parts[0] // a pool is for training: its training images
	out := &Curated{Pool: part.set.Len(), Skipped: skipped, Classes: part.set.Classes()}
	queries, err := embedAll(ctx, s, emb, o.Like, o.MaxSkipped, c)
	if err != nil {
		return nil, err
	}
	out.Queries = len(queries) / emb.dim
	var apart []float32
	for _, data := range o.Apart {
		x, err := embedAll(ctx, s, emb, data, o.MaxSkipped, c)
		if err != nil {
			return nil, err
		}
		apart = append(apart, x...)
	}
	kept := &keptFeatures{path: o.To + ".features", dim: emb.dim, of: fmt.Sprintf("%s step %d of %s, %s: %d images %s",
		s.Store.Hash(""), meta.Step, filepath.Base(filepath.Clean(o.Run)), pool, out.Pool, namesDigest(part))}
	x, err := kept.all(ctx, emb, part, &out.Resumed)
	if err != nil {
		return nil, err
	}
	chosen, open, err := o.Select.choose(ctx, x, queries, apart, emb.dim, out)
	if err != nil {
		return nil, err
	}
	if err := o.write(ctx, pool, part, chosen, open, out); err != nil {
		return nil, err
	}
	return out, kept.remove()
}

// check says what is wrong with the options.
func (o *CurateOptions) check() error {
	bad := func(format string, args ...any) error {
		return &experiment.RecipeError{File: "data curate", Err: fmt.Errorf(format, args...)}
	}
	for what, file := range map[string]string{"output": o.To, "control": o.Control} {
		if ext := filepath.Ext(file); file != "" && ext != ".pack" && ext != ".toml" {
			return bad("%s %s: want a name that ends in .pack, a data set, or .toml, a list for [subset.listed]", what,
				file)
		}
	}
	if o.Control != "" && o.Control == o.To {
		return bad("control and output are both %s", o.To)
	}
	if err := o.Select.Validate(); err != nil {
		return bad("%v", err)
	}
	return nil
}

// embedAll is the features of all images of a set's first part, as unit rows.
func embedAll(ctx context.Context, s *experiment.Setup, emb *embedder, data string, skipped int,
	c recipes.Catalog) ([]float32, error) {
	parts, _, err := toEmbed(s, data, nil, skipped, c)
	if err != nil {
		return nil, err
	}
	var all []float32
	err = emb.each(parts[:1], func(_ embedPart, _ int, x []float32) error {
		all = append(all, x...)
		return ctx.Err()
	})
	return all, err
}

// write writes what was chosen, the list of it, and as many of the open rows as a control.
func (o *CurateOptions) write(ctx context.Context, pool string, part embedPart, chosen []choice, open []int32,
	out *Curated) error {
	rows := make([]int32, len(chosen))
	for i, c := range chosen {
		rows[i] = c.row
	}
	if len(out.Classes) > 0 {
		out.Counts = map[string][2]int{}
		for i := range part.set.Len() {
			if l := part.set.Label(i); l >= 0 {
				n := out.Counts[out.Classes[l]]
				n[1]++
				if _, in := slices.BinarySearch(rows, int32(i)); in {
					n[0]++
				}
				out.Counts[out.Classes[l]] = n
			}
		}
	}
	if err := writeRows(ctx, o.To, pool, part, rows); err != nil {
		return err
	}
	if o.Control != "" {
		r := datasets.NewRand(o.Select.Seed, "curate control")
		order := make([]int, len(open))
		for i, row := range open {
			order[i] = int(row)
		}
		r.Shuffle(order)
		control := make([]int32, len(rows))
		for i := range control {
			control[i] = int32(order[i])
		}
		slices.Sort(control)
		if err := writeRows(ctx, o.Control, pool, part, control); err != nil {
			return err
		}
	}
	out.List = strings.TrimSuffix(o.To, filepath.Ext(o.To)) + ".csv"
	err := folder.Replace(out.List, func(w io.Writer) error {
		list := csv.NewWriter(w)
		list.Write([]string{"row", "name", "label", "query", "similarity", "rank"})
		for _, c := range chosen {
			i := int(c.row)
			list.Write([]string{strconv.Itoa(i), filepath.ToSlash(part.named(i)), part.label(i),
				strconv.Itoa(int(c.query)), strconv.FormatFloat(float64(c.cosine), 'f', 4, 32), strconv.Itoa(c.rank)})
		}
		list.Flush()
		return list.Error()
	})
	if err != nil {
		return fmt.Errorf("%s: %w", out.List, err)
	}
	return nil
}

// writeRows writes rows of a pool as a pack, or as a list that a recipe of the same data set takes as its base.
func writeRows(ctx context.Context, to, pool string, part embedPart, rows []int32) error {
	if filepath.Ext(to) == ".toml" {
		return writeList(to, "the training images of "+filepath.Base(pool)+", chosen by experiment data curate",
			part.set.Len(), rows)
	}
	set, ok := sampling.Part(part.set, rows).(datasets.Set)
	if !ok {
		return errors.New("data curate: the pool's samples are no images")
	}
	d := &Opened{Data: &datasets.Data{Train: set}, Source: filepath.ToSlash(pool), Base: part.base}
	if err := d.Data.Check(pool); err != nil {
		return &experiment.DataError{Err: err}
	}
	if d.Channels == 0 {
		var m datasets.Image
		if err := set.Image(0, &m); err != nil {
			return &experiment.DataError{Err: err}
		}
		d.Channels = m.C
	}
	_, err := d.WritePack(ctx, to, pack.Options{})
	return err
}

// writeList writes rows of a set of so many samples, which what describes, as a list for [subset.listed].
func writeList(to, what string, of int, rows []int32) error {
	return folder.Replace(to, func(w io.Writer) error {
		fmt.Fprintf(w, "# %d of %d: %s.\n[subset.listed]\nof = %d\nrows = [", len(rows), of, what, of)
		for i, row := range rows {
			if i%20 == 0 {
				fmt.Fprint(w, "\n  ")
			}
			fmt.Fprintf(w, " %d,", row)
		}
		_, err := fmt.Fprint(w, "\n]\n")
		return err
	})
}

// Report says in a few lines what was kept in a file.
func (c *Curated) Report(to string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "pool     %d images", c.Pool)
	if c.Resumed > 0 {
		fmt.Fprintf(&b, ", the features of %d from before", c.Resumed)
	}
	fmt.Fprintf(&b, "\nleft out %d near duplicates, %d near duplicates of what stays apart\n", c.Duplicates, c.TooNear)
	fmt.Fprintf(&b, "like     %d images, which lead to %d of the pool", c.Queries, c.Found)
	if c.Clusters > 0 {
		fmt.Fprintf(&b, " in %d clusters", c.Clusters)
	}
	fmt.Fprintf(&b, "\nkept     %d; cosine with the nearest image that was looked for: mean %.3f, of the pool %.3f\n",
		c.Kept, c.Similarity, c.Whole)
	for _, class := range c.Classes {
		if n := c.Counts[class]; n[0] > 0 {
			fmt.Fprintf(&b, "  %s: %d of %d\n", class, n[0], n[1])
		}
	}
	fmt.Fprintf(&b, "%s, %s\n", to, c.List)
	return b.String()
}
