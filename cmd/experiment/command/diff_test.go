package command

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// diff takes no more columns than the terminal has, and says the same in all of them.
func TestDiffWidth(t *testing.T) {
	for _, width := range []int{24, 40, 60, 80, 120, 400} {
		t.Setenv("COLUMNS", fmt.Sprint(width))
		status, out, errs := call("diff", "quickstart.toml", "mae.toml")
		if status != 0 {
			t.Fatalf("status %d: %s", status, errs)
		}
		for _, line := range strings.Split(out, "\n") {
			if n := utf8.RuneCountInString(line); n > width {
				t.Errorf("%d columns, want at most %d: %s", n, width, line)
			}
		}
		squeezed := strings.NewReplacer(" ", "", "\n", "").Replace(out)
		for _, part := range []string{"method.simclr.temperature", "quickstart.toml:21", "[0.2,1.0]",
			"backbone.vit.position"} {
			if !strings.Contains(squeezed, part) {
				t.Errorf("width %d: want %q in\n%s", width, part, out)
			}
		}
	}
}

// The keys of diff's JSON are of one style, and origins are text.
func TestDiffJSON(t *testing.T) {
	status, out, errs := call("diff", "quickstart.toml", "vicreg.toml", "--json")
	var got struct{ Changes []map[string]any }
	if err := json.Unmarshal([]byte(out), &got); status != 0 || err != nil || len(got.Changes) == 0 {
		t.Fatalf("status %d, %v: %s%s", status, err, out, errs)
	}
	found := false
	for _, c := range got.Changes {
		for _, key := range []string{"key", "a", "b", "origin_a", "origin_b"} {
			if _, ok := c[key].(string); !ok {
				t.Errorf("%v has no text %q", c, key)
			}
		}
		if len(c) != 5 {
			t.Errorf("%v has other keys", c)
		}
		found = found || c["key"] == "method.simclr.temperature" && c["a"] == "0.2" &&
			c["origin_a"] == "quickstart.toml:21" && c["b"] == "" && c["origin_b"] == ""
	}
	cold := "cold.toml"
	t.Chdir(t.TempDir())
	if err := os.WriteFile(cold, []byte("base = \"quickstart.toml\"\nmemory_limit = \"1GiB\"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, out, _ = call("diff", "quickstart.toml", cold, "--json")
	if !strings.Contains(out, `"origin_a":"default","origin_b":"cold.toml:2"`) {
		t.Errorf("no default in %s", out)
	}
	if !found {
		t.Errorf("no temperature in %s", out)
	}
}
