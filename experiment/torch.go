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

// torchTensor is how a file of PyTorch has an entry of the Store, or a part of one: the same numbers, their axes turned
// and joined. It serves both ways, to write a file and to read one.
type torchTensor struct {
	name  string
	shape []int // in the file
	zeros int   // numbers in front of the others in the file that are 0 and no part of the entry
	first int   // of the entry's numbers
	axes  []int // of these numbers here
	turn  []int // axis i in the file is axis turn[i] of them, before they are joined to shape; nil: each stays
}

// of is the tensor for an entry's numbers.
func (t torchTensor) of(entry ir.Array) ir.Array {
	part := array(entry.F32[t.first:t.first+ir.Shape(t.axes).Size()], t.axes...)
	if t.turn != nil {
		part = permuted(part, t.turn...)
	}
	if t.zeros > 0 {
		part.F32 = append(make([]float32, t.zeros), part.F32...)
	}
	return array(part.F32, t.shape...)
}

// into writes a tensor of t's shape into its part of an entry.
func (t torchTensor) into(entry, tensor ir.Array) error {
	for _, v := range tensor.F32[:t.zeros] {
		if v != 0 {
			return fmt.Errorf("%s begins with %d numbers that are 0 in this backbone, and the file has %v among them",
				t.name, t.zeros, v)
		}
	}
	numbers := tensor.F32[t.zeros:]
	if t.turn != nil {
		turned, back := make([]int, len(t.turn)), make([]int, len(t.turn))
		for i, axis := range t.turn {
			turned[i], back[axis] = t.axes[axis], i
		}
		numbers = permuted(array(numbers, turned...), back...).F32
	}
	copy(entry.F32[t.first:], numbers)
	return nil
}

// forTorch gives the entries of an encoder PyTorch's axes and names: a convolution's weights are [out,in/groups,kh,kw],
// a linear layer's [out,in], running statistics two tensors. The layers get the names of their tensors.
func forTorch(b backbones.Backbone, layers []encoder.Layer, entries []*graph.Entry,
	in backbones.Input) (ts []checkpoint.Tensor) {
	kinds := kindsOf(layers)
	for i, l := range layers {
		if l.Name != "" {
			layers[i].Name = torchName(b, l.Name)
		}
	}
	for _, e := range entries {
		for _, t := range torchTensors(b, kinds, belowBackbone(e.Name), e.Shape, in) {
			ts = append(ts, checkpoint.TensorOf(t.name, t.of(e.Array)))
		}
	}
	return ts
}

// kindsOf is the kind of each layer that has tensors, by its name.
func kindsOf(layers []encoder.Layer) map[string]string {
	kinds := map[string]string{}
	for _, l := range layers {
		kinds[l.Name] = l.Kind
	}
	return kinds
}

// torchTensors are what a file of PyTorch has for an entry, by its name below the encoder's scope.
func torchTensors(b backbones.Backbone, kinds map[string]string, name string, shape []int,
	in backbones.Input) []torchTensor {
	if special := torchSpecial(b, name, shape, in); special != nil {
		return special
	}
	at := strings.LastIndexByte(name, '/')
	owner, leaf := name[:max(at, 0)], name[at+1:]
	t := torchTensor{name: strings.TrimPrefix(torchName(b, owner)+"."+leaf, "."), shape: shape, axes: shape}
	switch k := kinds[owner]; {
	case k == "conv" && leaf == "weight":
		t.shape, t.turn = []int{shape[3], shape[2], shape[0], shape[1]}, []int{3, 2, 0, 1}
	case k == "linear" && leaf == "weight":
		t.shape, t.turn = []int{shape[1], shape[0]}, []int{1, 0}
	case k == "batch_norm" && leaf == "running":
		c := []int{shape[1]}
		name := strings.TrimSuffix(t.name, "running")
		return []torchTensor{{name: name + "running_mean", shape: c, axes: c},
			{name: name + "running_var", shape: c, axes: c, first: shape[1]}}
	}
	return []torchTensor{t}
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

// torchSpecial are the tensors of what is not a layer's entry with its axes turned; nil of all others: a ViT's patches
// and tokens, ConvNeXt's response normalisation, and the first layer of an MLP, which reads an image's numbers in
// another order.
func torchSpecial(b backbones.Backbone, name string, shape []int, in backbones.Input) []torchTensor {
	one := func(name string, shape, axes []int, turn ...int) []torchTensor {
		return []torchTensor{{name: name, shape: shape, axes: axes, turn: turn}}
	}
	switch b := b.(type) {
	case *backbones.ViT:
		return vitTensors(b, name, shape, in)
	case *backbones.Swin: // as in the authors' code
		if block, found := strings.CutSuffix(name, "/attn/relative"); found {
			return one(strings.ReplaceAll(block, "/", ".")+".attn.relative_position_bias_table", shape, shape)
		}
	case *backbones.ConvNeXt:
		if strings.Contains(name, "/grn/") {
			return one(strings.ReplaceAll(name, "/", "."), []int{1, 1, 1, shape[0]}, shape)
		}
	case *backbones.MLP:
		if name == "0/linear/weight" && len(in.Shape) == 3 { // rows keep their order; [out,C,H,W] joined
			return one("0.linear.weight", []int{shape[1], shape[0]}, []int{in.Shape[0], in.Shape[1], in.Shape[2],
				shape[1]}, 3, 2, 0, 1)
		}
	}
	return nil
}

// positionsName is timm's name of a ViT's positions.
const positionsName = "pos_embed"

// vitTensors are torchSpecial of a ViT, by timm's names.
func vitTensors(b *backbones.ViT, name string, shape []int, in backbones.Input) []torchTensor {
	d, same := b.Dim(), torchTensor{axes: shape}
	switch name {
	case "patch/weight": // [p*p*C,D] -> [D,C,p,p]
		c := in.Shape[len(in.Shape)-1]
		ts := []torchTensor{{name: "patch_embed.proj.weight", shape: []int{d, c, b.Patch, b.Patch},
			axes: []int{b.Patch, b.Patch, c, d}, turn: []int{3, 2, 0, 1}}}
		if b.FrozenPatch { // timm's has a bias
			ts = append(ts, torchTensor{name: "patch_embed.proj.bias", shape: []int{d}, axes: []int{0}, zeros: d})
		}
		return ts
	case "class":
		same.name, same.shape = "cls_token", []int{1, 1, d}
	case "position":
		if b.Position == "sincos" && b.Pool == "class" { // the class token's is 0
			same.zeros = d
		}
		same.name, same.shape = positionsName, []int{1, shape[0] + same.zeros/d, d}
	case "registers":
		same.name, same.shape = "reg_token", []int{1, b.Registers, d}
	case "relative": // as in BEiT's code
		same.name, same.shape = "rel_pos_bias.relative_position_bias_table", shape
	default:
		block, found := strings.CutSuffix(name, "/attn/relative")
		if !found {
			return nil
		}
		same.name, same.shape = strings.ReplaceAll(block, "/", ".")+".attn.relative_position_bias_table", shape
	}
	return []torchTensor{same}
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
