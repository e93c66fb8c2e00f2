package recipes

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"selfsup/datasets"
	"selfsup/recipes/overlay"
)

// Source is a file that names data and nothing else: one table such as [dataset.table].
type Source struct {
	Data overlay.Choice[datasets.Source] `toml:"dataset" overlay:"optional"`
	// what the key was called when only images had recipes
	Former overlay.Choice[datasets.Source] `toml:"data" overlay:"optional"`
}

// LoadedSource is a source with the story of its making.
type LoadedSource struct {
	*Source
	File     string // as named by the user
	Resolved string // the source with every value spelled out
}

// NamesSource reports whether a file is one of LoadSource: TOML with a dataset and without a method. It is no recipe
// then.
func NamesSource(file string) bool {
	b, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	var keys map[string]any
	if _, err := toml.Decode(string(b), &keys); err != nil {
		return false
	}
	_, data := keys["dataset"]
	_, former := keys["data"]
	return (data || former) && len(keys) == 1
}

// LoadSource resolves a source file with its bases and --set overlays, as Load does a recipe.
func LoadSource(file string, sets []string, c Catalog) (*LoadedSource, error) {
	s := &Source{}
	if _, err := overlay.Load(file, sets, c.options(), s); err != nil {
		return nil, err
	}
	if s.Data.Value == nil {
		s.Data, s.Former = s.Former, overlay.Choice[datasets.Source]{}
	}
	var text strings.Builder
	if err := overlay.Encode(&text, s, nil); err != nil {
		return nil, err
	}
	return &LoadedSource{s, file, text.String()}, nil
}

// Open opens the data; relative paths start at the file's folder.
func (s *LoadedSource) Open() (*datasets.Data, error) {
	dir := filepath.Dir(s.File)
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return s.Data.Value.Open(datasets.Env{BaseDir: dir})
}
