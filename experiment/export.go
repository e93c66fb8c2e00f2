package experiment

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/BurntSushi/toml"

	"selfsup/backbones"
	"selfsup/datasets"
	"selfsup/encoder"
	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/recipes"
)

// layoutNotes tell readers of exported weights what the axes are.
var layoutNotes = map[string]string{
	plainLayout: encoder.Layout,
	torchLayout: "NCHW; conv weights [out,in,kh,kw], linear [out,in]",
}

// ExportOptions say what Export writes, and where.
type ExportOptions struct {
	// file, ONNX where its name ends in .onnx; empty: the place in the run folder where the run itself writes it
	To     string
	Best   bool   // the best checkpoint instead of the newest
	Layout string // "" or "torch"
}

// Export writes the encoder of a run's checkpoint as a safetensors file, or as ONNX, and returns the path.
func Export(dir string, e ExportOptions, c recipes.Catalog, o Options) (string, error) {
	s, m, err := OpenTrained("export", dir, e.Best, c, o)
	if err != nil {
		return "", err
	}
	to := e.To
	switch {
	case to != "":
	case e.Layout == torchLayout:
		to = filepath.Join(dir, torchExportFile)
	default:
		to = filepath.Join(dir, exportFile)
	}
	if filepath.Ext(to) == ONNXExt {
		return to, s.exportONNX(to, m)
	}
	return to, s.exportEncoder(to, s.Store, m, e.Layout)
}

// export writes the trained encoder into the run folder.
func (r *run) export() error {
	st, _, err := r.toEvaluate(r.Steps)
	if err != nil {
		return err
	}
	if !r.Options.Ranks.Lead() {
		return nil
	}
	return r.exportEncoder(r.Folder.File(exportFile), st, r.meta(r.Steps), plainLayout)
}

// exportEncoder writes the encoder's parameters and running statistics, and a reference: images and their features.
func (s *Setup) exportEncoder(path string, st *graph.Store, m checkpoint.Meta, layout string) error {
	if m.Encoder == nil {
		return fmt.Errorf("export: the checkpoint of step %d does not say what its encoder is", m.Step)
	}
	var entries []*graph.Entry
	for _, name := range m.Encoder.Entries {
		e := st.Get(name)
		if e == nil {
			return fmt.Errorf("export: the checkpoint of step %d lacks the encoder's %s", m.Step, name)
		}
		entries = append(entries, e)
	}
	config, err := s.encoderConfig(m.Encoder)
	if err == nil {
		err = s.describeLayers(config)
	}
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	input, features, err := s.reference(st)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	ts := s.arranged(layout, config, entries, input, features)
	text, err := json.Marshal(config)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	meta := map[string]string{
		"format": "pt", // transformers refuses files without it
		"recipe": m.Recipe, "step": strconv.Itoa(m.Step), "layout": layoutNotes[layout], "config": string(text),
		"input": fmt.Sprintf("[B,%d,%d,%d], (pixel/255 - mean)/std, mean %v, std %v", m.Encoder.Height, m.Encoder.Width,
			m.Encoder.Channels, m.Encoder.Mean, m.Encoder.Std),
	}
	if layout == torchLayout {
		meta["input"] = fmt.Sprintf("[B,%d,%d,%d], (pixel/255 - mean)/std, mean %v, std %v", m.Encoder.Channels,
			m.Encoder.Height, m.Encoder.Width, m.Encoder.Mean, m.Encoder.Std)
	}
	if o := m.Encoder.Other; o != nil {
		meta["input"] = s.otherInput(o)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if err := folder.Replace(path, func(w io.Writer) error { return checkpoint.Export(w, ts, meta) }); err != nil {
		return fmt.Errorf("export: %s: %w", path, err)
	}
	return nil
}

// arranged is the tensors of a file in a layout.
func (s *Setup) arranged(layout string, c *encoder.Config, entries []*graph.Entry, input,
	features ir.Array) []checkpoint.Tensor {
	name := "pixels"
	if c.Samples != nil {
		name = c.Samples.Kind
	}
	if layout == torchLayout {
		if c.Samples == nil {
			input = turnedImages(input)
		}
		ts := forTorch(s.Recipe.Backbone.Value, c.Layers, entries, backbones.InputOf(s.Input))
		return append(ts, checkpoint.TensorOf("reference."+name, input), checkpoint.TensorOf("reference.features",
			features))
	}
	ts := []checkpoint.Tensor{checkpoint.TensorOf("reference/"+name, input), checkpoint.TensorOf("reference/features",
		features)}
	for _, e := range entries {
		ts = append(ts, checkpoint.TensorOf(e.Name, e.Array))
	}
	return ts
}

// encoderConfig describes the encoder to loaders, but for its layers.
func (s *Setup) encoderConfig(e *checkpoint.Encoder) (*encoder.Config, error) {
	r := s.Recipe
	var recipe struct{ Backbone map[string]map[string]any }
	if err := toml.Unmarshal([]byte(r.Resolved), &recipe); err != nil {
		return nil, err
	}
	c := &encoder.Config{
		Backbone: r.Backbone.Name, Settings: recipe.Backbone[r.Backbone.Name], Height: e.Height, Width: e.Width,
		Channels: e.Channels, Mean: e.Mean, Std: e.Std, Interpolation: r.Views.Interpolation,
		Features: r.Backbone.Value.Dim(), Samples: e.Other, Scope: e.Scope, Student: e.Student,
	}
	if !c.Pixels() {
		c.Interpolation = ""
	}
	switch c.Takes() {
	case "rows":
		c.Numbers = r.Rows.Numbers
	case "texts", "waves":
		c.Windows = &encoder.Windows{Fixed: r.Windows.Fixed, Short: r.Windows.Short}
	case "clips":
		c.Clips = &encoder.Clips{Stride: r.Clips.Stride[0], Fixed: r.Clips.Fixed}
	}
	return c, nil
}

// describeLayers lists the layers of the encoder.
func (s *Setup) describeLayers(c *encoder.Config) error {
	_, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		x := encoder.InputOf(g, s.Input, 1)
		c.Layers = layersOf(g, s.encoder().New(s.aboveEncoder(g))(x))
	})
	return err
}

