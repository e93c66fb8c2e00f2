package checkpoint

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
)

// Saving over an earlier checkpoint takes much less memory than the checkpoint, and more than a block comes back as it
// was.
func TestSaveTakesLittleMemory(t *testing.T) {
	st := graph.NewStore(1)
	e := &graph.Entry{Name: "weight", Array: ir.NewArray(ir.Type{Shape: ir.Shape{block*128 + 7}})}
	for i := range e.F32 {
		e.F32[i] = float32(i)
	}
	st.Put(e)
	dir := t.TempDir()
	if err := Save(dir, st, Meta{Step: 1}); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := Save(dir, st, Meta{Step: 2}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if took, size := after.TotalAlloc-before.TotalAlloc, uint64(4*len(e.F32)); took > size/8 {
		t.Errorf("saving %d bytes allocated %d, want at most an eighth", size, took)
	}
	back, m, _, err := Latest(dir)
	if err != nil || m.Step != 2 || back.Hash("") != st.Hash("") {
		t.Fatalf("step %d comes back with hash %v (%v), want step 2 with %v", m.Step, back.Hash(""), err, st.Hash(""))
	}
}

func TestIntact(t *testing.T) {
	dir := t.TempDir()
	if err := Save(dir, store(), Meta{}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, last))
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), data...)
	flipped[len(data)/2] ^= 1
	for name, c := range map[string]struct {
		data []byte
		want bool
	}{"whole": {data, true}, "flipped": {flipped, false}, "cut": {data[:len(data)-1], false},
		"short": {data[:7], false}, "empty": {nil, false}} {
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, c.data, 0o666); err != nil {
			t.Fatal(err)
		}
		if got := intact(path); got != c.want {
			t.Errorf("%s: intact is %v, want %v", name, got, c.want)
		}
	}
	if intact(filepath.Join(dir, "none")) {
		t.Error("a file that is not there is intact")
	}
}
