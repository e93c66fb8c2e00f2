package checkpoint_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
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
	for _, of := range []string{"F16", "XYZ"} {
		if _, _, err := read(bytes.Replace(file.Bytes(), []byte(`"F32"`), []byte(`"`+of+`"`), 1)); err == nil {
			t.Errorf("%s is read from four bytes a number", of)
		}
	}
	if _, _, err := read(bytes.Replace(file.Bytes(), []byte(`[2,3]`), []byte(`[9,9]`), 1)); err == nil {
		t.Error("a shape beyond the data is read")
	}
}

// Numbers of every floating type become float32; whole numbers are left out.
func TestImportTypes(t *testing.T) {
	for _, c := range []struct {
		of    string
		bytes string
		want  []float32
	}{
		// 1, -2.5, the least number above 0, the largest one, -0
		{"F16", "\x00\x3c\x00\xc1\x01\x00\xff\x7b\x00\x80", []float32{1, -2.5, 0x1p-24, 65504, 0}},
		{"BF16", "\x80\x3f\x20\xc0", []float32{1, -2.5}},
		{"F64", "\x00\x00\x00\x00\x00\x00\x04\xc0", []float32{-2.5}},
		{"I64", "\x07\x00\x00\x00\x00\x00\x00\x00", nil},
	} {
		n := len(c.want)
		if c.want == nil {
			n = 1
		}
		head := fmt.Sprintf(`{"x":{"dtype":%q,"shape":[%d],"data_offsets":[0,%d]}}`, c.of, n, len(c.bytes))
		path := filepath.Join(t.TempDir(), "x.safetensors")
		data := append(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head+c.bytes...)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		got, _, err := checkpoint.Import(path)
		if err != nil || !slices.Equal(got["x"].F32, c.want) || len(got) != min(1, len(c.want)) {
			t.Errorf("%s: %v, %v; want %v", c.of, got["x"].F32, err, c.want)
		}
	}
}
