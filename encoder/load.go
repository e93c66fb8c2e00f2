package encoder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"selfsup/backbones"
	"selfsup/experiment/checkpoint"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/recipes/overlay"
)

// Layout is what the metadata of an exported file call the order of axes that this package reads.
const Layout = "NHWC; conv weights [kh,kw,in,out], linear [in,out]; norm/running [2,C]: mean, variance"

// exportFile is where a run folder has its encoder.
const exportFile = "export/encoder.safetensors"

// Options are for encoders that the zero value does not know, and for machines that it does not suit.
type Options struct {
	// Backbones are networks of your own, by the names that recipes have for them, beside those of this module.
	Backbones map[string]func() backbones.Backbone
	// Programs is how many calls of Embed run at once, each with memory of its own; 0: as many as there are cores.
	Programs int
}

// Load reads an encoder: an exported file, or the one in a run folder.
func Load(path string) (*Encoder, error) { return Options{}.Load(path) }

// Read is Load of an exported file's bytes.
func Read(file []byte) (*Encoder, error) { return Options{}.Read(file) }

// Load reads an encoder: an exported file, or the one in a run folder.
func (o Options) Load(path string) (*Encoder, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	if info.IsDir() {
		file := filepath.Join(path, filepath.FromSlash(exportFile))
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("encoder: %w", notExported(path))
		}
		path = file
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	return o.read(path, data)
}

// notExported says why a folder has no exported encoder.
func notExported(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		return fmt.Errorf("%s is no run folder: it has neither %s nor run.json", dir, exportFile)
	}
	var run struct {
		State       string
		Step, Steps int
	}
	if err := json.Unmarshal(text, &run); err != nil {
		return fmt.Errorf("%s: run.json: %w", dir, err)
	}
	return fmt.Errorf("%s has no %s: the run is %s, its newest checkpoint that of step %d of %d; a run exports its "+
		"encoder when it is done, and experiment export writes that of a checkpoint", dir, exportFile, run.State,
		run.Step, run.Steps)
}

// Read is Load of an exported file's bytes.
func (o Options) Read(file []byte) (*Encoder, error) { return o.read("the file", file) }

// read makes an encoder of a file that messages call name.
func (o Options) read(name string, data []byte) (*Encoder, error) {
	tensors, meta, err := checkpoint.ImportFrom(name, data)
	if err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	e, err := o.build(tensors, meta)
	if err != nil {
		return nil, fmt.Errorf("encoder: %s: %w", name, err)
	}
	return e, nil
}

// build makes an encoder of tensors and what is said of them.
func (o Options) build(tensors map[string]ir.Array, meta map[string]string) (*Encoder, error) {
	c, err := configOf(meta)
	if err != nil {
		return nil, err
	}
	b, err := o.backbone(c)
	if err != nil {
		return nil, err
	}
	e := &Encoder{config: *c, store: graph.NewStore(0), dim: b.Dim()}
	if e.field, err = c.Field(); err != nil {
		return nil, err
	}
	in := backbones.InputOf(e.field)
	if err := b.Check(in); err != nil {
		return nil, fmt.Errorf("[backbone.%s] %w", c.Backbone, err)
	}
	if e.kind, err = c.Kind(); err != nil {
		return nil, err
	}
	for name, a := range tensors {
		if !strings.HasPrefix(name, "reference/") {
			e.store.Put(&graph.Entry{Name: name, Array: a})
		}
	}
	if c.Scope == "" { // of files that do not say it yet
		c.Scope = scopeOf(tensors)
		e.config.Scope = c.Scope
	}
	e.frozen = Frozen{Field: e.field, Scope: c.Scope, Student: c.Student,
		New: func(at *graph.Scope) layer.Func { return b.New(at.In(backbones.Scope), in) }}
	if err := e.frozen.Check(e.store); err != nil {
		return nil, err
	}
	if err := e.begin(o); err != nil {
		return nil, err
	}
	return e, e.compare(tensors)
}

// configOf reads the description of an exported encoder.
func configOf(meta map[string]string) (*Config, error) {
	if layout := meta["layout"]; layout != "" && layout != Layout {
		return nil, fmt.Errorf("its layout is %q; want a file that was exported without --layout", layout)
	}
	text := meta["config"]
	if text == "" {
		return nil, errors.New("its metadata have no config: it is no file of experiment export, or one of an older " +
			"version; export the run again")
	}
	c := &Config{}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(c); err != nil {
		return nil, fmt.Errorf("the config of its metadata: %w", err)
	}
	return c, nil
}

