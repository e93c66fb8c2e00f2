// Package golden reads the golden numbers: one JSON file a fixture, made by reference implementations that nobody of
// this project wrote, described in testdata/golden/README.md. It imports nothing of the project, so that any package's
// tests may use it.
package golden

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Fixture is one file.
type Fixture struct {
	Name         string                     `json:"name"` // group/fixture
	Inputs       map[string]Tensor          `json:"inputs"`
	Params       map[string]json.RawMessage `json:"params"`
	Outputs      map[string]Tensor          `json:"outputs"`
	Grads        map[string]Tensor          `json:"grads"`         // d loss / d input
	StopGradient []string                   `json:"stop_gradient"` // inputs that get no gradient
	Parameters   []Parameter                `json:"parameters"`    // of a model, in order
	Buffers      []Summary                  `json:"buffers_after_one_training_step"`
	Check        struct {
		Output float64 `json:"fp32_output_rel_err"` // what the reference itself loses in float32
		Grad   float64 `json:"fp32_grad_rel_err"`
	} `json:"check"`
	Notes string `json:"notes"`
}

// Tensor is an array of a file, row-major. Integers and booleans (0 and 1) are held as floats; what a file gives
// as a formula is computed.
type Tensor struct {
	Shape []int
	Int   bool // or boolean
	Data  []float64
}

