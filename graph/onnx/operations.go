package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// errNone says that an operation has no emitter.
var errNone = errors.New("not written")

// operation emits one operation; other is its spec for the second batch.
func (e *exporter) operation(in ir.Instr, other ir.Spec) error {
	x, out := 0, in.Out
	if len(in.In) > 0 {
		x = in.In[0]
	}
	rows := func(name string) error { e.values[out].rows = name; return nil }
	switch o := in.Spec.(type) {
	case op.Unary:
		f, ok := unaries[o.Fn]
		if !ok {
			return errNone
		}
		return e.each(x, out, func(x string) string { return f(e, x) })
	case op.AffineOp:
		return e.each(x, out, func(x string) string { return e.affine(x, o.A, o.B) })
	case op.LeakyReluOp:
		return e.each(x, out, func(x string) string {
			return e.node("LeakyRelu", []string{x}, attribute{"alpha", float32(o.Slope)})
		})
	case op.FloatOp:
		return e.each(x, out, func(x string) string { return e.cast(x, floatType) })
	case op.IntOp:
		return e.each(x, out, func(x string) string { return e.cast(e.node("Floor", []string{x}), int32Type) })
	case op.StopOp:
		e.values[out] = e.values[x]
		return nil
	case op.Binary:
		if o.Relu || o.Rounded {
			return errNone
		}
		name, ok := map[string]string{"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div"}[o.Fn]
		if !ok {
			return errNone
		}
		return e.pair(name, in)
	case op.AddN:
		return e.addN(in)
	case op.Compare:
		name, ok := map[string]string{"less": "Less", "equal": "Equal"}[o.Fn]
		if !ok {
			return errNone
		}
		return rows(e.cast(e.node(name, []string{e.rows(x), e.rows(in.In[1])}), floatType))
	case op.ReshapeOp:
		name, err := e.reshaped(e.rows(x), out)
		e.values[out].rows = name
		return err
	case op.TransposeOp:
		return rows(e.node("Transpose", []string{e.rows(x)}, attribute{"perm", []int(o.Perm.Shape())}))
	case op.LeadingSlice:
		return e.slice(o.SliceOp, other, in)
	case op.SliceOp:
		return e.slice(o, other, in)
	case op.PadOp:
		pads := make([]int, 2*len(e.shape(x)))
		pads[o.Axis], pads[len(pads)/2+o.Axis] = o.Before, o.After
		return rows(e.node("Pad", []string{e.rows(x), e.ints(pads...)}))
	case op.ConcatOp:
		return e.concat(o, in)
	case op.BroadcastOp:
		to, err := e.dynamic(out)
		e.values[out].rows = e.node("Expand", []string{e.rows(x), to})
		return err
	case op.SumToOp:
		return e.sum(o, other, in)
	case op.MatMulOp:
		return e.matmul(o, in)
	case op.BatchNormOp:
		return e.batchNorm(o, in)
	case op.LayerNormOp:
		return rows(e.node("LayerNormalization", []string{e.rows(x), e.rows(in.In[1]), e.rows(in.In[2])},
			attribute{"axis", -1}, attribute{"epsilon", float32(o.Eps)}))
	case op.NormalizeOp:
		length := e.node("ReduceL2", []string{e.rows(x)}, attribute{"axes", []int{-1}}, attribute{"keepdims", 1})
		return rows(e.node("Div", []string{e.rows(x), e.node("Max", []string{length, e.number(o.Eps)})}))
	case op.SoftmaxOp:
		name := "Softmax"
		if o.Log {
			name = "LogSoftmax"
		}
		return rows(e.node(name, []string{e.rows(x)}, attribute{"axis", -1}))
	case op.AttentionOp:
		return e.attention(o, in)
	case op.GatherOp:
		return rows(e.node("Gather", []string{e.rows(x), e.rows(in.In[1])}, attribute{"axis", 0}))
	case op.GatherTokensOp:
		at := e.node("Unsqueeze", []string{e.cast(e.rows(in.In[1]), int64Type), e.ints(2)})
		return rows(e.node("GatherND", []string{e.rows(x), at}, attribute{"batch_dims", 1}))
	case op.ArgmaxOp:
		return rows(e.cast(e.node("ArgMax", []string{e.rows(x)}, attribute{"axis", -1}, attribute{"keepdims", 0}),
			int32Type))
	case op.ConvForward:
		return e.conv(o, in)
	case op.PoolForward:
		return e.pool(o.Pool, in)
	case op.Recurrent:
		return e.recurrent(o, in)
	}
	return errNone
}

func (e *exporter) cast(x string, to int) string {
	return e.node("Cast", []string{x}, attribute{"to", to})
}

// each emits a function of every element, in the order in which its operand was made.
func (e *exporter) each(x, out int, f func(x string) string) error {
	if e.isFirst(x) {
		e.values[out].channelsFirst = f(e.first(x))
	} else {
		e.values[out].rows = f(e.rows(x))
	}
	return nil
}

// unaries are the functions of op.Unary.
var unaries = map[string]func(e *exporter, x string) string{
	"neg": plain("Neg"), "relu": plain("Relu"), "exp": plain("Exp"), "log": plain("Log"), "sqrt": plain("Sqrt"),
	"abs": plain("Abs"), "cos": plain("Cos"), "sin": plain("Sin"), "tanh": plain("Tanh"), "sigmoid": plain("Sigmoid"),
	"softplus": plain("Softplus"), "reciprocal": plain("Reciprocal"),
	"rsqrt":  func(e *exporter, x string) string { return plain("Reciprocal")(e, plain("Sqrt")(e, x)) },
	"square": func(e *exporter, x string) string { return e.node("Mul", []string{x, x}) },
	"silu": func(e *exporter, x string) string {
		return e.node("Mul", []string{x, e.node("Sigmoid", []string{x})})
	},
	"gelu": func(e *exporter, x string) string {
		return e.half(x, e.node("Erf", []string{e.affine(x, 1/math.Sqrt2, 0)}))
	},
	"gelu_tanh": func(e *exporter, x string) string {
		cube := e.node("Mul", []string{e.node("Mul", []string{x, x}), x})
		sum := e.node("Add", []string{x, e.affine(cube, 0.044715, 0)})
		return e.half(x, e.node("Tanh", []string{e.affine(sum, math.Sqrt(2/math.Pi), 0)}))
	},
}

