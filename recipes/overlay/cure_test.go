package overlay_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/recipes/overlay"
)

// every is one setting of each kind.
type every struct {
	Rate   float64    `toml:"rate"`
	Batch  int        `toml:"batch"`
	Small  int8       `toml:"small"`
	Count  uint       `toml:"count"`
	On     bool       `toml:"on"`
	Name   string     `toml:"name"`
	K      []int      `toml:"k"`
	Area   [2]float64 `toml:"area"`
	Flags  []bool     `toml:"flags"`
	Tags   []string   `toml:"tags"`
	Widths [][]int    `toml:"widths"`
}

// A hint of a wrong --set is the text that loads; where nothing is plain there is none.
func TestSetHints(t *testing.T) {
	file := filepath.Join(t.TempDir(), "r.toml")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	load := func(set string) error {
		_, err := overlay.Load(file, []string{set}, overlay.Options{}, &every{})
		return err
	}
	for _, c := range []struct{ set, want string }{
		{"k=1,20", `wants a list of integers, found the string "1,20": write [1,20]`},
		{"k=1 20", `: write [1,20]`},
		{"k=20", `found the integer 20: write [20]`},
		{"k=5.0", `found the float 5.0: write [5]`},
		{`k="1,20"`, `: write [1,20]`},
		{`k=["1","20"]`, `wants an integer, found the string "1": remove the quotes`},
		{"k=1,x", `found the string "1,x"`},
		{"area=[.1,2]", `: write [0.1,2]`},
		{"area=.1,1", `wants a list of 2 floats, found the string ".1,1": write [0.1,1]`},
		{"area=1,2,3", `wants a list of 2 floats, found the string "1,2,3"`},
		{"area=[.1,1.]", `: write [0.1,1.0]`},
		{"flags=True,no", `: write [true,false]`},
		{"tags=a,b", `wants a list of strings, found the string "a,b": write ["a","b"]`},
		{"tags=[a,b]", `strings need quotes: write --set 'tags=["a","b"]'`},
		{"rate=.1", `wants a float, found the string ".1": write 0.1`},
		{"rate=-.5e-3", `: write -0.5e-3`},
		{"rate=1.", `: write 1.0`},
		{"rate=0,1", `: write 0.1`},
		{`rate="0.1"`, `found the string "0.1": remove the quotes`},
		{"rate=1__000", `: write 1000`},
		{"rate=fast", `found the string "fast"`},
		{"batch=18446744073709551615", "18446744073709551615 is out of range: wants an integer from " +
			"-9223372036854775808 to 9223372036854775807"},
		{"batch=-9_999_999_999_999_999_999", "-9_999_999_999_999_999_999 is out of range"},
		{"small=300", "wants an integer from -128 to 127, found the integer 300"},
		{"small=99999999999999999999", "99999999999999999999 is out of range: wants an integer from -128 to 127"},
		{"count=99999999999999999999", "is out of range: wants an integer from 0 to"},
		{"rate=99999999999999999999", "is out of range for an integer: write 99999999999999999999.0"},
		{"batch=_1000", `found the string "_1000"`},
		{"batch=1000_", `: write 1000`},
		{"batch=1 000", `: write 1000`},
		{"batch=007", `: write 7`},
		{"batch=1e3", `: write 1000`},
		{`batch="64"`, `: remove the quotes`},
		{"batch=64x", `found the string "64x"`},
		{"on=True", `wants true or false, found the string "True": write true`},
		{"on=FALSE", `: write false`},
		{"on=yes", `: write true`},
		{"on=0", `found the integer 0: write false`},
		{`on="true"`, `: remove the quotes`},
		{"on=maybe", `found the string "maybe"`},
		{"name=42", `wants a string, found the integer 42: write --set 'name="42"'`},
		{"name=true", `: write --set 'name="true"'`},
	} {
		err := load(c.set)
		var all overlay.Errors
		if !errors.As(err, &all) || len(all) == 0 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("--set %s: got %v, want %q", c.set, err, c.want)
			continue
		}
		_, hint, has := strings.Cut(all[0].Text, ": write ")
		if strings.Contains(c.want, "write") != has {
			t.Errorf("--set %s: %q: want a hint: %v", c.set, all[0].Text, !has)
		}
		if !has {
			continue
		}
		key, _, _ := strings.Cut(c.set, "=")
		set := key + "=" + hint
		if full, ok := strings.CutPrefix(hint, "--set '"); ok {
			set = strings.TrimSuffix(full, "'")
		}
		if err := load(set); err != nil {
			t.Errorf("--set %s: the hint --set %s fails too: %v", c.set, set, err)
		}
	}
}

// The same slips in a file are syntax mistakes with a hint.
func TestListsInFiles(t *testing.T) {
	for text, want := range map[string]string{
		"k = 1,20":      "r.toml:1:5: a decimal point is wanted: k = 1.20, or a list: k = [1,20]",
		"k = 1, 20, 30": "r.toml:1:5: a list needs brackets: k = [1,20,30]",
	} {
		file := filepath.Join(t.TempDir(), "r.toml")
		if err := os.WriteFile(file, []byte(text+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := overlay.Load(file, nil, overlay.Options{}, &every{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
