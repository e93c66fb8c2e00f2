package checkpoint

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"

	"selfsup/graph/ir"
)

// Import reads a safetensors file of float32 tensors, such as Export writes, and its metadata.
func Import(path string) (tensors map[string]ir.Array, meta map[string]string, err error) {
	fail := func(format string, args ...any) (map[string]ir.Array, map[string]string, error) {
		return nil, nil, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
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
		if e.DType != "F32" {
			return fail("%s is %s, want F32", name, e.DType)
		}
		size := 1
		for _, d := range e.Shape {
			if d < 0 || d > len(data) || size > len(data) {
				return fail("%s: shape %v does not fit the file", name, e.Shape)
			}
			size *= d
		}
		from, to := e.Offsets[0], e.Offsets[1]
		if from < 0 || to > len(data) || from > to || to-from != 4*size {
			return fail("%s: shape %v at bytes %d to %d of %d", name, e.Shape, from, to, len(data))
		}
		a := ir.NewArray(ir.Type{Shape: append(ir.Shape{}, e.Shape...), DType: ir.F32})
		for i := range a.F32 {
			a.F32[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[from+4*i:]))
		}
		tensors[name] = a
	}
	return tensors, meta, nil
}
