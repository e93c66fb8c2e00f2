package backbones_test

import (
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

// clipNames turns CLIP's names into ours, in this order.
var clipNames = strings.NewReplacer("class_embedding", "class", "positional_embedding", "position",
	"token_embedding.weight", "symbols", "text_projection", "project/weight", "conv1", "patch", "ln_pre", "before/norm",
	"ln_post", "norm", "ln_final", "norm", "transformer.resblocks", "blocks", "attn.in_proj_", "attn/qkv/",
	"attn.out_proj", "attn/proj", "ln_1", "norm1", "ln_2", "norm2", "c_fc", "fc1", "c_proj", "fc2", ".", "/")

// clipModel compares an encoder and its projection with CLIP's: outputs, loss and the gradient of every parameter.
func clipModel(t *testing.T, f *golden.Fixture, build func(s *graph.Scope) *graph.Node) {
	model := ongraph.Model{F: f, AsIs: []string{"embedding", "token_embedding.weight", "proj", "text_projection"},
		Ours: func(name string) string {
			if name == "proj" {
				return "project/weight"
			}
			return clipNames.Replace(name)
		}}
	oneStep(t, f, model, build)
}

// project is CLIP's linear projection without biases.
func project(s *graph.Scope, in, out int) layer.Func {
	w := s.Param("project/weight", graph.Fill(0), in, out)
	return func(x *graph.Node) *graph.Node { return op.MatMul(x, w, false, false) }
}

// form = "clip" of a ViT is the image encoder of CLIP's code.
func TestGoldenCLIPImage(t *testing.T) {
	f := golden.Load(t, "multimodal/clip_image_micro")
	get := func(key string) int { return golden.Param[int](t, f, key) }
	net := backbones.DefaultViT()
	net.Form, net.Channels, net.Depth, net.Heads, net.Patch = "clip", get("width"), get("layers"), get("heads"),
		get("patch_size")
	x := golden.Image(f.Inputs["image"])
	in := backbones.Pixels(x.Shape[1], x.Shape[2], x.Shape[3])
	if err := net.Check(in); err != nil {
		t.Fatal(err)
	}
	clipModel(t, f, func(s *graph.Scope) *graph.Node {
		return project(s, net.Dim(), get("output_dim"))(net.New(s, in)(s.State("x", ongraph.Hold(x), x.Shape...)))
	})
}

// form = "clip" of a transformer is the text encoder of CLIP's code, where no symbol after a text's last is read.
func TestGoldenCLIPText(t *testing.T) {
	f := golden.Load(t, "multimodal/clip_text_micro")
	get := func(key string) int { return golden.Param[int](t, f, key) }
	text := f.Inputs["text"]
	net := backbones.DefaultTransformer()
	net.Form, net.Eps = "clip", 1e-5
	net.Channels, net.Depth, net.Heads = get("transformer_width"), get("transformer_layers"), get("transformer_heads")
	in := backbones.Input{Shape: text.Shape[1:], Int: true, Of: []int{get("vocab_size")}}
	if err := net.Check(in); err != nil {
		t.Fatal(err)
	}
	var ids []int32
	for _, v := range text.Data {
		ids = append(ids, int32(v))
	}
	clipModel(t, f, func(s *graph.Scope) *graph.Node {
		y := net.New(s, in)(op.Reshape(s.Ints("ids", ids), text.Shape...))
		return project(s, net.Dim(), get("embed_dim"))(y)
	})
}
