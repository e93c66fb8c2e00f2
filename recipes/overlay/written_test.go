package overlay

import (
	"fmt"
	"strings"
	"testing"
)

// Lists of tables count their elements anew in each table above them, and strings may hold what looks like a comment.
func TestReader(t *testing.T) {
	type inner struct {
		Size int `toml:"size"`
	}
	type stage struct {
		Note  string  `toml:"note"`
		Inner []inner `toml:"inner"`
	}
	type recipe struct {
		Stage []stage `toml:"stage"`
	}
	r := &recipe{Stage: []stage{{Note: `a  # "b`, Inner: []inner{{1}, {2}}}, {Note: "c", Inner: []inner{{3}}}}}
	var text strings.Builder
	if err := Encode(&text, r, &Result{Leaves: []Leaf{{Key: "stage[0].note"}}}); err != nil {
		t.Fatal(err)
	}
	got, err := NewReader(r).Read(text.String())
	want := []Written{{"stage[0].note", `"a  # \"b"`, "default"}, {"stage[0].inner[0].size", "1", ""},
		{"stage[0].inner[1].size", "2", ""}, {"stage[1].note", `"c"`, ""}, {"stage[1].inner[0].size", "3", ""}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("of\n%s\ngot %v, %v\nwant %v", text.String(), got, err, want)
	}
	for _, bad := range []string{"a", "[a", "[[a]", "x = 1\nnonsense\n"} {
		if got, err := NewReader(r).Read(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, got)
		}
	}
}
