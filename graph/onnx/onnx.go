// Package onnx writes frozen encoders as ONNX models, operation by operation: whatever network is made of operations
// that have an emitter here can be written. An operation without one is an error that names it.
//
// A program is lowered for one size of batch. To find out which sizes depend on it, Write takes the same network
// lowered for two, and gives the model a batch of any size. Images are channels last in a program and channels first
// in ONNX; each value is kept in the order in which it was made, and turned where an operation needs it otherwise.
//
// The format is that of onnx.proto, opset 17, IR version 8.
package onnx

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"selfsup/graph/ir"
)

const (
	opset     = 17
	irVersion = 8
	mostBytes = math.MaxInt32 // of a protocol buffer
)

// Model is what Write writes.
type Model struct {
	Program [2]*ir.Program // one network for two batches: one input [B,...], one output [B,F], no updates
	Batch   [2]int         // their sizes, which differ and are above 1
	// State is what the Store holds under a name.
	State func(name string) (ir.Array, bool)

	Name   string // of the graph
	Input  Input
	Output string            // name of the features
	Meta   map[string]string // beside the graph, for readers
}

// Input says what the model is fed with.
type Input struct {
	Name string
	// ChannelsFirst: the last axis of the network's samples, the channels, stands before height and width: [B,C,H,W]
	// for [B,H,W,C], and [B,T,C,H,W] for [B,T,H,W,C].
	ChannelsFirst bool
	Mean, Std     []float32 // the model begins with (x - Mean)/Std for each channel; nil: it does not
}

// Write writes a model.
func Write(w io.Writer, m Model) error {
	graph, err := graphOf(m)
	if err != nil {
		return fmt.Errorf("onnx: %w", err)
	}
	var out, opsets message
	out.int(1, irVersion)
	out.string(2, "selfsup")
	out.bytes(7, graph)
	opsets.string(1, "")
	opsets.int(2, opset)
	out.bytes(8, opsets)
	for _, key := range slices.Sorted(maps.Keys(m.Meta)) {
		var entry message
		entry.string(1, key)
		entry.string(2, m.Meta[key])
		out.bytes(14, entry)
	}
	if len(out) > mostBytes {
		return fmt.Errorf("onnx: the model takes %d bytes; a file holds at most %d", len(out), mostBytes)
	}
	_, err = w.Write(out)
	return err
}

// graphOf is the GraphProto.
func graphOf(m Model) (message, error) {
	e := &exporter{Model: m, p: m.Program[0], constants: map[string]bool{}}
	if err := e.check(); err != nil {
		return nil, err
	}
	in, err := e.begin()
	if err != nil {
		return nil, err
	}
	if err := e.run(); err != nil {
		return nil, err
	}
	result := e.p.Outputs[0].Buf
	e.emit("Identity", []string{e.rows(result)}, []string{m.Output})
	var g message
	for _, n := range e.nodes {
		g.bytes(1, n)
	}
	g.string(2, m.Name)
	for _, t := range e.tensors {
		g.bytes(5, t)
	}
	g.bytes(11, in)
	g.bytes(12, described(m.Output, floatType, e.p.Bufs[result].Shape[1:]))
	return g, nil
}

