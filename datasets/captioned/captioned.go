// Package captioned turns images or recordings with texts into the fields of a batch: those of their kind, caption [T]
// int32, the symbols of one text of the sample, drawn anew in every step where it has several, and partner, a view of
// the sample whose texts are nearest.
package captioned

import (
	"errors"
	"fmt"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/sampling"
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
	// share of the training samples that have the captions of another one, as noisy data do; the same samples whatever
	// the seed
	Wrong float64 `toml:"wrong"`
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
	return errors.Join(append(bad, setting.Within("wrong", s.Wrong, 0, 1))...)
}

// Caption is the name of the field.
const Caption = "caption"

// Kind is images or recordings with texts as methods see them.
type Kind struct {
	feed.Kind
	length int
	vocabulary
	wrong
}

// New numbers the symbols of the training captions. Every sample of both sets must have a caption.
func New(s Settings, samples feed.Kind, d *datasets.Data) (*Kind, error) {
	train, ok := d.Train.(datasets.CaptionSet)
	if !ok {
		return nil, fmt.Errorf("captions: the data have none (%T)", d.Train)
	}
	k := &Kind{Kind: samples, length: s.Length, vocabulary: newVocabulary(s.Symbols, train),
		wrong: newWrong(train, s.Wrong)}
	sets := []datasets.CaptionSet{train}
	if test, ok := d.Test.(datasets.CaptionSet); ok {
		sets = append(sets, test)
	}
	longest := 0
	for _, set := range sets {
		for i := range set.Len() {
			texts := set.Captions(i)
			if len(texts) == 0 {
				return nil, fmt.Errorf("captions: %s has no caption; want at least one for every sample", set.Name(i))
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

// Captions are the captions that sample i of a set has: in a training set where some are wrong, those it is trained
// with.
func (k *Kind) Captions(set datasets.Labelled, i int) []string { return k.of(set)(i) }

// of gives the captions of each sample of a set, which may be part of a set with captions; none of one without, such as
// that of corrupted images.
func (k *Kind) of(set datasets.Labelled) func(i int) []string {
	whole, place := sampling.Whole(set)
	texts, told := whole.(datasets.CaptionSet)
	return func(i int) []string {
		if !told {
			return nil
		}
		if place != nil {
			i = int(place[i])
		}
		return texts.Captions(k.wrong.owner(whole, i))
	}
}

// Training implements feed.Kind.
func (k *Kind) Training(set datasets.Labelled) feed.Maker {
	return &trainMaker{maker{k.Kind.Training(set), k, k.of(set), &partners{n: set.Len()}, true}}
}

// Evaluation implements feed.Kind: the caption is the first of a sample.
func (k *Kind) Evaluation(set datasets.Labelled) feed.Maker {
	return &maker{k.Kind.Evaluation(set), k, k.of(set), nil, false}
}

// trainMaker has its views in groups.
type trainMaker struct{ maker }

// Groups implements feed.Grouped.
func (m *trainMaker) Groups() []int {
	if g, ok := m.Maker.(feed.Grouped); ok {
		return g.Groups()
	}
	return nil
}

// maker adds captions, and partners in training, to a maker of samples.
type maker struct {
	feed.Maker
	kind     *Kind
	texts    func(i int) []string // of each sample
	partners *partners            // nil: there are none
	drawn    bool
}

// Fields implements feed.Maker.
func (m *maker) Fields() []string {
	names := append(slices.Clone(m.Maker.Fields()), Caption)
	if m.partners != nil {
		names = append(names, Partner)
	}
	return names
}

// Field implements feed.Maker.
func (m *maker) Field(name string) (feed.Field, error) {
	if name == Caption {
		return m.kind.Field(), nil
	}
	if name == Partner && m.partners != nil {
		f, err := m.Maker.Field(partnerView)
		f.Name = Partner
		return f, err
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
	w := &worker{maker: m, caption: feed.Index(names, Caption), partner: feed.Index(names, Partner)}
	rest := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == Caption || name == Partner })
	var err error
	if w.samples, err = m.Maker.Worker(rest); err != nil {
		return nil, err
	}
	w.to = make([]feed.Slot, 0, len(rest))
	if w.partner >= 0 {
		w.others, err = m.Maker.Worker([]string{partnerView})
	}
	return w, err
}

type worker struct {
	*maker
	samples          feed.Worker
	others           feed.Worker // of partners
	caption, partner int         // places among the fields; -1: it is not wanted
	to               []feed.Slot // of samples
}

// Make implements feed.Worker.
func (w *worker) Make(to []feed.Slot, i int, key feed.Key) error {
	w.to = w.to[:0]
	for k, slot := range to {
		switch k {
		case w.caption:
			texts, which := w.texts(i), 0
			if w.drawn && len(texts) > 1 {
				r := datasets.NewRand(key.Seed, "captions/which", uint64(key.Step), uint64(key.Row))
				which = r.Intn(len(texts))
			}
			if len(texts) == 0 {
				return fmt.Errorf("captions: sample %d has none", i)
			}
			w.kind.Encode(texts[which], slot.I32)
		case w.partner:
			if err := w.others.Make(to[k:k+1], int(w.partners.get(w.kind, w.texts)[i]), key); err != nil {
				return err
			}
		default:
			w.to = append(w.to, slot)
		}
	}
	if len(w.to) == 0 {
		return nil
	}
	return w.samples.Make(w.to, i, key)
}
