package overlay

import (
	"fmt"
	"strings"
	"testing"
)

// paths lists all keys and list elements of a parsed document.
func paths(t trail, x any, into map[trail]bool) {
	switch x := x.(type) {
	case map[string]any:
		for k, v := range x {
			into[t.key(k)] = true
			paths(t.key(k), v, into)
		}
	case []map[string]any:
		for i, v := range x {
			into[t.elem(i)] = true
			paths(t.elem(i), v, into)
		}
	case []any:
		for i, v := range x {
			into[t.elem(i)] = true
			paths(t.elem(i), v, into)
		}
	}
}

// agree says how the scanner differs from the parser on a document that the parser accepts.
func agree(src string) error {
	tree, err := decodeTOML(src)
	if err != nil {
		return nil
	}
	want, got := map[trail]bool{}, scan(src)
	paths(root, tree, want)
	for p := range want {
		if _, ok := got[p]; !ok {
			return fmt.Errorf("%q: no place for %q", src, p)
		}
	}
	for p, sp := range got {
		if !want[p] {
			return fmt.Errorf("%q: a place for %q, which is not there", src, p)
		}
		if sp.key < 0 || sp.key > sp.keyEnd || sp.keyEnd > len(src) || sp.val > sp.valEnd || sp.valEnd > len(src) {
			return fmt.Errorf("%q: %q at %+v", src, p, sp)
		}
	}
	return nil
}

var documents = []string{
	"a = 1\nb.c = 2 # d = 3\n\"e.f\".'g' = '#'\n",
	"[a]\n[a.b.c]\nd = [1, [2, 3], # x = 1\n 4]\n[ e . \"f\" ]\n",
	"[[a]]\nb = 1\n[a.c]\nd = 1\n[[a]]\n[[a.e]]\n[[a.e]]\nf = {g = 1, h.i = [{j = 2}]}\n",
	"a = \"\"\"\nb = 1\n\\\"\"\"\"\"\"\nc = '''\n'd = 2''''\ne = \"\\\"f = 3\"\ng = ''\n",
	"a = {\n b = 1, # c\n d = [\n],\n}\ne = 1979-05-27 07:32:00\nf = {}\n",
	"\"\\u00e9\\t\" = 1\r\n[x]\r\ny = true\r\n",
}

func TestScanAgrees(t *testing.T) {
	for _, src := range documents {
		if _, err := decodeTOML(src); err != nil {
			t.Errorf("%q: %v", src, err)
		}
		if err := agree(src); err != nil {
			t.Error(err)
		}
	}
}

func TestScanPlaces(t *testing.T) {
	src := "[a]\nb.\"c\" = [10, {d = \"x\"}] # e\n"
	at := scan(src)
	for _, c := range []struct {
		at         trail
		key, value string
	}{
		{root.key("a"), "a", ""},
		{root.key("a").key("b"), "b", ""},
		{root.key("a").key("b").key("c"), `"c"`, `[10, {d = "x"}]`},
		{root.key("a").key("b").key("c").elem(0), "10", "10"},
		{root.key("a").key("b").key("c").elem(1).key("d"), "d", `"x"`},
	} {
		sp := at[c.at]
		if key, value := src[sp.key:sp.keyEnd], src[sp.val:sp.valEnd]; key != c.key || value != c.value {
			t.Errorf("%q: got %q = %q, want %q = %q", c.at, key, value, c.key, c.value)
		}
	}
}

// FuzzScan holds that the scanner ends on any text and finds exactly the parser's keys on TOML.
func FuzzScan(f *testing.F) {
	for _, src := range documents {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		src = strings.TrimPrefix(src, "\ufeff")
		scan(src)
		if err := agree(src); err != nil {
			t.Error(err)
		}
	})
}

func TestNearest(t *testing.T) {
	names := []string{"rate", "weight_decay", "warmup", "momentum", "temperature", "k"}
	for _, c := range []struct{ word, want string }{
		{"RATE", "rate"},
		{"weightdecay", "weight_decay"},
		{"weight-dcay", "weight_decay"},
		{"warmpu", "warmup"},
		{"temp", "temperature"},
		{"decay", "weight_decay"},
		{"queue", ""},
		{"x", ""},
		{"", ""},
	} {
		if got := strings.Join(Nearest(c.word, names), " "); got != c.want {
			t.Errorf("Nearest(%q) = %q, want %q", c.word, got, c.want)
		}
	}
}

func TestFormatFloat(t *testing.T) {
	for _, c := range []struct {
		in   float64
		want string
	}{{0.2, "0.2"}, {1, "1.0"}, {0, "0.0"}, {1e-4, "0.0001"}, {1e-5, "1e-5"}, {-2.5e-10, "-2.5e-10"}, {1e21, "1e21"},
		{1e6, "1e6"}} {
		if got := formatFloat(c.in, 64); got != c.want {
			t.Errorf("formatFloat(%v) = %s, want %s", c.in, got, c.want)
		}
	}
}
