package experiment_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/experiment/checkpoint"
	"selfsup/recipes"
)

// tensors reads a safetensors file by its definition.
func tensors(t *testing.T, path string) (meta map[string]string, shapes map[string][]int, values map[string][]float32) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := int(binary.LittleEndian.Uint64(data))
	if n%8 != 0 || data[8] != '{' {
		t.Fatalf("%s: header of %d bytes begins with %q", path, n, data[8])
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(data[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	json.Unmarshal(header["__metadata__"], &meta)
	delete(header, "__metadata__")
	shapes, values = map[string][]int{}, map[string][]float32{}
	body := data[8+n:]
	covered := 0
	for name, text := range header {
		var h struct {
			DType   string
			Shape   []int
			Offsets [2]int `json:"data_offsets"`
		}
		if err := json.Unmarshal(text, &h); err != nil || h.DType != "F32" && h.DType != "I32" {
			t.Fatalf("%s: %s: %v", name, text, err)
		}
		v := make([]float32, (h.Offsets[1]-h.Offsets[0])/4)
		if err := binary.Read(bytes.NewReader(body[h.Offsets[0]:h.Offsets[1]]), binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
		covered += 4 * len(v)
		shapes[name], values[name] = h.Shape, v
	}
	if covered != len(body) {
		t.Errorf("%s: tensors cover %d of %d bytes", path, covered, len(body))
	}
	return meta, shapes, values
}

// checkExport compares the exported encoder with the checkpoint at the end, and what Export writes with both
// checkpoints.
func checkExport(t *testing.T, dir string) {
	t.Helper()
	own := filepath.Join(dir, "export", "encoder.safetensors")
	st, m, _, err := checkpoint.Latest(filepath.Join(dir, "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	meta, shapes, values := tensors(t, own)
	var want []string
	for i := range 2 {
		for _, name := range []string{"conv/weight", "norm/bias", "norm/running", "norm/weight"} {
			want = append(want, "backbone/"+string(rune('0'+i))+"/"+name)
		}
	}
	for _, name := range want {
		if e := st.Get(name); !slices.Equal(values[name], e.F32) || !slices.Equal(shapes[name], e.Shape) {
			t.Errorf("%s is exported as %v, want %v with the checkpoint's numbers", name, shapes[name], e.Shape)
		}
	}
	if len(values) != len(want)+2 {
		t.Errorf("%d tensors, want %v and the reference's two", len(values), want)
	}
	if !slices.Equal(shapes["reference/pixels"], []int{2, 28, 28, 1}) || !slices.Equal(shapes["reference/features"],
		[]int{2, 16}) {
		t.Errorf("reference %v -> %v", shapes["reference/pixels"], shapes["reference/features"])
	}
	if meta["recipe"] != m.Recipe || meta["step"] != "23" || meta["format"] != "pt" || !strings.Contains(meta["layout"],
		"conv weights [kh,kw,in,out]") || !strings.HasPrefix(meta["input"], "[B,28,28,1], ") {
		t.Errorf("metadata %v", meta)
	}

	for _, best := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "new", "x.safetensors")
		got, err := experiment.Export(dir, experiment.ExportOptions{To: path, Best: best}, recipes.Builtin(),
			experiment.Options{})
		if err != nil || got != path {
			t.Fatalf("Export: %s, %v", got, err)
		}
		_, _, v := tensors(t, path)
		st := st
		if best {
			st, _, _ = checkpoint.Best(filepath.Join(dir, "checkpoints"))
		}
		if name := want[0]; !slices.Equal(v[name], st.Get(name).F32) {
			t.Errorf("Export with best = %v: %s differs from the checkpoint's", best, name)
		}
	}
	before, _ := os.ReadFile(own)
	if got, err := experiment.Export(dir, experiment.ExportOptions{}, recipes.Builtin(),
		experiment.Options{}); err != nil || got != own {
		t.Fatalf("Export: %s, %v", got, err)
	}
	if after, _ := os.ReadFile(own); !bytes.Equal(before, after) {
		t.Error("Export writes another file than the run did")
	}
}
