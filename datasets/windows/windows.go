// Package windows turns texts and sound recordings into the fields of a batch: pieces of one length, which is what a
// step can hold.
//
// A training window is at a random place of its sample, each view's at one of its own, so that of a sample longer than
// the window each step reads another part; evaluation reads one fixed window of each sample. A sample shorter than the
// window is whole, with padding after it, or refused.
package windows

import (
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// Settings is the [windows] table of a recipe.
type Settings struct {
	overlay.Optional
	// of a window: symbols of a text, or samples of a recording; 0: 128 symbols, while recordings need it
	Length int    `toml:"length"`
	Place  string `toml:"place"` // of a training window: random, or fixed as in evaluation
	Fixed  string `toml:"fixed"` // place of the windows of evaluation: start | middle | end
	Short  string `toml:"short"` // samples shorter than a window: pad them at their end | refuse them
	Long   string `toml:"long"`  // samples longer than a window: cut windows out of them, or refuse them
	// recordings as images of their log-mels, where it has bands
	Spectrogram Spectrogram `toml:"spectrogram"`
}

// Values of settings.
const (
	atRandom = "random"
	pad      = "pad"
	cut      = "cut"
	refuse   = "refuse"
)

// Defaults takes random windows, evaluates the middle of each sample, and pads.
func Defaults() Settings {
	return Settings{Place: atRandom, Fixed: "middle", Short: pad, Long: cut, Spectrogram: defaultSpectrogram()}
}

// places are the shares at which fixed windows are, see datasets.TextSet.
var places = map[string]float64{"start": 0, "middle": 0.5, "end": 1}

// maxLength bounds a window: 2^24 symbols or samples, above which places are no longer exact in float32.
const maxLength = 1 << 24

// Validate checks the settings.
func (s *Settings) Validate() error {
	if s.Length < 0 || s.Length > maxLength {
		return setting.Bad("length", "%d: want 1 to %d symbols or samples, or 0 for 128 symbols", s.Length,
			maxLength)
	}
	if s.Place != atRandom && s.Place != "fixed" {
		return setting.Bad("place", "%q: want \"random\", or \"fixed\" for the windows of evaluation", s.Place)
	}
	if _, ok := places[s.Fixed]; !ok {
		return setting.Bad("fixed", "%q: want \"start\", \"middle\" or \"end\"", s.Fixed)
	}
	if s.Short != pad && s.Short != refuse {
		return setting.Bad("short", "%q: want \"pad\" or \"refuse\"", s.Short)
	}
	if s.Long != cut && s.Long != refuse {
		return setting.Bad("long", "%q: want \"cut\" or \"refuse\"", s.Long)
	}
	return s.Spectrogram.validate()
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
func (s *Settings) at(drawn bool, key feed.Key, view int) float64 {
	if !drawn || s.Place != atRandom {
		return places[s.Fixed]
	}
	r := datasets.NewRand(key.Seed, "windows/place", uint64(key.Step), uint64(key.Row), uint64(view))
	return r.Float64()
}

// placed is where a training window is that is drawn at a share of the places where it fits.
func (s *Settings) placed(drawn float64) float64 {
	if s.Place != atRandom {
		return places[s.Fixed]
	}
	return drawn
}

// fit counts the samples of a set that are shorter than a window or longer, and names the first of each. Where the
// settings refuse them that is an error, otherwise a note: how many are padded, and of how many evaluation sees a part.
// length counts to window+1 at least.
func (s *Settings) fit(set datasets.Labelled, part string, length func(i int) int, window int,
	unit string) (notes []string, err error) {
	var first, n [2]int // of those that are shorter, and longer
	for i := range set.Len() {
		k := 0
		switch got := length(i); {
		case got == window:
			continue
		case got > window:
			k = 1
		}
		if n[k]++; n[k] == 1 {
			first[k] = i
		}
	}
	if n[0] > 0 && s.Short == refuse {
		return nil, setting.Bad("short",
			"%q: %s has %d %s and a window %d, and %d of %d are shorter than that; want \"pad\", or "+
				"a smaller length", s.Short, set.Name(first[0]), length(first[0]), unit, window, n[0], set.Len())
	}
	if n[1] > 0 && s.Long == refuse {
		return nil, setting.Bad("long",
			"%q: %s has more than the %d %s of a window, and so have %d of %d; want \"cut\", or a larger length",
			s.Long, set.Name(first[1]), window, unit, n[1], set.Len())
	}
	for k, what := range []string{"are shorter than a window of %d %s and padded",
		"are longer than a window of %d %s, of which evaluation sees the %s"} {
		values := []any{window, unit, s.Fixed}
		if n[k] > 0 {
			notes = append(notes, fmt.Sprintf("%d of %d %s samples "+what+", the first is %s",
				append(append([]any{n[k], set.Len(), part}, values[:2+k]...), set.Name(first[k]))...))
		}
	}
	return notes, nil
}

// The sets whose samples windows are cut from, in notes.
var parts = [2]string{"training", "test"}

// views names the views of a training sample, and why says why it has no other.
func (s *Settings) views() string {
	if s.Place == atRandom {
		return "view0, view1 ..."
	}
	return feed.View(0)
}

func (s *Settings) why(name string) string {
	if v, view := feed.Numbered(name, "view"); view && v > 0 && s.Place != atRandom {
		return fmt.Sprintf("windows.place = %q takes the same window each time, so that a sample has one view; want %q",
			s.Place, atRandom)
	}
	return ""
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