// check refuses what is not one network for two batches.
func (e *exporter) check() error {
	a, b := e.Program[0], e.Program[1]
	if len(a.Outputs) != 1 || len(a.Updates) != 0 {
		return fmt.Errorf("the network has %d outputs and %d updates; want one output and none", len(a.Outputs),
			len(a.Updates))
	}
	if len(a.Bufs) != len(b.Bufs) || len(a.Instrs) != len(b.Instrs) {
		return fmt.Errorf("for batches of %v it has %d and %d operations; want the same", e.Batch, len(a.Instrs),
			len(b.Instrs))
	}
	for i := range a.Instrs {
		x, y := a.Instrs[i], b.Instrs[i]
		if x.Spec.Name() != y.Spec.Name() || !slices.Equal(x.In, y.In) || x.Out != y.Out {
			return fmt.Errorf("operation %d is %s in %q, and of another batch %s in %q; want the same", i,
				x.Spec.Name(), x.Scope, y.Spec.Name(), y.Scope)
		}
	}
	for i := range a.Bufs {
		if len(a.Bufs[i].Shape) != len(b.Bufs[i].Shape) {
			return fmt.Errorf("value %s is %v, and of another batch %v", a.Bufs[i].Name, a.Bufs[i].Shape,
				b.Bufs[i].Shape)
		}
		for k := range a.Bufs[i].Shape {
			if _, _, err := e.size(i, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// size is axis k of a value: n, or n times the size of the batch.
func (e *exporter) size(buf, k int) (n int, batch bool, err error) {
	x, y := e.Program[0].Bufs[buf].Shape[k], e.Program[1].Bufs[buf].Shape[k]
	if x == y {
		return x, false, nil
	}
	if x%e.Batch[0] != 0 || y%e.Batch[1] != 0 || x/e.Batch[0] != y/e.Batch[1] {
		return 0, false, fmt.Errorf("axis %d of %s is %d of a batch of %d and %d of %d; want a multiple of the batch",
			k, e.p.Bufs[buf].Name, x, e.Batch[0], y, e.Batch[1])
	}
	return x / e.Batch[0], true, nil
}

// batched reports whether an axis of a value depends on the batch.
func (e *exporter) batched(buf int) bool {
	return !e.Program[0].Bufs[buf].Shape.Equal(e.Program[1].Bufs[buf].Shape)
}

// begin makes the model's input, the network's input of it, and the values that are known.
func (e *exporter) begin() (message, error) {
	e.values = make([]value, len(e.p.Bufs))
	var in message
	inputs := 0
	for i, b := range e.p.Bufs {
		switch b.Class {
		case ir.State:
			a, ok := e.State(b.Name)
			if !ok {
				return nil, fmt.Errorf("there is no %s", b.Name)
			}
			e.values[i].known = &a
		case ir.Const:
			if e.batched(i) {
				return nil, fmt.Errorf("the constant %s %v depends on the size of the batch", b.Name, b.Shape)
			}
			a := b.Data
			e.values[i].known = &a
		case ir.Input:
			if inputs++; inputs > 1 {
				return nil, fmt.Errorf("the network has another input, %s; want one", b.Name)
			}
			e.input = e.Input.Name
			in = e.feed(i)
		}
	}
	if inputs == 0 {
		return nil, fmt.Errorf("the network has no input")
	}
	return in, nil
}

// feed makes the network's input of the model's, and describes that.
func (e *exporter) feed(buf int) message {
	b := e.p.Bufs[buf]
	if b.DType == ir.I32 { // readers give int64
		e.values[buf].rows = e.node("Cast", []string{e.input}, attribute{"to", int32Type})
		return described(e.input, int64Type, b.Shape[1:])
	}
	shape, x := slices.Clone([]int(b.Shape)), e.input
	last := len(shape) - 1
	if e.Input.ChannelsFirst {
		shape = append(shape[:last-2:last-2], shape[last], shape[last-2], shape[last-1])
	}
	if len(e.Input.Mean) > 0 {
		per := ir.Shape{len(e.Input.Mean)}
		if e.Input.ChannelsFirst {
			per = append(per, 1, 1)
		}
		x = e.node("Sub", []string{x, e.floats("input/mean", e.Input.Mean, per)})
		x = e.node("Div", []string{x, e.floats("input/std", e.Input.Std, per)})
	}
	switch {
	case e.Input.ChannelsFirst && len(shape) == 4:
		e.values[buf].channelsFirst = x
	case e.Input.ChannelsFirst:
		e.values[buf].rows = e.node("Transpose", []string{x}, attribute{"perm", []int{0, 1, 3, 4, 2}})
	default:
		e.values[buf].rows = x
	}
	return described(e.input, floatType, shape[1:])
}

// run emits every operation, or names those that it cannot.
func (e *exporter) run() error {
	missing := map[string]bool{}
	var where []string
	for i, in := range e.p.Instrs {
		if e.fold(in) {
			continue
		}
		err := e.operation(in, e.Program[1].Instrs[i].Spec)
		if err == errNone {
			if name := in.Spec.Name(); !missing[name] {
				missing[name] = true
				if in.Scope != "" {
					name += fmt.Sprintf(" (in %q)", in.Scope)
				}
				where = append(where, name)
			}
			e.values[in.Out].rows = "none"
			continue
		}
		if err != nil && len(missing) == 0 {
			return fmt.Errorf("%s in %q: %w", in.Spec.Name(), in.Scope, err)
		}
	}
	if len(where) > 0 {
		return fmt.Errorf("the network has operations that are not written as ONNX: %s", strings.Join(where, ", "))
	}
	return nil
}

// fold computes an operation on what is known, whatever the batch.
func (e *exporter) fold(in ir.Instr) bool {
	if e.batched(in.Out) {
		return false
	}
	operands := make([]ir.Tensor, len(in.In))
	for k, buf := range in.In {
		a := e.values[buf].known
		if a == nil {
			return false
		}
		operands[k] = ir.Tensor{Shape: a.Shape, Data: make([]float64, a.Shape.Size())}
		for i := range operands[k].Data {
			operands[k].Data[i] = a.At(i)
		}
	}
	t := e.p.Bufs[in.Out].Type
	out := ir.Tensor{Shape: t.Shape, Data: make([]float64, t.Shape.Size())}
	in.Spec.Ref(operands, out)
	a := ir.NewArray(t)
	for i, v := range out.Data {
		a.Set(i, v)
	}
	e.values[in.Out].known = &a
	return true
}
