package overlay_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"selfsup/recipes/overlay"
)

// beside is a method on top of another one, which its field names by a key of its own.
type beside struct {
	Base   overlay.Choice[method] `toml:"base" overlay:"of=method"`
	Teller overlay.Choice[method] `toml:"teller" overlay:"of=method,optional"`
}

func (*beside) method() {}

type besideRecipe struct {
	Method overlay.Choice[method] `toml:"method"`
}

// A Choice can name what the catalog of another key has, inside of an entry of that very catalog.
func TestChoiceOfAnotherKey(t *testing.T) {
	methods := map[string]func() method{
		"simclr": func() method { return &simclr{Temperature: 0.1} },
		"beside": func() method { return &beside{} },
	}
	load := func(text string) (*besideRecipe, error) {
		r := &besideRecipe{}
		o := overlay.Options{FS: fstest.MapFS{"r.toml": {Data: []byte(text)}},
			Catalogs: map[string]overlay.Catalog{"method": overlay.Of("methods", methods)}}
		_, err := overlay.Load("r.toml", nil, o, r)
		return r, err
	}
	r, err := load("[method.beside.base.simclr]\ntemperature = 0.5\n")
	if err != nil {
		t.Fatal(err)
	}
	b := r.Method.Value.(*beside)
	if s, ok := b.Base.Value.(*simclr); !ok || s.Temperature != 0.5 || b.Teller.Name != "" {
		t.Errorf("got base %+v and teller %+v, want simclr at 0.5 and none", b.Base, b.Teller)
	}
	var text strings.Builder
	if err := overlay.Encode(&text, r, nil); err != nil {
		t.Fatal(err)
	}
	if again, err := load(text.String()); err != nil ||
		again.Method.Value.(*beside).Base.Value.(*simclr).Temperature != 0.5 {
		t.Errorf("the resolved recipe does not load to itself: %v\n%s", err, &text)
	}
	told, err := overlay.SettingsOf(&beside{Base: overlay.Choice[method]{Name: "simclr", Value: &simclr{}}})
	if err != nil || told[0].Default != `"simclr"` || told[1].Default != "" {
		t.Errorf("settings %+v (%v), want the defaults simclr and none", told, err)
	}
	for text, want := range map[string]string{
		"[method.beside]\n": "no base is chosen: add a table such as " +
			"[method.beside.base.beside]",
		"[method.beside.base.simclip]\n":                    "did you mean simclr?",
		"[method.beside.base.simclr]\ntemperature = -1.0\n": "r.toml:2",
		"[method.beside.base.simclr]\ntemperatur = 1.0\n":   "did you mean temperature?",
	} {
		if _, err := load(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// A word of the tag that nobody knows is a mistake of the struct.
func TestTagsAreKnown(t *testing.T) {
	var r struct {
		Method overlay.Choice[method] `toml:"method" overlay:"optinal"`
	}
	_, err := overlay.Load("r.toml", nil, overlay.Options{FS: fstest.MapFS{"r.toml": {}}}, &r)
	if err == nil || !strings.Contains(err.Error(), `overlay:"optinal": want optional, or of=CATALOG`) {
		t.Errorf("got %v", err)
	}
}
