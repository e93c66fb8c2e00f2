package checkpoint

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"selfsup/graph"
	"selfsup/graph/ir"
)

// Export writes entries as float32 tensors of a safetensors file: the header's length as uint64, the header in JSON padded with spaces to a
// multiple of 8 bytes, the tensors without gaps in the order of their names. meta becomes "__metadata__".
//
// The format is that of github.com/huggingface/safetensors.
func Export(w io.Writer, entries []*graph.Entry, meta map[string]string) error {
	entries = slices.SortedFunc(slices.Values(entries), func(a, b *graph.Entry) int { return strings.Compare(a.Name, b.Name) })
	type tensor struct {
		DType   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"` // bytes, from the end of the header
	}
	header := map[string]any{"__metadata__": meta}
	at := 0
	for _, e := range entries {
		if e.DType != ir.F32 {
			return fmt.Errorf("export: %s is %v, want %v", e.Name, e.DType, ir.F32)
		}
		if header[e.Name] != nil {
			return fmt.Errorf("export: the name %s stands twice", e.Name)
		}
		end := at + 4*e.Shape.Size()
		header[e.Name] = tensor{"F32", append([]int{}, e.Shape...), [2]int{at, end}}
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
	for _, e := range entries {
		if err := writeData(w, e.Array); err != nil {
			return err
		}
	}
	return nil
}
