package experiment

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/BurntSushi/toml"

	"selfsup/datasets"
	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/methods"
	"selfsup/recipes"
)

// layoutNotes tell readers of exported weights what the axes are.
var layoutNotes = map[string]string{
	plainLayout: "NHWC; conv weights [kh,kw,in,out], linear [in,out]; norm/running [2,C]: mean, variance",
	torchLayout: "NCHW; conv weights [out,in,kh,kw], linear [out,in]",
}

// ExportOptions say what Export writes, and where.
type ExportOptions struct {
	To     string // file; empty: the place in the run folder where the run itself writes it
	Best   bool   // the best checkpoint instead of the newest
	Layout string // "" or "torch"
}

// Export writes the encoder of a run's checkpoint as a safetensors file, and returns the path.
func Export(dir string, e ExportOptions, c recipes.Catalog, o Options) (string, error) {
	s, m, err := openTrained("export", dir, e.Best, c, o)
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
	return to, s.exportEncoder(to, s.Store, m, e.Layout)
}

// export writes the trained encoder into the run folder.
func (r *run) export() error {
	return r.exportEncoder(r.Folder.File(exportFile), r.Store, r.meta(r.Steps), plainLayout)
}

// encoderConfig is what a loader of an exported encoder needs besides its tensors; the metadata have it as "config", in JSON.
type encoderConfig struct {
	Backbone      string         `json:"backbone"`
	Settings      map[string]any `json:"settings"` // of the backbone, as in a recipe
	Height        int            `json:"height"`   // of the images that it was trained on
	Width         int            `json:"width"`
	Channels      int            `json:"channels"`
	Mean          []float32      `json:"mean"` // of pixels from 0 to 1; the input is (pixel - mean)/std
	Std           []float32      `json:"std"`
	Interpolation string         `json:"interpolation"` // that images of another size are resized with
	Features      int            `json:"features"`      // numbers of an image's features
	Layers        []layerInfo    `json:"layers"`
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
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	pixels, features, err := s.reference(st)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	ts := s.arranged(layout, config, entries, pixels, features)
	text, err := json.Marshal(config)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	meta := map[string]string{
		"format": "pt", // transformers refuses files without it
		"recipe": m.Recipe, "step": strconv.Itoa(m.Step), "layout": layoutNotes[layout], "config": string(text),
		"input": fmt.Sprintf("[B,%d,%d,%d], (pixel/255 - mean)/std, mean %v, std %v", m.Encoder.Height, m.Encoder.Width, m.Encoder.Channels, m.Encoder.Mean, m.Encoder.Std),
	}
	if layout == torchLayout {
		meta["input"] = fmt.Sprintf("[B,%d,%d,%d], (pixel/255 - mean)/std, mean %v, std %v", m.Encoder.Channels, m.Encoder.Height, m.Encoder.Width, m.Encoder.Mean, m.Encoder.Std)
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
func (s *Setup) arranged(layout string, c *encoderConfig, entries []*graph.Entry, pixels, features ir.Array) []checkpoint.Tensor {
	if layout == torchLayout {
		ts := forTorch(s.Recipe.Backbone.Value, c.Layers, entries, methods.InputOf(s.Input))
		return append(ts, checkpoint.TensorOf("reference.pixels", turnedImages(pixels)), checkpoint.TensorOf("reference.features", features))
	}
	ts := []checkpoint.Tensor{checkpoint.TensorOf("reference/pixels", pixels), checkpoint.TensorOf("reference/features", features)}
	for _, e := range entries {
		ts = append(ts, checkpoint.TensorOf(e.Name, e.Array))
	}
	return ts
}

// encoderConfig describes the encoder to loaders.
func (s *Setup) encoderConfig(e *checkpoint.Encoder) (*encoderConfig, error) {
	b := s.Recipe.Backbone
	var recipe struct{ Backbone map[string]map[string]any }
	if err := toml.Unmarshal([]byte(s.Recipe.Resolved), &recipe); err != nil {
		return nil, err
	}
	c := &encoderConfig{
		Backbone: b.Name, Settings: recipe.Backbone[b.Name], Height: e.Height, Width: e.Width, Channels: e.Channels, Mean: e.Mean, Std: e.Std,
		Interpolation: s.Recipe.Views.Interpolation, Features: b.Value.Dim(),
	}
	_, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		x := inputOf(g, s.Input, 1)
		c.Layers = layersOf(g, s.encoder().New(s.aboveEncoder(g))(x))
	})
	return c, err
}

// referenceImages is how many images an exported file brings with their features.
const referenceImages = 2

// reference draws images of random bytes, always the same, as pixels from 0 to 1 [B,H,W,C], and makes their features [B,F].
func (s *Setup) reference(st *graph.Store) (pixels, features ir.Array, err error) {
	g, err := s.frozenGraph(referenceImages)
	if err != nil {
		return pixels, features, err
	}
	p, err := g.CompileOver(s.Device, st)
	if err != nil {
		return pixels, features, err
	}
	in, err := p.Input(s.Input.Name)
	if err != nil {
		return pixels, features, err
	}
	out, err := p.Output(featuresOutput)
	if err != nil {
		return pixels, features, err
	}
	r := datasets.NewRand(1, "export/reference")
	pixels = ir.NewArray(in.Type)
	for i := range pixels.F32 {
		c := i % s.Views.Channels
		pixels.F32[i] = float32(r.Intn(256)) / 255
		in.F32[i] = (pixels.F32[i] - s.Views.Mean[c]) / s.Views.Std[c]
	}
	if err := p.Run(); err != nil {
		return pixels, features, err
	}
	features = ir.NewArray(out.Type)
	copy(features.F32, out.F32)
	return pixels, features, nil
}
