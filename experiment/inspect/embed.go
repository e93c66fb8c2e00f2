package inspect

import (
	"bufio"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/images"
	"selfsup/datasets/images/pack"
	"selfsup/experiment"
	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
	"selfsup/graph/ir"
	"selfsup/recipes"
)

// EmbedOptions say which encoder embeds, and where its features go.
type EmbedOptions struct {
	To         string // file, .npy or .safetensors
	Best       bool   // the best checkpoint instead of the newest
	MaxSkipped int    // images of a folder that may be left out since they do not decode
}

// Embedded names the files that Embed wrote, and counts their rows.
type Embedded struct {
	Features string // file [Rows,Dim]
	Names    string // file with a line a row: row, set, name, label
	Rows     int
	Dim      int
	Skipped  []datasets.Skip
}

// Embed writes the features that a run's encoder gives the images of a folder, a pack or a recipe's data set: a row an
// image, in the order of the folder's names, or of the training set and then the test set. Images are resized, cut and
// normalised as the run's evaluation does, with the statistics of the checkpoint.
func Embed(dir, data string, sets []string, e EmbedOptions, c recipes.Catalog, o experiment.Options) (*Embedded,
	error) {
	if _, ok := featureFormats[filepath.Ext(e.To)]; !ok {
		return nil, &experiment.RecipeError{File: e.To, Err: errors.New(
			"want a file whose name ends in .npy or .safetensors")}
	}
	s, m, err := experiment.OpenTrained("embed", dir, e.Best, c, o)
	if err != nil {
		return nil, err
	}
	if o := m.Encoder.Other; o != nil {
		return nil, &experiment.RecipeError{File: dir, Err: fmt.Errorf("the run's encoder takes %s, and embed gives "+
			"it images alone; export writes the encoder with what a program of one's own needs to feed it", o.Kind)}
	}
	parts, skipped, err := toEmbed(s, data, sets, e.MaxSkipped, c)
	if err != nil {
		return nil, err
	}
	out := &Embedded{Features: e.To, Names: strings.TrimSuffix(e.To, filepath.Ext(e.To)) + ".csv",
		Dim: s.Recipe.Backbone.Value.Dim(), Skipped: skipped}
	for _, p := range parts {
		out.Rows += p.set.Len()
	}
	if err := folder.Replace(out.Names, func(w io.Writer) error { return writeNames(w, parts) }); err != nil {
		return nil, fmt.Errorf("%s: %w", out.Names, err)
	}
	meta, err := embedMeta(dir, data, m)
	if err != nil {
		return nil, err
	}
	features := checkpoint.Tensor{Name: "features", Type: ir.Type{Shape: ir.Shape{out.Rows, out.Dim}, DType: ir.F32}}
	features.Write = func(w io.Writer) error { return writeFeatures(s, w, parts) }
	write := featureFormats[filepath.Ext(e.To)]
	if err := folder.Replace(e.To, func(w io.Writer) error { return write(w, features, meta) }); err != nil {
		os.Remove(out.Names)
		return nil, fmt.Errorf("%s: %w", e.To, err)
	}
	return out, nil
}