// backbone is the network of a description, with its settings.
func (o Options) backbone(c *Config) (backbones.Backbone, error) {
	all := backbones.Builtin()
	maps.Copy(all, o.Backbones)
	if all[c.Backbone] == nil {
		return nil, fmt.Errorf("there is no backbone %q here; there are %s, and those of Options.Backbones", c.Backbone,
			strings.Join(slices.Sorted(maps.Keys(backbones.Builtin())), ", "))
	}
	var text bytes.Buffer
	tables := map[string]any{"backbone": map[string]any{c.Backbone: plain(c.Settings)}}
	if err := toml.NewEncoder(&text).Encode(tables); err != nil {
		return nil, fmt.Errorf("the settings of its backbone: %w", err)
	}
	var recipe struct {
		Backbone overlay.Choice[backbones.Backbone] `toml:"backbone"`
	}
	catalogs := map[string]overlay.Catalog{"backbone": overlay.Of("backbones", all)}
	if _, err := overlay.LoadText("config", text.Bytes(), overlay.Options{Catalogs: catalogs}, &recipe); err != nil {
		return nil, fmt.Errorf("the settings of its backbone: %w", err)
	}
	return recipe.Backbone.Value, nil
}

// plain gives numbers that were read from JSON the types that TOML has: 4 is an integer, 4.5 is none.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, _ := v.Float64()
		return f
	case map[string]any:
		table := map[string]any{}
		for key, x := range v {
			table[key] = plain(x)
		}
		return table
	case []any:
		list := make([]any, len(v))
		for i, x := range v {
			list[i] = plain(x)
		}
		return list
	}
	return v
}

// scopeOf is where the names of tensors have the encoder.
func scopeOf(tensors map[string]ir.Array) string {
	for name := range tensors {
		if above, _, ok := strings.Cut(name, "/"+backbones.Scope+"/"); ok {
			return above + "/" + backbones.Scope
		}
	}
	return backbones.Scope
}

// closeEnough is how far features may be from those that the file has of its reference, as a share of the largest.
// Other processors sum in another order.
const closeEnough = 1e-3

// compare refuses an encoder that does not make the features that its file has of the reference.
func (e *Encoder) compare(tensors map[string]ir.Array) error {
	name := "pixels"
	if e.config.Samples != nil {
		name = e.config.Samples.Kind
	}
	input, ok := tensors["reference/"+name]
	want, both := tensors["reference/features"]
	if !ok || !both {
		return fmt.Errorf("it has no reference/%s or reference/features to be compared with; export the run again",
			name)
	}
	n, size := 0, e.field.Size()
	if len(input.Shape) > 0 {
		n = input.Shape[0]
	}
	if n < 1 || input.Shape.Size() != n*size || want.Shape.Size() != n*e.dim || (input.DType == ir.I32) != e.field.Int {
		return fmt.Errorf("its reference is %v -> %v; the encoder takes %v and makes %d numbers", input.Type, want.Type,
			e.field, e.dim)
	}
	got, err := e.run(n, func(in ir.Array, from, to int) error {
		if e.field.Int {
			copy(in.I32, input.I32[from*size:to*size])
			return nil
		}
		copy(in.F32, input.F32[from*size:to*size])
		if e.config.Pixels() {
			for i := range (to - from) * size {
				c := i % e.config.Channels
				in.F32[i] = (in.F32[i] - e.config.Mean[c]) / e.config.Std[c]
			}
		}
		return nil
	}, func(i int) string { return fmt.Sprintf("reference %d", i) })
	if err != nil {
		return err
	}
	largest, apart := 0.0, 0.0
	for i, v := range want.F32 {
		largest = max(largest, math.Abs(float64(v)))
		apart = max(apart, math.Abs(float64(v)-float64(got[i/e.dim][i%e.dim])))
	}
	if !(apart <= closeEnough*largest) {
		return fmt.Errorf("its features of the reference are %.2g apart from those that it was exported with, of "+
			"which the largest is %.2g: it is damaged, or of a version whose network differs", apart, largest)
	}
	return nil
}
