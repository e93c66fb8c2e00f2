package onnx

import (
	"fmt"
	"math"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// matmul emits the product of the last two axes.
func (e *exporter) matmul(o op.MatMulOp, in ir.Instr) error {
	if o.Bias || o.Relu || o.Slope != "" || o.Plus || o.Rounded || o.BF16 {
		return errNone
	}
	side := func(buf int, turned bool) string {
		n := len(e.shape(buf))
		switch a := e.values[buf].known; {
		case !turned:
			return e.rows(buf)
		case a != nil:
			return e.constant(e.name(buf)+"/turned", permuted(*a, swapped(n)...))
		}
		return e.node("Transpose", []string{e.rows(buf)}, attribute{"perm", swapped(n)})
	}
	e.values[in.Out].rows = e.node("MatMul", []string{side(in.In[0], o.TransA), side(in.In[1], o.TransB)})
	return nil
}

// batchNorm emits a normalisation by running statistics.
func (e *exporter) batchNorm(o op.BatchNormOp, in ir.Instr) error {
	if o.Residual || o.Relu || o.Rounded {
		return errNone
	}
	x, c := in.In[0], e.shape(in.In[0]).Last()
	stats := e.values[in.In[1]].known
	if stats == nil {
		return fmt.Errorf("its statistics depend on the input; want running ones")
	}
	scale, shift := make([]float32, c), make([]float32, c)
	var gamma, beta *ir.Array
	if len(in.In) > 2 {
		gamma, beta = e.values[in.In[2]].known, e.values[in.In[3]].known
		if gamma == nil || beta == nil {
			return fmt.Errorf("its gamma and beta depend on the input")
		}
	}
	for k := range c {
		g, b := 1.0, 0.0
		if gamma != nil {
			g, b = gamma.At(k), beta.At(k)
		}
		s := g / math.Sqrt(stats.At(c+k)+o.Eps)
		scale[k], shift[k] = float32(s), float32(b-stats.At(k)*s)
	}
	shape := ir.Shape{c}
	if e.isFirst(x) {
		shape = ir.Shape{c, 1, 1}
	}
	base := fmt.Sprintf("%s/%d", e.name(in.In[1]), in.Out)
	return e.each(x, in.Out, func(x string) string {
		x = e.node("Mul", []string{x, e.floats(base+"/scale", scale, shape)})
		return e.node("Add", []string{x, e.floats(base+"/shift", shift, shape)})
	})
}

// attention emits softmax(scale q k' + biases) v of packed queries, keys and values [B,T,3,heads,D].
func (e *exporter) attention(o op.AttentionOp, in ir.Instr) error {
	if o.BF16 {
		return errNone
	}
	packed := e.node("Transpose", []string{e.rows(in.In[0])}, attribute{"perm", []int{2, 0, 3, 1, 4}})
	qkv := []string{e.fresh(), e.fresh(), e.fresh()}
	e.emit("Split", []string{packed}, qkv, attribute{"axis", 0}) // [1,B,heads,T,D] each
	keys := e.node("Transpose", []string{qkv[1]}, attribute{"perm", swapped(5)})
	scores := e.affine(e.node("MatMul", []string{qkv[0], keys}), o.Scale, 0) // [1,B,heads,T,T]
	s := e.shape(in.In[0])
	t, heads := s[1], s[3]
	for _, bias := range in.In[1:] {
		if g := e.shape(bias)[0]; g != 1 && g != s[0] { // of batches of g in turn
			scores = e.node("Reshape", []string{scores, e.ints(-1, g, heads, t, t)})
			scores = e.node("Add", []string{scores, e.rows(bias)})
			scores = e.node("Reshape", []string{scores, e.ints(1, -1, heads, t, t)})
			continue
		}
		scores = e.node("Add", []string{scores, e.rows(bias)})
	}
	if o.Causal {
		scores = e.node("Add", []string{scores, e.floats(fmt.Sprintf("causal/%d", t), later(t), ir.Shape{t, t})})
	}
	y := e.node("MatMul", []string{e.node("Softmax", []string{scores}, attribute{"axis", -1}), qkv[2]})
	y = e.node("Transpose", []string{y}, attribute{"perm", []int{1, 3, 0, 2, 4}}) // [B,T,1,heads,D]
	y, err := e.reshaped(y, in.Out)
	e.values[in.Out].rows = y
	return err
}

// later is [t,t], far below all scores where a key comes after its query, else 0.
func later(t int) []float32 {
	v := make([]float32, t*t)
	for i := range v {
		if i%t > i/t {
			v[i] = -1e9
		}
	}
	return v
}

// conv emits a convolution, channels first.
func (e *exporter) conv(o op.ConvForward, in ir.Instr) error {
	if o.BF16 || o.Rounded || o.Norm != (op.ImageNorm{}) {
		return errNone
	}
	w := in.In[1]
	var weights string // [KH,KW,C/groups,Co] -> [Co,C/groups,KH,KW]
	if a := e.values[w].known; a != nil {
		weights = e.constant(e.name(w), permuted(*a, 3, 2, 0, 1))
	} else {
		weights = e.node("Transpose", []string{e.rows(w)}, attribute{"perm", []int{3, 2, 0, 1}})
	}
	k := e.shape(w)
	e.values[in.Out].channelsFirst = e.node("Conv", []string{e.first(in.In[0]), weights},
		attribute{"kernel_shape", []int{k[0], k[1]}}, attribute{"strides", ones(o.Stride)},
		attribute{"pads", sides(o.Pad)}, attribute{"dilations", ones(o.Dilation)},
		attribute{"group", max(o.Groups, 1)})
	return nil
}

// ones is a pair of attributes in which 0 stands for 1.
func ones(a [2]int) []int { return []int{max(a[0], 1), max(a[1], 1)} }

// sides is a padding on both sides, as ONNX lists it: above, left, below, right.
func sides(pad [2]int) []int { return []int{pad[0], pad[1], pad[0], pad[1]} }

// pool emits a pooling. Adaptive ones have windows of one size where the result divides the image.
func (e *exporter) pool(o op.Pool, in ir.Instr) error {
	x, y := e.shape(in.In[0]), e.shape(in.Out)
	if o.Adaptive {
		for i := range 2 {
			if x[i+1]%y[i+1] != 0 {
				return fmt.Errorf("adaptive windows of %v for %v differ in size; want a size that divides the image",
					y[1:3], x[1:3])
			}
			o.Kernel[i] = x[i+1] / y[i+1]
		}
		o.Stride, o.Pad = o.Kernel, [2]int{}
	}
	attributes := []attribute{{"kernel_shape", o.Kernel[:]}, {"strides", o.Stride[:]}, {"pads", sides(o.Pad)}}
	name := "MaxPool"
	if !o.Max {
		name = "AveragePool"
		counts := 0
		if o.CountPad {
			counts = 1
		}
		attributes = append(attributes, attribute{"count_include_pad", counts})
	}
	e.values[in.Out].channelsFirst = e.node(name, []string{e.first(in.In[0])}, attributes...)
	return nil
}

// cells are the gates of recurrent layers: of each of ONNX's, in its order, the place of the program's.
var cells = map[string]struct {
	op    string
	gates []int
}{
	"gru":  {"GRU", []int{1, 0, 2}},     // z, r, h of r, z, n
	"lstm": {"LSTM", []int{0, 3, 1, 2}}, // i, o, f, c of i, f, g, o
}

// recurrent emits a recurrent layer. Its inputs are projected already, so that the weights of the inputs only put the
// gates in order.
func (e *exporter) recurrent(o op.Recurrent, in ir.Instr) error {
	cell, ok := cells[o.Cell]
	w, b := e.values[in.In[1]].known, e.values[in.In[2]].known
	if !ok || w == nil || b == nil {
		return errNone
	}
	h, n := w.Shape[0], len(cell.gates)
	wide := n * h
	order, weights := make([]float32, wide*wide), make([]float32, wide*h)
	bias := make([]float32, 2*wide) // of the inputs, then of the state
	for g, from := range cell.gates {
		for j := range h {
			row, column := g*h+j, from*h+j
			order[row*wide+column] = 1
			bias[wide+row] = b.F32[column]
			for i := range h {
				weights[row*h+i] = w.F32[i*wide+column]
			}
		}
	}
	base := e.name(in.In[1])
	steps := e.node("Transpose", []string{e.rows(in.In[0])}, attribute{"perm", []int{1, 0, 2}}) // [T,B,I]
	operands := []string{steps, e.floats(base+"/order", order, ir.Shape{1, wide, wide}),
		e.floats(base+"/state", weights, ir.Shape{1, wide, h}), e.floats(base+"/bias", bias, ir.Shape{1, 2 * wide})}
	attributes := []attribute{{"hidden_size", h}}
	if o.Cell == "gru" {
		attributes = append(attributes, attribute{"linear_before_reset", 1})
	}
	y := e.node(cell.op, operands, attributes...) // [T,1,B,H]
	y = e.node("Transpose", []string{y}, attribute{"perm", []int{2, 0, 1, 3}})
	y, err := e.reshaped(y, in.Out)
	e.values[in.Out].rows = y
	return err
}
