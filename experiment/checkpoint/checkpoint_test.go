package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
)

// store holds every element type and the bit patterns that careless copies lose.
func store() *graph.Store {
	st := graph.NewStore(1<<63 + 7)
	put := func(name string, k graph.Kind, d ir.DType, shape ...int) ir.Array {
		a := ir.NewArray(ir.Type{Shape: shape, DType: d})
		st.Put(&graph.Entry{Name: name, Kind: k, Array: a})
		return a
	}
	w := put("backbone/conv1/weight", graph.Param, ir.F32, 3, 3, 2)
	for i, bits := range []uint32{0x7fc00001, 0x7f800001, 0xffc12345, 0x80000000, 1, 0x807fffff, 0x7f800000, 0xff800000,
		0x7f7fffff} {
		w.F32[i] = math.Float32frombits(bits)
	}
	d := put("backbone/norm/mean", graph.State, ir.F64, 5)
	for i, bits := range []uint64{0x7ff8000000000001, 0x8000000000000000, 1, 0xfff0000000000000} {
		d.F64[i] = math.Float64frombits(bits)
	}
	copy(put("queue/next", graph.State, ir.I32).I32, []int32{math.MinInt32})
	put("moments/empty", graph.Moment, ir.F32, 0, 4)
	long := put("projector/weight", graph.Moment, ir.F32, 97)
	for i := range long.F32 {
		long.F32[i] = float32(i) / 7
	}
	return st
}

func bitsOf(t *testing.T, st *graph.Store, m Meta) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, st, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTripIsExact(t *testing.T) {
	dir := t.TempDir()
	st := store()
	if err := Save(dir, st, Meta{Step: 12, Recipe: "abc"}); err != nil {
		t.Fatal(err)
	}
	got, m, warning, err := Latest(dir)
	if err != nil || warning != "" {
		t.Fatal(err, warning)
	}
	if want := (Meta{Step: 12, Recipe: "abc", Seed: st.Seed}); !reflect.DeepEqual(m, want) || got.Seed != st.Seed {
		t.Errorf("meta %+v with seed %d, want %+v", m, got.Seed, want)
	}
	if !slices.Equal(got.Names(), st.Names()) {
		t.Fatalf("names %v, want %v", got.Names(), st.Names())
	}
	for _, name := range st.Names() {
		g, w := got.Get(name), st.Get(name)
		if g.Kind != w.Kind || g.DType != w.DType || !g.Shape.Equal(w.Shape) || !bytes.Equal(raw(g), raw(w)) {
			t.Errorf("%s: got %v %v %x, want %v %v %x", name, g.Kind, g.Type, raw(g), w.Kind, w.Type, raw(w))
		}
	}
	if a, b := bitsOf(t, st, m), bitsOf(t, got, m); !bytes.Equal(a, b) {
		t.Error("the same Store and Meta gave two files")
	}
}

// Every cut and every flipped bit is found; within an entry it is named.
func TestDamage(t *testing.T) {
	whole := bitsOf(t, store(), Meta{Step: 3})
	for n := range whole {
		if _, _, err := Decode(whole[:n]); err == nil {
			t.Fatalf("cut to %d of %d bytes: no error", n, len(whole))
		}
		for bit := range 8 {
			bad := bytes.Clone(whole)
			bad[n] ^= 1 << bit
			if _, _, err := Decode(bad); err == nil {
				t.Fatalf("bit %d of byte %d flipped: no error", bit, n)
			}
		}
	}
	if _, _, err := Decode(append(bytes.Clone(whole), 0)); err == nil {
		t.Error("one byte too many: no error")
	}
	bad := bytes.Clone(whole)
	at := bytes.Index(bad, raw(store().Get("projector/weight")))
	bad[at+40] ^= 4
	if _, _, err := Decode(bad); err == nil || !strings.Contains(err.Error(),
		`entry "projector/weight": damaged: checksum`) {
		t.Errorf("a flipped bit in an entry: got %v, want its name", err)
	}
}

