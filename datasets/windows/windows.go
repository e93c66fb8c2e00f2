// Package windows turns texts and sound recordings into the fields of a batch: pieces of one length, which is what a
// step can hold.
//
// A training window is at a random place of its sample, each view's at one of its own, so that of a sample longer than
// the window each step reads another part; evaluation reads one fixed window of each sample. A sample shorter than the
// window is whole, with padding after it.
package windows

import (
	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// Settings is the [windows] table of a recipe.
type Settings struct {
	overlay.Optional
	// of a window: symbols of a text, samples of a recording; 0: 128 symbols, or one second
	Length int    `toml:"length"`
	Place  string `toml:"place"` // of a training window: random, or as in evaluation
	Fixed  string `toml:"fixed"` // place of the windows of evaluation: start | middle | end
}

// Defaults takes random windows, and evaluates the middle of each sample.
func Defaults() Settings { return Settings{Place: "random", Fixed: "middle"} }

// places are the shares at which fixed windows are, see datasets.TextSet.
var places = map[string]float64{"start": 0, "middle": 0.5, "end": 1}

// maxLength bounds a window: 2^24 symbols or samples, above which places are no longer exact in float32.
const maxLength = 1 << 24

// Validate checks the settings.
func (s *Settings) Validate() error {
	if s.Length < 0 || s.Length > maxLength {
		return setting.Bad("length", "%d: want 1 to %d symbols or samples, or 0 for 128 symbols or one second",
			s.Length, maxLength)
	}
	if s.Place != "random" && s.Place != "fixed" {
		return setting.Bad("place", "%q: want \"random\", or \"fixed\" for the windows of evaluation", s.Place)
	}
	if _, ok := places[s.Fixed]; !ok {
		return setting.Bad("fixed", "%q: want \"start\", \"middle\" or \"end\"", s.Fixed)
	}
	return nil
}

// length is that of the settings, or the kind's.
func (s *Settings) length(otherwise int) int {
	if s.Length > 0 {
		return s.Length
	}
	return otherwise
}

// at is where the window of a view is, as a share of the places where it fits. What it draws depends on the key and the
// view alone.
func (s *Settings) at(random bool, key feed.Key, view int) float64 {
	if !random || s.Place == "fixed" {
		return places[s.Fixed]
	}
	r := datasets.NewRand(key.Seed, "windows/place", uint64(key.Step), uint64(key.Row), uint64(view))
	return r.Float64()
}

// lengthField is how many of view0's symbols or samples are not padding.
const lengthField = "length"

// check describes every name, and fails at one that the maker lacks.
func check(m feed.Maker, names []string) error {
	for _, name := range names {
		if _, err := m.Field(name); err != nil {
			return err
		}
	}
	return nil
}
