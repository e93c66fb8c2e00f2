package onnx

import (
	"encoding/binary"
	"math"

	"selfsup/graph/ir"
)

// message is a protocol buffer that is being written: fields one after another, as onnx.proto numbers them.
type message []byte

func (m *message) tag(field, wire int) { *m = binary.AppendUvarint(*m, uint64(field<<3|wire)) }

// int is a field of type int64 or of an enumeration.
func (m *message) int(field int, v int64) {
	m.tag(field, 0)
	*m = binary.AppendUvarint(*m, uint64(v))
}

// bytes is a field of type bytes, string or of another message.
func (m *message) bytes(field int, b []byte) {
	m.tag(field, 2)
	*m = binary.AppendUvarint(*m, uint64(len(b)))
	*m = append(*m, b...)
}

func (m *message) string(field int, s string) { m.bytes(field, []byte(s)) }

// float is a field of type float.
func (m *message) float(field int, v float32) {
	m.tag(field, 5)
	*m = binary.LittleEndian.AppendUint32(*m, math.Float32bits(v))
}

// Element types of tensors, TensorProto.DataType.
const (
	floatType = 1
	int32Type = 6
	int64Type = 7
)

// attribute is an attribute of a node: an int, a float32, a string or []int.
type attribute struct {
	name  string
	value any
}

// message is the AttributeProto.
func (a attribute) message() (m message) {
	m.string(1, a.name)
	kind := int64(0)
	switch v := a.value.(type) {
	case float32:
		m.float(2, v)
		kind = 1
	case int:
		m.int(3, int64(v))
		kind = 2
	case string:
		m.string(4, v)
		kind = 3
	case []int:
		for _, x := range v {
			m.int(8, int64(x))
		}
		kind = 7
	}
	m.int(20, kind)
	return m
}

// tensor is the TensorProto of an array.
func tensor(name string, a ir.Array) (m message) {
	for _, d := range a.Shape {
		m.int(1, int64(d))
	}
	raw := make([]byte, 0, 4*a.Shape.Size())
	if a.DType == ir.I32 {
		m.int(2, int32Type)
		for _, v := range a.I32 {
			raw = binary.LittleEndian.AppendUint32(raw, uint32(v))
		}
	} else {
		m.int(2, floatType)
		for _, v := range a.F32 {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		}
	}
	m.string(8, name)
	m.bytes(9, raw)
	return m
}

// indices is the TensorProto of int64 numbers.
func indices(name string, list []int) (m message) {
	m.int(1, int64(len(list)))
	m.int(2, int64Type)
	var raw []byte
	for _, v := range list {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	m.string(8, name)
	m.bytes(9, raw)
	return m
}

// described is the ValueInfoProto of an input or output whose first axis is the batch, of any size.
func described(name string, element int64, shape []int) (m message) {
	var dims message
	var first message
	first.string(2, "batch")
	dims.bytes(1, first)
	for _, d := range shape {
		var dim message
		dim.int(1, int64(d))
		dims.bytes(1, dim)
	}
	var t, kind message
	t.int(1, element)
	t.bytes(2, dims)
	kind.bytes(1, t)
	m.string(1, name)
	m.bytes(2, kind)
	return m
}