// UnmarshalJSON reads {"shape", "data"} or {"shape", "formula", "id"}.
func (t *Tensor) UnmarshalJSON(b []byte) error {
	var raw struct {
		Shape   []int             `json:"shape"`
		DType   string            `json:"dtype"`
		Data    []json.RawMessage `json:"data"`
		Formula string            `json:"formula"`
		ID      uint32            `json:"id"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	*t = Tensor{Shape: raw.Shape, Int: raw.DType == "int" || raw.DType == "bool"}
	n := size(t.Shape)
	if raw.Formula != "" {
		t.Data = make([]float64, n)
		for i := range t.Data {
			t.Data[i] = float64(float32(U(raw.ID, uint32(i))))
		}
		return nil
	}
	if len(raw.Data) != n {
		return fmt.Errorf("a tensor of shape %v has %d entries, want %d", t.Shape, len(raw.Data), n)
	}
	t.Data = make([]float64, n)
	for i, v := range raw.Data {
		switch string(v) {
		case "true":
			t.Data[i] = 1
		case "false":
		default:
			if err := json.Unmarshal(v, &t.Data[i]); err != nil {
				return fmt.Errorf("entry %d: %w", i, err)
			}
		}
	}
	return nil
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Parameter is a model's parameter, its gradient summarised.
type Parameter struct {
	Name   string    `json:"name"`
	Shape  []int     `json:"shape"`
	Init   string    `json:"init"`
	L2     float64   `json:"grad_l2"`
	First8 []float64 `json:"grad_first8"`
}

// Summary is a buffer's length and first entries.
type Summary struct {
	Name   string    `json:"name"`
	Shape  []int     `json:"shape"`
	L2     float64   `json:"l2"`
	First8 []float64 `json:"first8"`
}

// Param is a hyperparameter. One that the file lacks, or of another type, ends the test.
func Param[T any](t testing.TB, f *Fixture, key string) T {
	t.Helper()
	var v T
	raw, ok := f.Params[key]
	if !ok {
		t.Fatalf("%s has no parameter %q", f.Name, key)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: parameter %s = %s: %v", f.Name, key, raw, err)
	}
	return v
}

// ParamOr is a hyperparameter, or otherwise where the file has none.
func ParamOr[T any](t testing.TB, f *Fixture, key string, otherwise T) T {
	t.Helper()
	if _, ok := f.Params[key]; !ok {
		return otherwise
	}
	return Param[T](t, f, key)
}

// Params decodes all hyperparameters into a struct.
func Params[T any](t testing.TB, f *Fixture) T {
	t.Helper()
	var v T
	b, err := json.Marshal(f.Params)
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatalf("%s: parameters: %v", f.Name, err)
	}
	return v
}

// Pair is a hyperparameter of height and width, which a file may give as one number.
func Pair(t testing.TB, f *Fixture, key string) [2]int {
	t.Helper()
	var n int
	if json.Unmarshal(f.Params[key], &n) == nil {
		return [2]int{n, n}
	}
	return Param[[2]int](t, f, key)
}

// Dir is the directory of the files: the environment's GOLDEN_DIR, else testdata/golden of the module.
func Dir(t testing.TB) string {
	t.Helper()
	if d := os.Getenv("GOLDEN_DIR"); d != "" {
		if !filepath.IsAbs(d) {
			t.Fatalf("golden: GOLDEN_DIR=%s: want an absolute path, since tests run in their package's folder", d)
		}
		return d
	}
	at, err := os.Getwd()
	if err != nil {
		t.Fatalf("golden: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return filepath.Join(at, "testdata", "golden")
		}
		up := filepath.Dir(at)
		if up == at {
			t.Fatal("golden: no go.mod above the working directory; set GOLDEN_DIR")
		}
		at = up
	}
}

// Names lists a group's fixtures in the directory, as group/fixture. A directory without any fixture, of whatever
// group, ends the test.
func Names(t testing.TB, group string) []string {
	t.Helper()
	dir := Dir(t)
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("golden: %s holds no fixture GROUP/NAME.json (%v)", dir, err)
	}
	var names []string
	for _, p := range paths {
		if filepath.Base(filepath.Dir(p)) == group {
			names = append(names, group+"/"+strings.TrimSuffix(filepath.Base(p), ".json"))
		}
	}
	slices.Sort(names)
	return names
}

// Load reads the fixture of a name, as group/fixture. The directory of GOLDEN_DIR may lack it: the test is skipped,
// saying so.
func Load(t testing.TB, name string) *Fixture {
	t.Helper()
	path := filepath.Join(Dir(t), filepath.FromSlash(name)+".json")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("GOLDEN_DIR") != "" {
		t.Skipf("golden: %s is not in GOLDEN_DIR", name)
	}
	if err != nil {
		t.Fatalf("golden: %v", err)
	}
	f := &Fixture{}
	if err := json.Unmarshal(b, f); err != nil {
		t.Fatalf("golden: %s: %v", path, err)
	}
	return f
}

// Each runs check as a subtest for every fixture of a group that the directory and counterparts (by name without the
// group) both hold, and prints how many there were. check may Skip a fixture whose settings have no counterpart here.
// The directory of GOLDEN_DIR may lack fixtures; the repository's may not lack one that has a counterpart.
// TestGoldenCounterparts lists the fixtures that no test reads.
func Each[C any](t *testing.T, group string, counterparts map[string]C, check func(t *testing.T, f *Fixture, c C)) {
	t.Helper()
	names := Names(t, group)
	checked := 0
	var skipped []string
	for _, full := range names {
		name := strings.TrimPrefix(full, group+"/")
		c, ok := counterparts[name]
		if !ok {
			continue
		}
		t.Run(name, func(t *testing.T) {
			defer func() {
				if t.Skipped() {
					skipped = append(skipped, name)
					return
				}
				checked++
			}()
			check(t, Load(t, full), c)
		})
	}
	fmt.Println(summary("golden "+group+": checked", checked, "skipped", skipped))
	if os.Getenv("GOLDEN_DIR") != "" {
		return
	}
	for name := range counterparts {
		if !slices.Contains(names, group+"/"+name) {
			t.Errorf("golden: %s has a counterpart but no file in %s", group+"/"+name, Dir(t))
		}
	}
}

// summary is a count, and the names of what is not in it.
func summary(what string, n int, others string, names []string) string {
	s := fmt.Sprintf("%s %d", what, n)
	if len(names) > 0 {
		s += fmt.Sprintf("; %s %d: %s", others, len(names), strings.Join(names, " "))
	}
	return s
}

// Tolerance of losses, layers, optimisers and evaluations, relative to the largest entry. fp32 is what the reference
// loses in float32: ten times that is fair. A reference that casts to float32 inside is not known better than 5e-6.
func (f *Fixture) Tolerance(float32s bool, fp32 float64) float64 {
	if float32s {
		return max(1e-4, 10*fp32)
	}
	switch f.Name {
	case "losses/dinov2_cls_sinkhorn", "losses/lejepa", "losses/pmsn":
		return 5e-6
	case "origins/vat": // adds 1e-8 to the length of a gradient that it divides by
		return 1e-6
	}
	return 1e-7
}
