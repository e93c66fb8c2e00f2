package windows

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/sampling"
)

// Texts is windows of texts over one vocabulary; it implements feed.Kind. view0, view1 ... [T] are symbols, each a
// window of its own; other [T] is a window of another text, drawn alike; positive and negative [T], of texts that have
// such companions (datasets.CompanionSet), are windows of these; noise [T] is symbols of the vocabulary at random,
// padding and unknown left out; length [] counts what is not padding in view0. raw [V], of evaluation, is the share
// that each symbol has in the window: a bag of symbols. tf-idf [V], of evaluation where the training texts are there,
// is its known symbols' shares times log((1+N)/(1+n)) + 1, of N training texts n of which have the symbol.
type Texts struct {
	settings   Settings
	vocabulary *datasets.Vocabulary
	symbols    int              // T
	train      datasets.TextSet // nil: they are not there
	weights    func() []float32 // of symbols, for tf-idf
	notes      []string
}

// symbolsAWindow is T where the recipe does not say.
const symbolsAWindow = 128

// NewTexts takes the vocabulary of the training texts. A test set of another one has other symbols by the same
// numbers, and is refused.
func NewTexts(s Settings, train datasets.TextSet, test datasets.Labelled) (*Texts, error) {
	v := train.Vocabulary()
	if other, ok := test.(datasets.TextSet); ok && !other.Vocabulary().Equal(v) {
		return nil, fmt.Errorf("windows: the test texts number %d symbols (%s) and the training texts %d (%s) "+
			"or others; want one vocabulary, made of the training texts",
			other.Vocabulary().Len(), other.Vocabulary().Unit(), v.Len(), v.Unit())
	}
	if v.Len() <= datasets.FirstSymbol {
		return nil, fmt.Errorf("windows: the training texts have no symbols")
	}
	t := TextsOf(s, v)
	t.train, t.weights = train, sync.OnceValue(func() []float32 { return rarity(train) })
	window := make([]int32, t.symbols+1)
	for k, set := range []datasets.Labelled{train, test} {
		texts, ok := set.(datasets.TextSet)
		if !ok {
			continue
		}
		count := func(i int) int { return v.Encode(texts.Text(i), 0, window) }
		notes, err := s.fit(texts, parts[k], count, t.symbols, "symbols")
		if err != nil {
			return nil, err
		}
		t.notes = append(t.notes, notes...)
	}
	return t, nil
}

// Notes say how many texts are padded, and how many cut.
func (t *Texts) Notes() []string { return t.notes }

// TextsOf is windows of texts over a vocabulary, whatever texts they are.
func TextsOf(s Settings, v *datasets.Vocabulary) *Texts {
	return &Texts{settings: s, vocabulary: v, symbols: s.length(symbolsAWindow)}
}

// rarity is log((1+N)/(1+n)) + 1 of each symbol, of N texts n of which have it: as scikit-learn's TfidfVectorizer
// weighs words. That of padding and of unknown symbols is 0.
func rarity(set datasets.TextSet) []float32 {
	v := set.Vocabulary()
	last, with := make([]int, v.Len()), make([]float64, v.Len()) // last is the text that had the symbol last, from 1
	for i := range set.Len() {
		for s := range v.Numbers(set.Text(i)) {
			if last[s] != i+1 {
				last[s] = i + 1
				with[s]++
			}
		}
	}
	out := make([]float32, v.Len())
	for s := datasets.FirstSymbol; s < len(out); s++ {
		out[s] = float32(math.Log((1+float64(set.Len()))/(1+with[s])) + 1)
	}
	return out
}

// Noun implements feed.Kind.
func (t *Texts) Noun() string { return "texts" }

// Training implements feed.Kind.
func (t *Texts) Training(set datasets.Labelled) feed.Maker { return t.maker(set, true) }

// Evaluation implements feed.Kind.
func (t *Texts) Evaluation(set datasets.Labelled) feed.Maker { return t.maker(set, false) }

func (t *Texts) maker(set datasets.Labelled, random bool) feed.Maker {
	whole, place := sampling.Whole(set)
	return &textMaker{t, whole.(datasets.TextSet), place, random}
}

// textMaker makes fields of a set of texts, which may be part of another.
type textMaker struct {
	*Texts
	set    datasets.TextSet
	place  []int32 // of the samples in the set; nil: each is its own
	random bool
}

// Fields beside the views: symbols at random, and a window of another text.
const noise, other = "noise", "other"

