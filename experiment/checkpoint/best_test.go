package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"selfsup/graph/ir"
)

// The best checkpoint stays while others rotate, is replaced as a whole, and says what it scored; a damaged one is told
// and counts as none.
func TestBest(t *testing.T) {
	dir := saved(t, 1)
	if s, _, warning := BestScore(dir); s != nil || warning != "" {
		t.Errorf("none yet: got %v, warning %q", s, warning)
	}
	if _, _, err := Best(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none yet: got %v, want %v", err, fs.ErrNotExist)
	}
	for step, value := range []float64{0.25, 0.5} {
		if err := SaveBest(dir, store(), Meta{Step: step + 1, Score: &Score{"knn k=20 top1", value}}); err != nil {
			t.Fatal(err)
		}
		if s, at, warning := BestScore(dir); s == nil || *s != (Score{"knn k=20 top1", value}) || at != step+1 ||
			warning != "" {
			t.Errorf("score %v, warning %q; want %v", s, warning, value)
		}
	}
	for step := 2; step < 5; step++ {
		save(t, dir, step)
	}
	st, m, err := Best(dir)
	if err != nil || m.Step != 2 || st.Hash("") != store().Hash("") {
		t.Errorf("step %d, %v; want the Store of step 2", m.Step, err)
	}
	if got, want := names(t, dir), []string{best, last, previous}; !slices.Equal(got, want) {
		t.Errorf("folder holds %v, want %v", got, want)
	}
	damage(t, dir, best)
	if s, _, warning := BestScore(dir); s != nil || !strings.Contains(warning, "best: damaged or cut") {
		t.Errorf("damaged: got %v, warning %q", s, warning)
	}
	if _, m, warning, err := Latest(dir); err != nil || warning != "" || m.Step != 4 {
		t.Errorf("latest beside a damaged best one: step %d, warning %q, %v", m.Step, warning, err)
	}
}

// The bytes of a small export: names sorted, header padded to 8 bytes, numbers in the same order without gaps.
func TestExportBytes(t *testing.T) {
	entry := func(name string, d ir.DType, shape []int, v ...float32) Tensor {
		a := ir.NewArray(ir.Type{Shape: shape, DType: d})
		copy(a.F32, v)
		return TensorOf(name, a)
	}
	b, a := entry("b/weight", ir.F32, []int{1, 2}, 1, -2), entry("a", ir.F32, nil, 0.5)
	var out bytes.Buffer
	if err := Export(&out, []Tensor{b, a}, map[string]string{"step": "7"}); err != nil {
		t.Fatal(err)
	}
	header :=
		`{"__metadata__":{"step":"7"},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},` +
			`"b/weight":{"dtype":"F32","shape":[1,2],"data_offsets":[4,12]}}`
	for len(header)%8 != 0 {
		header += " "
	}
	want := string([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}) + header + "\x00\x00\x00\x3f" + "\x00\x00\x80\x3f" +
		"\x00\x00\x00\xc0"
	if out.String() != want {
		t.Errorf("got\n%q, want\n%q", out.String(), want)
	}
	if !json.Valid([]byte(header)) {
		t.Errorf("%s is no JSON", header)
	}
	for _, c := range []struct {
		name    string
		entries []Tensor
		want    string
	}{
		{"double precision", []Tensor{entry("n", ir.F64, []int{2})}, "n is f64, want f32 or i32"},
		{"a name twice", []Tensor{a, a}, "the name a stands twice"},
	} {
		if err := Export(&out, c.entries, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	size := len(want)
	for n := range size {
		if err := Export(&failing{n}, []Tensor{a, b}, map[string]string{"step": "7"}); !errors.Is(err, errFull) {
			t.Fatalf("writer full after %d of %d bytes: got %v", n, size, err)
		}
	}
}
