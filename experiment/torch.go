package experiment

import (
	"fmt"
	"regexp"
	"strings"

	"selfsup/backbones"
	"selfsup/encoder"
	"selfsup/experiment/checkpoint"
	"selfsup/graph"
	"selfsup/graph/ir"
)

// Layouts of an exported encoder.
const (
	plainLayout = ""      // names and axes of the Store
	torchLayout = "torch" // PyTorch's axes; of a ResNet torchvision's names, of a ViT timm's
)

// forTorch gives the entries of an encoder PyTorch's axes and names: a convolution's weights are [out,in/groups,kh,kw],
// a linear layer's [out,in], running statistics two tensors. The layers get the names of their tensors.
func forTorch(b backbones.Backbone, layers []encoder.Layer, entries []*graph.Entry,
	in backbones.Input) []checkpoint.Tensor {
	kind := map[string]string{}
	for i, l := range layers {
		kind[l.Name] = l.Kind
		if l.Name != "" {
			layers[i].Name = torchName(b, l.Name)
		}
	}
	var ts []checkpoint.Tensor
	add := func(name string, a ir.Array) { ts = append(ts, checkpoint.TensorOf(name, a)) }
	for _, e := range entries {
		name := belowBackbone(e.Name)
		at := strings.LastIndexByte(name, '/')
		owner, leaf := name[:max(at, 0)], name[at+1:]
		to := torchName(b, owner) + "." + leaf
		switch k := kind[owner]; {
		case torchSpecial(b, name, e.Array, in, add):
		case k == "conv" && leaf == "weight":
			add(to, permuted(e.Array, 3, 2, 0, 1))
		case k == "linear" && leaf == "weight":
			add(to, permuted(e.Array, 1, 0))
		case k == "batch_norm" && leaf == "running":
			c := e.Shape[1]
			add(to+"_mean", array(e.F32[:c], c))
			add(to+"_var", array(e.F32[c:], c))
		default:
			add(strings.TrimPrefix(to, "."), e.Array)
		}
	}
	return ts
}

// torchName is a layer's name in torchvision or timm; other backbones keep their own, with dots.
func torchName(b backbones.Backbone, name string) string {
	switch b.(type) {
	case *backbones.ResNet:
		name = resNetNorm.ReplaceAllString(name, "/bn$1")
		switch {
		case name == "stem/conv":
			return "conv1"
		case name == "stem/norm":
			return "bn1"
		}
		name = strings.Replace(name, "stage", "layer", 1)
		name = strings.Replace(name, "/skip/conv", "/downsample/0", 1)
		name = strings.Replace(name, "/skip/norm", "/downsample/1", 1)
	case *backbones.ViT:
		if name == "patch" {
			name = "patch_embed/proj"
		}
		name = vitScale.ReplaceAllString(name, "/ls$1")
	case *backbones.ConvNeXt:
		name = convNeXtName(name)
	}
	return strings.ReplaceAll(name, "/", ".")
}

// convNeXtName is a layer's name in the code of ConvNeXt's authors, where the stem's norm is behind its convolution and
// the others' are before theirs.
func convNeXtName(name string) string {
	var stage int
	var part string
	if n, _ := fmt.Sscanf(name, "downsample/%d/%s", &stage, &part); n != 2 {
		return name
	}
	at := 0
	if (part == "norm") == (stage == 0) {
		at = 1
	}
	return fmt.Sprintf("downsample_layers/%d/%d", stage, at)
}

var (
	resNetNorm = regexp.MustCompile(`/norm(\d+)$`)
	vitScale   = regexp.MustCompile(`/scale(\d)$`)
)

// torchSpecial adds what is not a layer's tensor with its axes turned, and reports whether it did: a ViT's patches and
// tokens, and the first layer of an MLP, which reads an image's numbers in another order.
func torchSpecial(b backbones.Backbone, name string, a ir.Array, in backbones.Input, add func(string, ir.Array)) bool {
	switch b := b.(type) {
	case *backbones.ViT:
		d := b.Dim()
		switch name {
		case "patch/weight": // [p*p*C,D] -> [D,C,p,p]
			add("patch_embed.proj.weight", permuted(array(a.F32, b.Patch, b.Patch, in.Shape[2], d), 3, 2, 0, 1))
			if b.FrozenPatch { // timm's has a bias
				add("patch_embed.proj.bias", ir.NewArray(ir.Type{Shape: ir.Shape{d}, DType: ir.F32}))
			}
		case "class":
			add("cls_token", array(a.F32, 1, 1, d))
		case "position":
			rows := a.F32
			if b.Position == "sincos" && b.Pool == "class" { // the class token's is 0
				rows = append(make([]float32, d), rows...)
			}
			add("pos_embed", array(rows, 1, len(rows)/d, d))
		case "registers":
			add("reg_token", array(a.F32, 1, b.Registers, d))
		case "relative": // as in BEiT's code
			add("rel_pos_bias.relative_position_bias_table", a)
		default:
			block, found := strings.CutSuffix(name, "/attn/relative")
			if !found {
				return false
			}
			add(strings.ReplaceAll(block, "/", ".")+".attn.relative_position_bias_table", a)
		}
		return true
	case *backbones.ConvNeXt:
		if !strings.Contains(name, "/grn/") {
			return false
		}
		add(strings.ReplaceAll(name, "/", "."), array(a.F32, 1, 1, 1, a.Shape[0]))
		return true
	case *backbones.MLP:
		if name != "0/linear/weight" || len(in.Shape) != 3 { // rows keep their order
			return false
		}
		turned := permuted(array(a.F32, in.Shape[0], in.Shape[1], in.Shape[2], a.Shape[1]), 3, 2, 0, 1) // [out,C,H,W]
		add("0.linear.weight", array(turned.F32, a.Shape[1], a.Shape[0]))
		return true
	}
	return false
}

// array is numbers with a shape.
func array(f []float32, shape ...int) ir.Array {
	return ir.Array{Type: ir.Type{Shape: shape, DType: ir.F32}, F32: f}
}

// permuted is an array whose axis i is axis perm[i] of a.
func permuted(a ir.Array, perm ...int) ir.Array {
	if len(perm) != len(a.Shape) {
		panic(fmt.Sprintf("export: %v has not %d axes", a.Shape, len(perm)))
	}
	shape, step := make([]int, len(perm)), make([]int, len(perm))
	for i, p := range perm {
		shape[i], step[i] = a.Shape[p], 1
		for _, n := range a.Shape[p+1:] {
			step[i] *= n
		}
	}
	out := array(make([]float32, len(a.F32)), shape...)
	at := make([]int, len(perm))
	for k := range out.F32 {
		from := 0
		for i := range at {
			from += at[i] * step[i]
		}
		out.F32[k] = a.F32[from]
		for i := len(at) - 1; i >= 0; i-- {
			if at[i]++; at[i] < shape[i] {
				break
			}
			at[i] = 0
		}
	}
	return out
}

// turnedImages is images [B,H,W,C] as [B,C,H,W].
func turnedImages(a ir.Array) ir.Array { return permuted(a, 0, 3, 1, 2) }