// Vocabulary implements feed.Spelled.
func (m *textMaker) Vocabulary() *datasets.Vocabulary { return m.vocabulary }

// Fields implements feed.Maker.
func (m *textMaker) Fields() []string {
	if m.random {
		return append([]string{m.settings.views(), other, noise, lengthField}, m.beside()...)
	}
	names := []string{feed.View(0), lengthField, feed.Raw}
	if m.train != nil {
		names = append(names, feed.Weighted)
	}
	return names
}

// beside lists the kinds of texts that belong to each.
func (m *textMaker) beside() []string {
	if c, ok := m.set.(datasets.CompanionSet); ok {
		return c.Beside()
	}
	return nil
}

// Field implements feed.Maker.
func (m *textMaker) Field(name string) (feed.Field, error) {
	v, view := feed.Numbered(name, "view")
	switch {
	case view && (v == 0 || m.random && m.settings.Place == atRandom), m.random && (name == noise || name == other),
		m.random && slices.Contains(m.beside(), name):
		return feed.Field{Name: name, Shape: []int{m.symbols}, Int: true, Of: []int{m.vocabulary.Len()}}, nil
	case name == lengthField:
		return feed.Field{Name: name, Int: true, Of: []int{m.symbols + 1}}, nil
	case !m.random && (name == feed.Raw || name == feed.Weighted && m.train != nil):
		return feed.Field{Name: name, Shape: []int{m.vocabulary.Len()}}, nil
	}
	why := m.settings.why(name)
	if name == datasets.Positive || name == datasets.Negative {
		why = fmt.Sprintf("the texts have no %ss; want a file with a column for them, and %[1]s = its name in the "+
			"table of the data", name)
	}
	return feed.Field{}, &feed.UnknownField{Name: name, Kind: "texts", Has: m.Fields(), Why: why}
}

// Worker implements feed.Maker.
func (m *textMaker) Worker(names []string) (feed.Worker, error) {
	return &textWorker{m, names, make([]int32, m.symbols)}, check(m, names)
}

type textWorker struct {
	*textMaker
	names  []string
	window []int32
}

// Make implements feed.Worker.
func (w *textWorker) Make(to []feed.Slot, i int, key feed.Key) error {
	sample := i
	if w.place != nil {
		i = int(w.place[i])
	}
	for k, name := range w.names {
		switch v, _ := feed.Numbered(name, "view"); name {
		case noise:
			w.noise(to[k].I32, key)
		case datasets.Positive, datasets.Negative:
			r := datasets.NewRand(key.Seed, "windows/"+name, uint64(key.Step), uint64(key.Row))
			at := w.settings.placed(r.Float64())
			w.vocabulary.Window(w.set.(datasets.CompanionSet).Companion(i, name), at, to[k].I32)
		case other:
			w.other(to[k].I32, sample, key)
		case lengthField:
			to[k].I32[0] = int32(w.set.Window(i, w.settings.at(w.random, key, 0), w.window))
		case feed.Raw:
			w.shares(to[k].F32, i, key)
		case feed.Weighted:
			w.shares(to[k].F32, i, key)
			for s, weight := range w.weights() {
				to[k].F32[s] *= weight
			}
		default:
			w.set.Window(i, w.settings.at(w.random, key, v), to[k].I32)
		}
	}
	return nil
}

// other is a window of another sample than i, or of the only one.
func (w *textWorker) other(dst []int32, i int, key feed.Key) {
	r := datasets.NewRand(key.Seed, "windows/other", uint64(key.Step), uint64(key.Row))
	n := w.set.Len()
	if w.place != nil {
		n = len(w.place)
	}
	if n > 1 {
		i = (i + 1 + r.Intn(n-1)) % n
	}
	if w.place != nil {
		i = int(w.place[i])
	}
	w.set.Window(i, r.Float64(), dst)
}

// noise draws symbols of the vocabulary.
func (w *textWorker) noise(dst []int32, key feed.Key) {
	r := datasets.NewRand(key.Seed, "windows/noise", uint64(key.Step), uint64(key.Row))
	for t := range dst {
		dst[t] = int32(datasets.FirstSymbol + r.Intn(w.vocabulary.Len()-datasets.FirstSymbol))
	}
}

// shares counts the symbols of a window.
func (w *textWorker) shares(dst []float32, i int, key feed.Key) {
	n := w.set.Window(i, w.settings.at(w.random, key, 0), w.window)
	clear(dst)
	for _, s := range w.window[:n] {
		dst[s] += 1 / float32(n)
	}
}
