package recipes

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"selfsup/datasets"
	"selfsup/recipes/overlay"
)

// Source is a file that names data of another kind than plain images, and nothing else: one table such as [data.table].
type Source struct {
	Data overlay.Choice[datasets.Opener] `toml:"data"`
}

// LoadedSource is a source with the story of its making.
type LoadedSource struct {
	*Source
	File     string // as named by the user
	Resolved string // the source with every value spelled out
}

// NamesSource reports whether a file is one of LoadSource: TOML with a data table. It is no recipe then.
func NamesSource(file string) bool {
	b, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	var keys map[string]any
	if _, err := toml.Decode(string(b), &keys); err != nil {
		return false
	}
	_, ok := keys["data"]
	return ok
}

// LoadSource resolves a source file with its bases and --set overlays, as Load does a recipe.
func LoadSource(file string, sets []string, c Catalog) (*LoadedSource, error) {
	s := &Source{}
	if _, err := overlay.Load(file, sets, c.options(), s); err != nil {
		return nil, err
	}
	var text strings.Builder
	if err := overlay.Encode(&text, s, nil); err != nil {
		return nil, err
	}
	return &LoadedSource{s, file, text.String()}, nil
}

// Open opens the data; relative paths start at the file's folder.
func (s *LoadedSource) Open() (datasets.Opened, error) {
	dir := filepath.Dir(s.File)
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return s.Data.Value.OpenAny(datasets.Env{BaseDir: dir})
}