// featureFormats are the formats of features by the end of the file's name.
var featureFormats = map[string]func(io.Writer, checkpoint.Tensor, map[string]string) error{
	".npy": writeNPY,
	".safetensors": func(w io.Writer, t checkpoint.Tensor, meta map[string]string) error {
		return checkpoint.Export(w, []checkpoint.Tensor{t}, meta)
	},
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

// embedPart is a set whose images are embedded.
type embedPart struct {
	name  string // train, test; empty for a folder
	set   datasets.Set
	base  string // folder that names begin with
	plain bool   // a sample's label is the folder that it is in, below base
}

// label names sample i's class; empty where it has none.
func (p embedPart) label(i int) string {
	if p.plain {
		if dir := filepath.ToSlash(filepath.Dir(p.named(i))); dir != "." {
			return dir
		}
		return ""
	}
	if l := p.set.Label(i); l >= 0 {
		return p.set.Classes()[l]
	}
	return ""
}

// named is sample i's name, relative to the base.
func (p embedPart) named(i int) string {
	name := p.set.Name(i)
	if p.base == "" {
		return name
	}
	if rel, err := filepath.Rel(p.base, name); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return name
}

// toEmbed opens what data names.
func toEmbed(s *experiment.Setup, data string, sets []string, maxSkipped int, c recipes.Catalog) (parts []embedPart,
	skipped []datasets.Skip, err error) {
	info, err := os.Stat(data)
	if err == nil && info.IsDir() {
		if len(sets) > 0 {
			return nil, nil, &experiment.RecipeError{File: data, Err: errors.New("--set changes a recipe, and " +
				"this is none")}
		}
		return folderToEmbed(s, data, maxSkipped)
	}
	if err == nil && recipes.NamesSource(data) {
		return nil, nil, &experiment.RecipeError{File: data, Err: errors.New("names data of another kind than " +
			"images; want a folder of images, a pack or a recipe")}
	}
	o, err := OpenData(data, sets, c)
	if err != nil {
		return nil, nil, err
	}
	if o.Channels != s.Views.Channels {
		err := fmt.Errorf("%s: its images have %d channels, the run's encoder takes %d", data, o.Channels,
			s.Views.Channels)
		if !pack.Is(data) {
			err = fmt.Errorf("%w; a dataset with a channels setting converts them", err)
		}
		return nil, nil, &experiment.DataError{Err: err}
	}
	for _, p := range o.parts() {
		parts = append(parts, embedPart{name: p.name, set: p.set, base: o.Base})
	}
	return parts, o.Skipped, nil
}

// folderToEmbed is every image below a folder, sorted by name. They get the channels that the encoder takes, and are
// decoded as the run's own data set decodes, where that is a folder too.
func folderToEmbed(s *experiment.Setup, dir string, maxSkipped int) ([]embedPart, []datasets.Skip, error) {
	f := images.NewFolder()
	if own, ok := s.Recipe.Dataset.Value.(*images.Folder); ok {
		f.Files = own.Files
	}
	f.Train, f.Unlabelled, f.TestFraction = dir, true, 0
	f.Channels, f.MaxSkipped = s.Views.Channels, maxSkipped
	d, err := f.Open(datasets.Env{})
	if err != nil {
		return nil, nil, &experiment.DataError{Err: err}
	}
	train, _ := d.Images()
	return []embedPart{{set: train, base: filepath.Clean(dir), plain: true}}, d.Skipped, nil
}

// writeFeatures embeds one block after another.
func writeFeatures(s *experiment.Setup, to io.Writer, parts []embedPart) error {
	g, err := s.EmbedGraph()
	if err != nil {
		return err
	}
	p, err := g.CompileOver(s.Device, s.Store)
	if err != nil {
		return err
	}
	in, err := p.Input(s.Input.Name)
	if err != nil {
		return err
	}
	out, err := p.Output(experiment.FeaturesOutput)
	if err != nil {
		return err
	}
	dim := s.Recipe.Backbone.Value.Dim()
	w := bufio.NewWriterSize(to, 1<<20)
	for _, part := range parts {
		for from := 0; from < part.set.Len(); from += experiment.EmbedBatch {
			rows := make([]int32, min(experiment.EmbedBatch, part.set.Len()-from))
			for i := range rows {
				rows[i] = int32(from + i)
			}
			clear(in.F32)
			if err := s.Views.EvalBatch(in.F32[:len(rows)*s.Views.Size()], part.set, rows); err != nil {
				return &experiment.DataError{Err: err}
			}
			if err := p.Run(); err != nil {
				return err
			}
			block := checkpoint.TensorOf("", ir.Array{Type: ir.Type{Shape: ir.Shape{len(rows), dim}, DType: ir.F32},
				F32: out.F32[:len(rows)*dim]})
			if err := block.Write(w); err != nil {
				return err
			}
		}
	}
	return w.Flush()
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

// writeNPY writes a float32 array as NumPy reads it: format 1.0, rows first.
//
// The format is that of numpy.lib.format.
func writeNPY(w io.Writer, t checkpoint.Tensor, _ map[string]string) error {
	head := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", t.Shape[0], t.Shape[1])
	const fixed = 10 // magic, version and the header's length
	head += strings.Repeat(" ", 63-(fixed+len(head))%64) + "\n"
	start := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(head)))
	if _, err := w.Write(append(start, head...)); err != nil {
		return err
	}
	return t.Write(w)
}