// otherInput says what the encoder takes of data that are no images.
func (s *Setup) otherInput(o *checkpoint.Samples) string {
	text := fmt.Sprintf("%s %v", o.Kind, append([]any{"B"}, anys(o.Shape)...))
	if o.Kind == "rows" {
		scaled := map[string]string{
			"standard": "(x - mean)/std of its column in config.samples, 0 where std is 0",
			"quantile": "the normal score of its rank among the training rows", "none": "as it is",
		}
		text += fmt.Sprintf("; a number is %s, and 0 where it is missing; a category is its place in its "+
			"column's list, or the place after them",
			scaled[s.Recipe.Rows.Numbers])
	}
	return text
}

func anys(list []int) (all []any) {
	for _, v := range list {
		all = append(all, v)
	}
	return all
}

// referenceImages is how many samples an exported file brings with their features.
const referenceImages = 2

// reference draws images of random bytes, always the same, as pixels from 0 to 1 [B,H,W,C], and makes their features
// [B,F]. Of other data they are what the encoder takes: numbers from -2 to 2, and categories or symbols, each as
// likely.
func (s *Setup) reference(st *graph.Store) (input, features ir.Array, err error) {
	g, err := s.frozenGraph(referenceImages)
	if err != nil {
		return input, features, err
	}
	p, err := g.CompileOver(s.Device, st)
	if err != nil {
		return input, features, err
	}
	in, err := p.Input(s.Input.Name)
	if err != nil {
		return input, features, err
	}
	out, err := p.Output(FeaturesOutput)
	if err != nil {
		return input, features, err
	}
	r := datasets.NewRand(1, "export/reference")
	input = ir.NewArray(in.Type)
	if s.Views == nil {
		s.drawSamples(input, &r)
		copy(in.F32, input.F32)
		copy(in.I32, input.I32)
	} else {
		for i := range input.F32 {
			c := i % s.Views.Channels
			input.F32[i] = float32(r.Intn(256)) / 255
			in.F32[i] = (input.F32[i] - s.Views.Mean[c]) / s.Views.Std[c]
		}
	}
	if err := p.Run(); err != nil {
		return input, features, err
	}
	features = ir.NewArray(out.Type)
	copy(features.F32, out.F32)
	return input, features, nil
}

// drawSamples fills view 0 of samples that are no images.
func (s *Setup) drawSamples(to ir.Array, r *datasets.Rand) {
	of := func(i int) int {
		if n := len(s.Input.Of); n > 0 {
			return s.Input.Of[i%n]
		}
		return 0
	}
	for i := range to.F32 {
		if n := of(i); n > 0 {
			to.F32[i] = float32(r.Intn(n))
		} else {
			to.F32[i] = float32(r.Uniform(-2, 2))
		}
	}
	for i := range to.I32 {
		to.I32[i] = int32(r.Intn(max(of(i), 1)))
	}
}
