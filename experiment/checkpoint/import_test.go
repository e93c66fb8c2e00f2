package checkpoint_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"selfsup/experiment/checkpoint"
	"selfsup/graph/ir"
)

// What Export writes Import reads; a file that is cut at any byte, or of another format, is an error and nothing else.
func TestImport(t *testing.T) {
	a := ir.NewArray(ir.Type{Shape: ir.Shape{2, 3}, DType: ir.F32})
	for i := range a.F32 {
		a.F32[i] = float32(i) / 7
	}
	meta := map[string]string{"layout": "plain"}
	var file bytes.Buffer
	if err := checkpoint.Export(&file, []checkpoint.Tensor{checkpoint.TensorOf("a/w", a)}, meta); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	read := func(data []byte) (map[string]ir.Array, map[string]string, error) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return checkpoint.Import(path)
	}
	got, m, err := read(file.Bytes())
	if err != nil || len(got) != 1 || !slices.Equal(got["a/w"].F32, a.F32) || !got["a/w"].Shape.Equal(a.Shape) ||
		!maps.Equal(m, meta) {
		t.Errorf("got %v and %v (%v)", got, m, err)
	}
	for n := range file.Len() {
		if _, _, err := read(file.Bytes()[:n]); err == nil {
			t.Errorf("a file of %d of %d bytes is read", n, file.Len())
		}
	}
	if _, _, err := read(bytes.Replace(file.Bytes(), []byte(`"F32"`), []byte(`"F16"`), 1)); err == nil {
		t.Error("F16 is read as float32")
	}
	if _, _, err := read(bytes.Replace(file.Bytes(), []byte(`[2,3]`), []byte(`[9,9]`), 1)); err == nil {
		t.Error("a shape beyond the data is read")
	}
}
