package inspect

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"selfsup/datasets"
	"selfsup/experiment"
	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
	"selfsup/recipes"
)

// EmbedOptions say which encoder embeds, and where its features go.
type EmbedOptions struct {
	To         string // file, .npy, .parquet or .safetensors
	Best       bool   // the best checkpoint instead of the newest
	MaxSkipped int    // images of a folder that may be left out since they do not decode
}

// Embedded names the files that Embed wrote, and counts their rows.
type Embedded struct {
	Features string // file [Rows,Dim]
	Names    string // file with a line a row: row, set, name, label; empty: they are columns of Features
	Noun     string // what was embedded: images
	Rows     int
	Dim      int
	Skipped  []datasets.Skip
}

// FeatureFormats lists the ends of names that files of features may have.
func FeatureFormats() []string { return slices.Sorted(maps.Keys(featureFormats)) }

// Embed writes the features that a run's encoder gives samples: images of a folder, a pack, or the samples of a data
// set that a recipe, or a file with a [dataset.X] table alone, names. It writes a row a sample, in the order of the
// folder's names, or of the training set and then the test set. Samples are made ready as the run's evaluation does,
// with what its checkpoint says of its training data: statistics, categories, vocabulary.
func Embed(dir, data string, sets []string, e EmbedOptions, c recipes.Catalog, o experiment.Options) (*Embedded,
	error) {
	write, ok := featureFormats[filepath.Ext(e.To)]
	if !ok {
		return nil, &experiment.RecipeError{File: e.To, Err: fmt.Errorf("want a file whose name ends in %s",
			alternatives(FeatureFormats()))}
	}
	s, m, err := experiment.OpenTrained("embed", dir, e.Best, c, o)
	if err != nil {
		return nil, err
	}
	emb, err := newEmbedder(s)
	if err != nil {
		return nil, err
	}
	parts, skipped, err := toEmbed(s, data, sets, e.MaxSkipped, c)
	if err != nil {
		return nil, err
	}
	out := &Embedded{Features: e.To, Noun: s.Trained.Takes(), Dim: emb.dim, Skipped: skipped}
	for _, p := range parts {
		out.Rows += p.set.Len()
	}
	meta, err := embedMeta(dir, data, m)
	if err != nil {
		return nil, err
	}
	table := features{Rows: out.Rows, Dim: out.Dim, Parts: parts, Meta: meta, each: emb.each}
	if filepath.Ext(e.To) != parquetExt {
		out.Names = strings.TrimSuffix(e.To, filepath.Ext(e.To)) + ".csv"
		if err := folder.Replace(out.Names, func(w io.Writer) error { return writeNames(w, parts) }); err != nil {
			return nil, fmt.Errorf("%s: %w", out.Names, err)
		}
	}
	if err := folder.Replace(e.To, func(w io.Writer) error { return write(w, table) }); err != nil {
		if out.Names != "" {
			os.Remove(out.Names)
		}
		return nil, fmt.Errorf("%s: %w", e.To, err)
	}
	return out, nil
}

// alternatives is "a, b or c".
func alternatives(list []string) string {
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " or " + list[last]
}

// embedMeta says where features are from.
func embedMeta(dir, data string, m checkpoint.Meta) (map[string]string, error) {
	text, err := json.Marshal(m.Encoder.Mean)
	if err != nil {
		return nil, err
	}
	std, err := json.Marshal(m.Encoder.Std)
	return map[string]string{
		"format": "pt", "run": filepath.Base(filepath.Clean(dir)), "recipe": m.Recipe, "step": strconv.Itoa(m.Step),
		"data": data,
		"mean": string(text), "std": string(std),
	}, err
}

// embedder runs the frozen encoder of a run.
type embedder struct {
	*experiment.Setup
	dim int
	run func(rows []int32, part embedPart) ([]float32, error) // features [len(rows),dim], at most EmbedBatch rows
}

// newEmbedder compiles the encoder of an opened run.
func newEmbedder(s *experiment.Setup) (*embedder, error) {
	g, err := s.EmbedGraph()
	if err != nil {
		return nil, err
	}
	p, err := g.CompileOver(s.Device, s.Store)
	if err != nil {
		return nil, err
	}
	in, err := p.Input(s.Input.Name)
	if err != nil {
		return nil, err
	}
	out, err := p.Output(experiment.FeaturesOutput)
	if err != nil {
		return nil, err
	}
	e := &embedder{Setup: s, dim: out.Shape.Last()}
	e.run = func(rows []int32, part embedPart) ([]float32, error) {
		if err := part.fill(in, rows); err != nil {
			return nil, err
		}
		if err := p.Run(); err != nil {
			return nil, err
		}
		x := out.F32[:len(rows)*e.dim]
		if at := notFinite(x); at >= 0 {
			i := at / e.dim
			return nil, fmt.Errorf("the features of %s are not finite: number %d is %v; the weights of the run, or "+
				"the sample, hold such numbers too", part.set.Name(int(rows[i])), at%e.dim, x[at])
		}
		return x, nil
	}
	return e, nil
}

// notFinite is the place of the first number that is NaN or infinite, or -1.
func notFinite(x []float32) int {
	return slices.IndexFunc(x, func(v float32) bool { return v-v != 0 })
}

// each calls use with the features of one block of samples after another; the block is valid until use returns.
func (e *embedder) each(parts []embedPart, use func(part embedPart, from int, x []float32) error) error {
	for _, part := range parts {
		for from := 0; from < part.set.Len(); from += experiment.EmbedBatch {
			rows := make([]int32, min(experiment.EmbedBatch, part.set.Len()-from))
			for i := range rows {
				rows[i] = int32(from + i)
			}
			x, err := e.run(rows, part)
			if err != nil {
				return err
			}
			if err := use(part, from, x); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeNames writes a line for every row of the features.
func writeNames(to io.Writer, parts []embedPart) error {
	w := csv.NewWriter(to)
	w.Write([]string{"row", "set", "name", "label"})
	row := 0
	for _, p := range parts {
		for i := range p.set.Len() {
			w.Write([]string{strconv.Itoa(row), p.name, filepath.ToSlash(p.named(i)), p.label(i)})
			row++
		}
	}
	w.Flush()
	return w.Error()
}

// errNoRecipe is of --set beside data that no recipe describes.
var errNoRecipe = errors.New("--set changes a recipe, and this is none")