func plain(name string) func(e *exporter, x string) string {
	return func(e *exporter, x string) string { return e.node(name, []string{x}) }
}

// half is x/2 (1 + y).
func (e *exporter) half(x, y string) string {
	return e.affine(e.node("Mul", []string{x, e.affine(y, 1, 1)}), 0.5, 0)
}

// affine is a x + b.
func (e *exporter) affine(x string, a, b float64) string {
	if a != 1 {
		x = e.node("Mul", []string{x, e.number(a)})
	}
	if b != 0 {
		x = e.node("Add", []string{x, e.number(b)})
	}
	return x
}

// pair emits arithmetic of two operands. With channels first it stays so where both operands are images of 4 axes or
// single numbers.
func (e *exporter) pair(name string, in ir.Instr) error {
	a, b := in.In[0], in.In[1]
	if !e.isFirst(a) && !e.isFirst(b) || !e.imageOrNumber(a) || !e.imageOrNumber(b) {
		e.values[in.Out].rows = e.node(name, []string{e.rows(a), e.rows(b)})
		return nil
	}
	side := func(buf int) string {
		if len(e.shape(buf)) == 4 {
			return e.first(buf)
		}
		return e.rows(buf)
	}
	e.values[in.Out].channelsFirst = e.node(name, []string{side(a), side(b)})
	return nil
}

func (e *exporter) imageOrNumber(buf int) bool { n := len(e.shape(buf)); return n == 4 || n == 0 }

// addN emits a sum of values, of which some repeat along the first axes.
func (e *exporter) addN(in ir.Instr) error {
	var all []string
	for _, buf := range in.In {
		all = append(all, e.rows(buf))
	}
	e.values[in.Out].rows = e.node("Sum", all)
	return nil
}

// slice emits a part of an axis.
func (e *exporter) slice(o op.SliceOp, other ir.Spec, in ir.Instr) error {
	if l, ok := other.(op.LeadingSlice); ok {
		other = l.SliceOp
	}
	if o != other {
		return fmt.Errorf("the part %d to %d of axis %d depends on the size of the batch", o.From, o.To, o.Axis)
	}
	part := func(x string, axis int) string {
		return e.node("Slice", []string{x, e.ints(o.From), e.ints(o.To), e.ints(axis)})
	}
	if x := in.In[0]; e.isFirst(x) {
		e.values[in.Out].channelsFirst = part(e.first(x), firstAxis(o.Axis))
	} else {
		e.values[in.Out].rows = part(e.rows(x), o.Axis)
	}
	return nil
}

// firstAxis is where an axis of images [B,H,W,C] is in [B,C,H,W].
func firstAxis(axis int) int { return []int{0, 2, 3, 1}[axis] }

func (e *exporter) concat(o op.ConcatOp, in ir.Instr) error {
	var parts []string
	if !slices.ContainsFunc(in.In, func(buf int) bool { return !e.isFirst(buf) }) {
		for _, buf := range in.In {
			parts = append(parts, e.first(buf))
		}
		e.values[in.Out].channelsFirst = e.node("Concat", parts, attribute{"axis", firstAxis(o.Axis)})
		return nil
	}
	for _, buf := range in.In {
		parts = append(parts, e.rows(buf))
	}
	e.values[in.Out].rows = e.node("Concat", parts, attribute{"axis", o.Axis})
	return nil
}

// sum emits a sum over axes, times a factor: a mean where the factor is one over their size.
func (e *exporter) sum(o op.SumToOp, other ir.Spec, in ir.Instr) error {
	if o.Scale != other.(op.SumToOp).Scale {
		return fmt.Errorf("its factor %v depends on the size of the batch", o.Scale)
	}
	x, from, to := in.In[0], e.shape(in.In[0]), o.To.Shape()
	var axes []int
	count, missing := 1, len(from)-len(to)
	for k, n := range from {
		if k < missing || to[k-missing] == 1 && n != 1 {
			axes = append(axes, k)
			count *= n
		}
	}
	first := e.isFirst(x) && missing == 0
	if first {
		for i, k := range axes {
			axes[i] = firstAxis(k)
		}
	}
	name := e.rows
	if first {
		name = e.first
	}
	operand := name(x)
	if o.Squares {
		operand = e.node("Mul", []string{operand, operand})
	}
	mean := math.Abs(o.Scale*float64(count)-1) < 1e-12
	var y string
	if mean { // its axes are an attribute until opset 18, those of the sum an operand
		y = e.node("ReduceMean", []string{operand}, attribute{"axes", axes}, attribute{"keepdims", 1})
	} else {
		y = e.affine(e.node("ReduceSum", []string{operand, e.ints(axes...)}, attribute{"keepdims", 1}), o.Scale, 0)
	}
	if first {
		e.values[in.Out].channelsFirst = y
		return nil
	}
	if missing > 0 {
		var err error
		if y, err = e.reshaped(y, in.Out); err != nil {
			return err
		}
	}
	e.values[in.Out].rows = y
	return nil
}
