// Package captioned turns images with texts into the fields of a batch: those of package views, and caption [T] int32,
// the symbols of one text of the image, drawn anew in every step where it has several.
package captioned

import (
	"errors"
	"fmt"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/sampling"
	"selfsup/datasets/views"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// Settings is the [captions] table of a recipe. Case is ignored. Symbols that no training caption has are one symbol,
// datasets.Unknown.
type Settings struct {
	overlay.Optional
	Symbols string `toml:"symbols"` // words: runs of letters and digits | characters
	// symbols of a caption, with datasets.Padding after a shorter one; 0: those of the longest
	Length int  `toml:"length"`
	Cut    bool `toml:"cut"` // longer captions lose their end; else they are an error
}

// Defaults reads words, as many as the longest caption has.
func Defaults() Settings { return Settings{Symbols: "words"} }

// Validate checks the settings.
func (s *Settings) Validate() error {
	var bad []error
	if s.Symbols != "words" && s.Symbols != "characters" {
		bad = append(bad, setting.Bad("symbols", "%q: want \"words\" or \"characters\"", s.Symbols))
	}
	if s.Length < 0 {
		bad = append(bad, setting.Bad("length", "%d: want at least 1 symbol, or 0 for those of the longest caption",
			s.Length))
	}
	return errors.Join(bad...)
}

// Caption is the name of the field.
const Caption = "caption"

// Kind is images with texts as methods see them.
type Kind struct {
	*views.Pipeline
	length int
	vocabulary
}

// New numbers the symbols of the training captions. Every image of both sets must have a caption.
func New(s Settings, p *views.Pipeline, d *datasets.Data) (*Kind, error) {
	train, ok := d.Train.(datasets.CaptionSet)
	if !ok {
		return nil, fmt.Errorf("captions: the data have none (%T)", d.Train)
	}
	k := &Kind{Pipeline: p, length: s.Length, vocabulary: newVocabulary(s.Symbols, train)}
	sets := []datasets.CaptionSet{train}
	if test, ok := d.Test.(datasets.CaptionSet); ok {
		sets = append(sets, test)
	}
	longest := 0
	for _, set := range sets {
		for i := range set.Len() {
			texts := set.Captions(i)
			if len(texts) == 0 {
				return nil, fmt.Errorf("captions: image %s has no caption; want at least one for every image",
					set.Name(i))
			}
			for _, text := range texts {
				n := len(k.split(text))
				longest = max(longest, n)
				if s.Length > 0 && n > s.Length && !s.Cut {
					return nil, setting.Bad("length", "%d: the caption %q of %s has %d %s; want at least as "+
						"many, or cut = true",
						s.Length, text, set.Name(i), n, s.Symbols)
				}
			}
		}
	}
	if k.length == 0 {
		k.length = max(longest, 1)
	}
	return k, nil
}

// Field is the field of captions.
func (k *Kind) Field() feed.Field {
	return feed.Field{Name: Caption, Shape: []int{k.length}, Int: true, Of: []int{k.Len()}}
}

// Encode writes the symbols of a text to dst [T].
func (k *Kind) Encode(text string, dst []int32) {
	for i := range dst {
		dst[i] = datasets.Padding
	}
	for i, word := range k.split(text) {
		if i == len(dst) {
			return
		}
		dst[i] = k.number(word)
	}
}

// Of is the captions of sample i of a set, which may be part of a set of images with captions.
func Of(set datasets.Labelled, i int) []string {
	whole, place := sampling.Whole(set)
	if place != nil {
		i = int(place[i])
	}
	return whole.(datasets.CaptionSet).Captions(i)
}

// Training implements feed.Kind.
func (k *Kind) Training(set datasets.Labelled) feed.Maker {
	inner := views.NewMaker(set.(datasets.Set), k.Pipeline)
	return &trainMaker{maker{inner, k, set, true}, inner}
}

// Evaluation implements feed.Kind: the caption is the first of an image.
func (k *Kind) Evaluation(set datasets.Labelled) feed.Maker {
	return &maker{views.NewEvalMaker(set.(datasets.Set), k.Pipeline), k, set, false}
}

// trainMaker has its views in groups.
type trainMaker struct {
	maker
	views *views.Maker
}

// Groups implements feed.Grouped.
func (m *trainMaker) Groups() []int { return m.views.Groups() }

// maker adds captions to a maker of images.
type maker struct {
	feed.Maker
	kind  *Kind
	set   datasets.Labelled
	drawn bool
}

// Fields implements feed.Maker.
func (m *maker) Fields() []string { return append(slices.Clone(m.Maker.Fields()), Caption) }

// Field implements feed.Maker.
func (m *maker) Field(name string) (feed.Field, error) {
	if name == Caption {
		return m.kind.Field(), nil
	}
	f, err := m.Maker.Field(name)
	var unknown *feed.UnknownField
	if errors.As(err, &unknown) {
		unknown.Has = m.Fields()
	}
	return f, err
}

// Worker implements feed.Maker.
func (m *maker) Worker(names []string) (feed.Worker, error) {
	w := &worker{maker: m, caption: feed.Index(names, Caption)}
	rest := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == Caption })
	var err error
	w.images, err = m.Maker.Worker(rest)
	w.to = make([]feed.Slot, 0, len(rest))
	return w, err
}

type worker struct {
	*maker
	images  feed.Worker
	caption int // place among the fields; -1: it is not wanted
	to      []feed.Slot
}

// Make implements feed.Worker.
func (w *worker) Make(to []feed.Slot, i int, key feed.Key) error {
	if w.caption < 0 {
		return w.images.Make(to, i, key)
	}
	texts, which := Of(w.set, i), 0
	if w.drawn && len(texts) > 1 {
		r := datasets.NewRand(key.Seed, "captions/which", uint64(key.Step), uint64(key.Row))
		which = r.Intn(len(texts))
	}
	w.kind.Encode(texts[which], to[w.caption].I32)
	w.to = append(append(w.to[:0], to[:w.caption]...), to[w.caption+1:]...)
	if len(w.to) == 0 {
		return nil
	}
	return w.images.Make(w.to, i, key)
}
