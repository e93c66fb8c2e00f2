package recipes

import (
	"slices"
	"strings"
	"testing"

	"selfsup/recipes/overlay"
)

// What a run folder keeps of a recipe reads back, without a catalog, to the settings and origins that the loading
// found: of every shipped recipe, and with lists of tables and choices that are switched off.
func TestWrittenIsWhatWasLoaded(t *testing.T) {
	read := func(file string, sets ...string) {
		r, err := Load(file, sets, Builtin())
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := r.WriteOrigins(&text); err != nil {
			t.Fatal(err)
		}
		got, err := overlay.NewReader(new(Recipe)).Read(text.String())
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var want []overlay.Written
		for _, l := range r.Result.Leaves {
			table, _, inTable := strings.Cut(l.Key, ".")
			if inTable && l.Origin.IsDefault() && !strings.Contains(text.String(), "\n["+table) {
				continue // of another kind of data
			}
			if strings.HasPrefix(l.Key, "windows.spectrogram.") &&
				!strings.Contains(text.String(), "\n[windows.spectrogram") {
				continue // of recordings that stay waves
			}
			want = append(want, overlay.Written{Key: l.Key, Value: l.Value, Origin: l.Origin.String()})
		}
		order := func(a, b overlay.Written) int { return strings.Compare(a.Key, b.Key) }
		slices.SortFunc(got, order)
		slices.SortFunc(want, order)
		if len(got) != len(want) {
			t.Errorf("%s: %d settings, want %d", file, len(got), len(want))
		}
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Errorf("%s: got %v, want %v", file, got[i], want[i])
				break
			}
		}
	}
	names := Names()
	if len(names) < 20 {
		t.Fatalf("%d recipes are shipped, want more", len(names))
	}
	for _, name := range names {
		read(name)
	}
	read("quickstart.toml", "evaluate.linear=false", `train.resolution=[{until="50%",crop=16}]`,
		`name="a  # b\"c"`)
}
