package experiment

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
	"selfsup/graph/ir"
	"selfsup/graph/onnx"
)

// ONNXExt is the end of the names of files that Export writes as ONNX.
const ONNXExt = ".onnx"

// onnxNames are the names of input and output by what the encoder takes, as loaders of such models know them.
var onnxNames = map[string][2]string{
	"images": {"pixel_values", "image_embeds"}, "clips": {"pixel_values", "video_embeds"},
	"waves": {"input_values", "features"}, "texts": {"input_ids", "features"}, "rows": {"input_features", "features"},
}

// exportONNX writes the encoder as an ONNX model.
func (s *Setup) exportONNX(path string, m checkpoint.Meta) error {
	c, fail := s.Trained, func(err error) error { return fmt.Errorf("export: %s: %w", path, err) }
	names := onnxNames[c.Takes()]
	model := onnx.Model{Batch: [2]int{5, 7}, Name: "encoder", Output: names[1], Input: onnx.Input{Name: names[0]}}
	if c.Pixels() {
		model.Input.ChannelsFirst, model.Input.Mean, model.Input.Std = true, c.Mean, c.Std
	}
	for i, batch := range model.Batch {
		g, err := s.frozenGraph(batch)
		if err != nil {
			return fail(err)
		}
		if model.Program[i], err = g.Lower(); err != nil {
			return fail(err)
		}
	}
	model.State = func(name string) (ir.Array, bool) {
		e := s.Store.Get(name)
		if e == nil {
			return ir.Array{}, false
		}
		return e.Array, true
	}
	var err error
	if model.Meta, err = s.onnxMeta(m); err != nil {
		return fail(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fail(err)
	}
	if err := folder.Replace(path, func(w io.Writer) error { return onnx.Write(w, model) }); err != nil {
		return fail(err)
	}
	return nil
}

// onnxMeta says what the model takes; lists are JSON. The keys are those of an image processor's configuration.
func (s *Setup) onnxMeta(m checkpoint.Meta) (map[string]string, error) {
	c := s.Trained
	meta := map[string]string{
		"recipe": m.Recipe, "step": strconv.Itoa(m.Step), "backbone": c.Backbone, "features": strconv.Itoa(c.Features),
	}
	list := func(key string, v any) error {
		text, err := json.Marshal(v)
		meta[key] = string(text)
		return err
	}
	if !c.Pixels() {
		meta["input"] = s.otherInput(c.Samples)
		return meta, list("samples", c.Samples)
	}
	axes := "[batch,channels,height,width]"
	if c.Takes() == "clips" {
		axes = "[batch,frames,channels,height,width]"
	}
	meta["input"] = axes + ", pixels from 0 to 1, normalised by the model: (pixel - image_mean)/image_std"
	meta["num_channels"], meta["interpolation"] = strconv.Itoa(c.Channels), c.Interpolation
	meta["resize"] = "the shorter side to that of size, with antialiasing, then the centre"
	if c.Height != c.Width {
		meta["resize"] = "to size, with antialiasing; an image of that size is taken as it is"
	}
	if err := list("image_mean", c.Mean); err != nil {
		return nil, err
	}
	if err := list("image_std", c.Std); err != nil {
		return nil, err
	}
	return meta, list("size", map[string]int{"height": c.Height, "width": c.Width})
}
