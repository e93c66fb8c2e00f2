package onnx

import (
	"fmt"
	"slices"

	"selfsup/graph/ir"
)

// exporter is a model that is being written.
type exporter struct {
	Model
	p         *ir.Program // of the first batch
	values    []value     // by buffer
	nodes     []message
	tensors   []message // initializers
	constants map[string]bool
	input     string
	rowsInput string // the size of the batch as a tensor [1]; empty: nothing needed it yet
	made      int    // names
}

// value is where the model has a buffer of the program, in one order of the axes or in both. Names are empty until
// something needs the order.
type value struct {
	rows          string    // as the program has it
	channelsFirst string    // of images [B,H,W,C]: [B,C,H,W]
	known         *ir.Array // a parameter or what is made of such; nil: it depends on the input
}

// emit adds a node with the outputs named.
func (e *exporter) emit(op string, in, out []string, attributes ...attribute) {
	var n message
	for _, name := range in {
		n.string(1, name)
	}
	for _, name := range out {
		n.string(2, name)
	}
	n.string(3, fmt.Sprintf("%s/%d", op, len(e.nodes)))
	n.string(4, op)
	for _, a := range attributes {
		n.bytes(5, a.message())
	}
	e.nodes = append(e.nodes, n)
}

// node adds a node and returns the name of its output.
func (e *exporter) node(op string, in []string, attributes ...attribute) string {
	out := e.fresh()
	e.emit(op, in, []string{out}, attributes...)
	return out
}

func (e *exporter) fresh() string {
	e.made++
	return fmt.Sprintf("v%d", e.made)
}

// constant adds an array under a name, once.
func (e *exporter) constant(name string, a ir.Array) string {
	if !e.constants[name] {
		e.constants[name] = true
		e.tensors = append(e.tensors, tensor(name, a))
	}
	return name
}

// floats adds an array of numbers.
func (e *exporter) floats(name string, v []float32, shape ir.Shape) string {
	return e.constant(name, ir.Array{Type: ir.Type{Shape: shape, DType: ir.F32}, F32: v})
}

// number adds one number.
func (e *exporter) number(v float64) string {
	return e.floats(fmt.Sprintf("number/%v", v), []float32{float32(v)}, ir.Shape{})
}

// ints adds int64 numbers [n].
func (e *exporter) ints(list ...int) string {
	name := fmt.Sprintf("ints/%v", list)
	if !e.constants[name] {
		e.constants[name] = true
		e.tensors = append(e.tensors, indices(name, list))
	}
	return name
}

// name is what the tensor of a known value is called.
func (e *exporter) name(buf int) string {
	if b := e.p.Bufs[buf]; b.Class != ir.Temp {
		return b.Name
	}
	return fmt.Sprintf("folded/%d", buf)
}

// rows is the name of a value in the order of the program.
func (e *exporter) rows(buf int) string {
	v := &e.values[buf]
	switch {
	case v.rows != "":
	case v.known != nil:
		v.rows = e.constant(e.name(buf), *v.known)
	default:
		v.rows = e.node("Transpose", []string{v.channelsFirst}, attribute{"perm", []int{0, 2, 3, 1}})
	}
	return v.rows
}

// first is the name of images [B,H,W,C] as [B,C,H,W].
func (e *exporter) first(buf int) string {
	v := &e.values[buf]
	switch {
	case v.channelsFirst != "":
	case v.known != nil:
		v.channelsFirst = e.constant(e.name(buf)+"/channels_first", permuted(*v.known, 0, 3, 1, 2))
	default:
		v.channelsFirst = e.node("Transpose", []string{v.rows}, attribute{"perm", []int{0, 3, 1, 2}})
	}
	return v.channelsFirst
}

// isFirst reports whether a value was made with the channels first.
func (e *exporter) isFirst(buf int) bool {
	return e.values[buf].rows == "" && e.values[buf].channelsFirst != ""
}

// shape is a value's shape for the first batch.
func (e *exporter) shape(buf int) ir.Shape { return e.p.Bufs[buf].Shape }

// reshaped is x in the shape of a buffer, in the order of the program.
func (e *exporter) reshaped(x string, buf int) (string, error) {
	var to []int
	free := 0
	for k := range e.shape(buf) {
		n, batch, err := e.size(buf, k)
		if err != nil {
			return "", err
		}
		if batch {
			n = -1
			free++
		}
		to = append(to, n)
	}
	if free > 1 {
		return "", fmt.Errorf("%d axes of %v depend on the size of the batch", free, e.shape(buf))
	}
	return e.node("Reshape", []string{x, e.ints(to...)}), nil
}

// dynamic is a buffer's shape as a tensor of int64, with the size that the batch has when the model runs.
func (e *exporter) dynamic(buf int) (string, error) {
	var parts []string
	for k := range e.shape(buf) {
		n, batch, err := e.size(buf, k)
		if err != nil {
			return "", err
		}
		if !batch {
			parts = append(parts, e.ints(n))
			continue
		}
		if e.rowsInput == "" {
			e.rowsInput = e.node("Shape", []string{e.input}, attribute{"start", 0}, attribute{"end", 1})
		}
		part := e.rowsInput
		if n > 1 {
			part = e.node("Mul", []string{part, e.ints(n)})
		}
		parts = append(parts, part)
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return e.node("Concat", parts, attribute{"axis", 0}), nil
}

// permuted is an array of numbers whose axis i is axis perm[i] of a.
func permuted(a ir.Array, perm ...int) ir.Array {
	to := make(ir.Shape, len(perm))
	steps := make([]int, len(perm))
	for i, p := range perm {
		to[i], steps[i] = a.Shape[p], a.Shape[p+1:].Size()
	}
	out := ir.NewArray(ir.Type{Shape: to, DType: a.DType})
	at := make([]int, len(perm))
	for k := range to.Size() {
		from := 0
		for i := range at {
			from += at[i] * steps[i]
		}
		out.Set(k, a.At(from))
		for i := len(at) - 1; i >= 0; i-- {
			if at[i]++; at[i] < to[i] {
				break
			}
			at[i] = 0
		}
	}
	return out
}

// span is 0, 1 ... n-1.
func span(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// swapped is the order of n axes with the last two exchanged.
func swapped(n int) []int {
	perm := span(n)
	slices.Reverse(perm[n-2:])
	return perm
}
