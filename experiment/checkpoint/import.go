package checkpoint

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"

	"selfsup/graph/ir"
)

// elements are the types of floating point that Import reads, with the bytes of one and its value.
var elements = map[string]struct {
	size int
	at   func(b []byte) float32
}{
	"F32": {4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }},
	"F64": {8, func(b []byte) float32 { return float32(math.Float64frombits(binary.LittleEndian.Uint64(b))) }},
	"F16": {2, func(b []byte) float32 { return fromHalf(binary.LittleEndian.Uint16(b)) }},
	"BF16": {2, func(b []byte) float32 {
		return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16)
	}},
}

// whole are the types of whole numbers, such as counters of batches, which Import leaves out.
var whole = []string{"I64", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL"}

// fromHalf is a number of IEEE 754's 16 bits.
func fromHalf(h uint16) float32 {
	sign, exponent, fraction := 1.0, int(h>>10&31), float64(h&1023)
	if h>>15 == 1 {
		sign = -1
	}
	switch {
	case exponent == 31 && fraction != 0:
		return float32(math.NaN())
	case exponent == 31:
		return float32(math.Inf(int(sign)))
	case exponent == 0:
		return float32(sign * math.Ldexp(fraction, -24))
	}
	return float32(sign * math.Ldexp(1024+fraction, exponent-25))
}

// Import reads a safetensors file, such as Export writes, and its metadata. Numbers of 64 and of 16 bits become
// float32, int32 stays; tensors of other whole numbers are left out.
func Import(path string) (tensors map[string]ir.Array, meta map[string]string, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	return ImportFrom(path, data)
}

// ImportFrom is Import of a file's bytes, which messages call by a name.
func ImportFrom(path string, data []byte) (tensors map[string]ir.Array, meta map[string]string, err error) {
	fail := func(format string, args ...any) (map[string]ir.Array, map[string]string, error) {
		return nil, nil, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...))
	}
	if len(data) < 8 {
		return fail("%d bytes, want a safetensors file", len(data))
	}
	n, data := binary.LittleEndian.Uint64(data), data[8:]
	if n > uint64(len(data)) {
		return fail("a header of %d bytes in a file of %d, want a safetensors file", n, len(data)+8)
	}
	header := map[string]json.RawMessage{}
	if err := json.Unmarshal(data[:n], &header); err != nil {
		return fail("the header of a safetensors file is JSON: %v", err)
	}
	data = data[n:]
	tensors = map[string]ir.Array{}
	for name, text := range header {
		if name == "__metadata__" {
			if err := json.Unmarshal(text, &meta); err != nil {
				return fail("__metadata__: %v", err)
			}
			continue
		}
		var e struct {
			DType   string `json:"dtype"`
			Shape   []int  `json:"shape"`
			Offsets [2]int `json:"data_offsets"`
		}
		if err := json.Unmarshal(text, &e); err != nil {
			return fail("%s: %v", name, err)
		}
		of, ok := elements[e.DType]
		ints := e.DType == "I32"
		if ints {
			of.size, ok = 4, true
		}
		if !ok && slices.Contains(whole, e.DType) {
			continue
		}
		if !ok {
			return fail("%s is %q, want F32, F64, F16 or BF16", name, e.DType)
		}
		size := 1
		for _, d := range e.Shape {
			if d < 0 || d > len(data) || size > len(data) {
				return fail("%s: shape %v does not fit the file", name, e.Shape)
			}
			size *= d
		}
		from, to := e.Offsets[0], e.Offsets[1]
		if from < 0 || to > len(data) || from > to || to-from != of.size*size {
			return fail("%s: shape %v at bytes %d to %d of %d", name, e.Shape, from, to, len(data))
		}
		t := ir.Type{Shape: append(ir.Shape{}, e.Shape...), DType: ir.F32}
		if ints {
			t.DType = ir.I32
		}
		a := ir.NewArray(t)
		for i := range a.I32 {
			a.I32[i] = int32(binary.LittleEndian.Uint32(data[from+4*i:]))
		}
		for i := range a.F32 {
			a.F32[i] = of.at(data[from+of.size*i:])
		}
		tensors[name] = a
	}
	return tensors, meta, nil
}
