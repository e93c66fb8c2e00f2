package golden

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestPermute(t *testing.T) {
	x := Tensor{Shape: []int{1, 2, 1, 3}, Data: []float64{0, 1, 2, 10, 11, 12}} // [B,C,H,W]
	got, want := Image(x), Tensor{Shape: []int{1, 1, 3, 2}, Data: []float64{0, 10, 1, 11, 2, 12}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Image(%v): got %v, want %v", x, got, want)
	}
	if back := Permute(got, 0, 3, 1, 2); !reflect.DeepEqual(back, x) {
		t.Errorf("and back: got %v, want %v", back, x)
	}
}

// recorder keeps what a test reports.
type recorder struct {
	testing.TB
	errors int
	fatal  string
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.errors++ }
func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal = fmt.Sprintf(format, args...)
	panic(r)
}

func TestCompare(t *testing.T) {
	want := Tensor{Shape: []int{2}, Data: []float64{1, -100}}
	for _, c := range []struct {
		name string
		got  []float64
		ok   bool
	}{
		{"equal", []float64{1, -100}, true},
		{"a small entry off by less than the largest allows", []float64{1.0009, -100}, true},
		{"off by more", []float64{1.0011, -100}, false},
		{"NaN", []float64{math.NaN(), -100}, false},
		{"NaN after a worse entry", []float64{3, math.NaN()}, false},
		{"infinite", []float64{1, math.Inf(-1)}, false},
		{"too short", []float64{1}, false},
		{"the wrong sign", []float64{1, 100}, false},
	} {
		r := &recorder{TB: t}
		Compare(r, "x", c.got, want, 1e-5)
		if (r.errors == 0) != c.ok {
			t.Errorf("%s: %v against %v: %d errors, want ok = %v", c.name, c.got, want.Data, r.errors, c.ok)
		}
	}
}

func TestDirectories(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GOLDEN_DIR", dir)
	fatal := func(f func(r *recorder)) (msg string) {
		r := &recorder{TB: t}
		defer func() {
			if p := recover(); p != nil && p != any(r) {
				panic(p)
			}
			msg = r.fatal
		}()
		f(r)
		return
	}
	names := func(r *recorder) { Names(r, "losses") }
	if got, want := fatal(names), fmt.Sprintf("golden: %s holds no fixture GROUP/NAME.json (<nil>)", dir); got != want {
		t.Errorf("an empty directory: got %q, want %q", got, want)
	}
	if err := os.MkdirAll(filepath.Join(dir, "layers"), 0o755); err != nil {
		t.Fatal(err)
	}
	text :=
		`{"name": "layers/x", "inputs": {"m": {"shape": [2], "dtype": "bool", "data": [true, false]}, "f": ` +
			`{"shape": [2], "formula": "U", "id": 17}}, "params": {"eps": 0.5, "kernel": 3}}`
	if err := os.WriteFile(filepath.Join(dir, "layers", "x.json"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := fatal(names); got != "" {
		t.Errorf("a directory of another group: got %q, want none of losses and no complaint", got)
	}
	f := Load(t, "layers/x")
	if got, want := f.Inputs["m"], (Tensor{Shape: []int{2}, Int: true, Data: []float64{1, 0}}); !reflect.DeepEqual(got,
		want) {
		t.Errorf("booleans: got %v, want %v", got, want)
	}
	if got, want := f.Inputs["f"].Data, []float64{float64(float32(U(17, 0))),
		float64(float32(U(17, 1)))}; !reflect.DeepEqual(got, want) {
		t.Errorf("a formula: got %v, want %v", got, want)
	}
	if got := Param[float64](t, f, "eps"); got != 0.5 {
		t.Errorf("eps: got %v, want 0.5", got)
	}
	if got := Pair(t, f, "kernel"); got != [2]int{3, 3} {
		t.Errorf("kernel: got %v, want [3 3]", got)
	}
	for name, c := range map[string]func(r *recorder){
		`layers/x has no parameter "mu"`: func(r *recorder) { Param[float64](r, f, "mu") },
		`layers/x: parameter eps = 0.5: json: cannot unmarshal number 0.5 into Go value of type int`: func(
			r *recorder) {
			Param[int](r, f, "eps")
		},
	} {
		if got := fatal(c); got != name {
			t.Errorf("got %q, want %q", got, name)
		}
	}
}

func TestSummary(t *testing.T) {
	got := summary("golden layers: checked", 3, "skipped", []string{"b", "c"})
	want := "golden layers: checked 3; skipped 2: b c"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
