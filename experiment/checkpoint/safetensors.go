package checkpoint

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"selfsup/graph/ir"
)

// Tensor is a tensor of a safetensors file, float32. Write writes its elements, little endian.
type Tensor struct {
	Name string
	ir.Type
	Write func(io.Writer) error
}

// TensorOf is a tensor of an array in memory.
func TensorOf(name string, a ir.Array) Tensor {
	return Tensor{name, a.Type, func(w io.Writer) error { return writeData(w, a) }}
}

// Export writes a safetensors file: the header's length as uint64, the header in JSON padded with spaces to a multiple
// of 8 bytes, the tensors without gaps in the order of their names. meta becomes "__metadata__".
//
// The format is that of github.com/huggingface/safetensors.
func Export(w io.Writer, tensors []Tensor, meta map[string]string) error {
	tensors = slices.SortedFunc(slices.Values(tensors), func(a, b Tensor) int {
		return strings.Compare(a.Name, b.Name)
	})
	type entry struct {
		DType   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"` // bytes, from the end of the header
	}
	header := map[string]any{"__metadata__": meta}
	at := 0
	for _, t := range tensors {
		dtype := map[ir.DType]string{ir.F32: "F32", ir.I32: "I32"}[t.DType]
		if dtype == "" {
			return fmt.Errorf("export: %s is %v, want %v or %v", t.Name, t.DType, ir.F32, ir.I32)
		}
		if header[t.Name] != nil {
			return fmt.Errorf("export: the name %s stands twice", t.Name)
		}
		end := at + 4*t.Shape.Size()
		header[t.Name] = entry{dtype, append([]int{}, t.Shape...), [2]int{at, end}}
		at = end
	}
	text, err := json.Marshal(header) // sorts the names
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	text = append(text, strings.Repeat(" ", (8-len(text)%8)%8)...)
	if _, err := w.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)); err != nil {
		return err
	}
	for _, t := range tensors {
		if err := t.Write(w); err != nil {
			return err
		}
	}
	return nil
}