// forge makes a file of a header and data with a good checksum.
func forge(h string, data int) []byte {
	b := binary.LittleEndian.AppendUint64([]byte(magic), uint64(len(h)))
	b = append(b, h...)
	b = append(b, make([]byte, pad(int64(len(b)))-int64(len(b))+int64(data))...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// Headers that ask for what the file does not have are refused before memory is taken, also with good checksums.
func TestForgedHeaders(t *testing.T) {
	one := func(e string) string { return `{"entries":[` + e + `]}` }
	zeros := fmt.Sprintf(`"crc32c":%d`, crc32.Checksum(make([]byte, 64), castagnoli))
	for _, c := range []struct{ name, header, want string }{
		{"huge shape", one(`{"name":"a","kind":"param","dtype":"f32","shape":[1099511627776]}`), "does not fit"},
		{"overflowing shape", one(`{"name":"a","kind":"param","dtype":"f32","shape":[4294967296,4294967296]}`),
			"does not fit"},
		{"negative shape", one(`{"name":"a","kind":"param","dtype":"f32","shape":[-1]}`), "does not fit"},
		{"negative offset", one(`{"name":"a","kind":"param","dtype":"f32","shape":[1],"offset":-4}`),
			"offset -4, want 0"},
		{"offset outside", one(`{"name":"a","kind":"param","dtype":"f32","shape":[1],"offset":4096}`),
			"offset 4096, want 0"},
		{"shared data", one(`{"name":"a","kind":"param","dtype":"f32","shape":[16],` + zeros +
			`},{"name":"b","kind":"param","dtype":"f32","shape":[16],` + zeros + `}`), `entry "b": offset 0, want 64`},
		{"unknown kind", one(`{"name":"a","kind":"thing","dtype":"f32","shape":[1]}`), `kind "thing"`},
		{"unknown type", one(`{"name":"a","kind":"param","dtype":"f16","shape":[1]}`), `type "f16"`},
		{"twice",
			one(
				`{"name":"a","kind":"param","dtype":"f32","shape":[0]},{"name":"a","kind":"param","dtype":"f32",` +
					`"shape":[0]}`), "stands twice"},
		{"negative step", `{"step":-1}`, "step -1, want 0 or more"},
		{"no JSON", `entries`, "header: "},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := Decode(forge(c.header, 64))
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s: got %v, want %q", c.name, c.header, err, c.want)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
			t.Errorf("%s: took %d bytes to refuse", c.name, took)
		}
	}
}

func TestFit(t *testing.T) {
	leaf := func(name string, k graph.Kind, d ir.DType, shape ...int) graph.Leaf {
		return graph.Leaf{Name: name, Kind: k, Type: ir.Type{Shape: shape, DType: d}}
	}
	whole := func() []graph.Leaf {
		return []graph.Leaf{
			leaf("backbone/conv1/weight", graph.Param, ir.F32, 3, 3, 2), leaf("backbone/norm/mean", graph.State, ir.F64,
				5),
			leaf("moments/empty", graph.Moment, ir.F32, 0, 4), leaf("projector/weight", graph.Moment, ir.F32, 97),
			leaf("queue/next", graph.State, ir.I32),
		}
	}
	for _, c := range []struct {
		name   string
		change func([]graph.Leaf) []graph.Leaf
		want   string
	}{
		{"the same", func(l []graph.Leaf) []graph.Leaf { return l }, ""},
		{"shape", func(l []graph.Leaf) []graph.Leaf { l[3].Shape = ir.Shape{4, 97}; return l },
			"checkpoint: runs/x: projector/weight is [97], this recipe builds [4,97]"},
		{"type", func(l []graph.Leaf) []graph.Leaf { l[3].DType = ir.I32; return l },
			"checkpoint: runs/x: projector/weight is [97], this recipe builds [97]i32"},
		{"kind", func(l []graph.Leaf) []graph.Leaf { l[3].Kind = graph.Param; return l },
			"checkpoint: runs/x: projector/weight is a moment, this recipe builds a param"},
		{"surplus", func(l []graph.Leaf) []graph.Leaf { return l[:4] },
			"checkpoint: runs/x: queue/next is not in this recipe"},
		{"missing", func(l []graph.Leaf) []graph.Leaf { return append(l, leaf("z", graph.Param, ir.F32, 2)) },
			"checkpoint: runs/x: z is missing, this recipe builds [2]"},
		{"more than five", func(l []graph.Leaf) []graph.Leaf {
			for _, n := range []string{"f", "e", "d", "c", "b", "a"} {
				l = append(l, leaf(n, graph.Param, ir.F32, 1))
			}
			return l
		}, "checkpoint: runs/x: a is missing, this recipe builds [1]; b is missing, this recipe builds [1]; c " +
			"is missing, this recipe builds [1]; d is missing, this recipe builds [1]; e is missing, this " +
			"recipe builds [1]; and 1 more"},
	} {
		got := ""
		if err := Fit("runs/x", store(), c.change(whole())); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestNoCheckpoint(t *testing.T) {
	if _, _, _, err := Latest(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
}

func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	if err := write(&b, store(), Meta{Step: 1}); err != nil {
		f.Fatal(err)
	}
	body := b.Bytes()[:b.Len()-sha256.Size]
	f.Add(body)
	f.Add(body[:len(body)/2])
	f.Add([]byte(magic))
	f.Add(forge(`{"entries":[{"name":"a","kind":"param","dtype":"f32","shape":[3,1]}]}`, 64))
	f.Fuzz(func(t *testing.T, body []byte) {
		Decode(body)
		sum := sha256.Sum256(body)
		st, m, err := Decode(append(bytes.Clone(body), sum[:]...)) // past the checksum, into the reader
		if err != nil {
			return
		}
		var held int
		for _, name := range st.Names() {
			held += len(raw(st.Get(name)))
		}
		if held > len(body) {
			t.Fatalf("%d bytes of entries out of a file of %d", held, len(body))
		}
		var again bytes.Buffer
		if err := write(&again, st, m); err != nil {
			t.Fatal(err)
		}
		back, m2, err := Decode(again.Bytes())
		text, _ := json.Marshal(m)
		text2, _ := json.Marshal(m2)
		if err != nil || !bytes.Equal(text2, text) || back.Hash("") != st.Hash("") {
			t.Fatalf("%s: written and read again: %v", text, err)
		}
	})
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		all = append(all, filepath.Base(f.Name()))
	}
	return all
}

// raw is an entry's data as bytes.
func raw(e *graph.Entry) []byte {
	var b bytes.Buffer
	if err := writeData(&b, e.Array); err != nil {
		panic(err)
	}
	return b.Bytes()
}
