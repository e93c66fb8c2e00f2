// Package texts reads passages from text files and lists, and the speeches that are part of the program.
package texts

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/disk"
)

// Text reads texts in UTF-8: files of lines, paragraphs or whole documents, folders of such files (each folder in it a
// class, as in Folder), and labelled passages from CSV, TSV or JSONL; each file gzip'd or not.
//
//	[data.text]
//	train = "sotu_chunks.csv.gz"
//	text = "text"                # column or key of the passage
//	label = "party"              # of its label
//	split = "split"              # of its part: "train" is for the training, "val", "valid" or "test" for the test
//	vocabulary = "characters"
//
//	[data.text]
//	train = "moby_dick.txt.gz"
//	unit = "windows"
//	window = 256                 # symbols
//
// Texts of more bytes than memory stay in their files: a text is read when it is asked for, the same one as otherwise,
// and what is held is 4 bytes of each, 4 more of labels, the vocabulary, and the place of every 32nd. Files that are
// gzip'd are first unpacked into a temporary file below TMPDIR. A text that is not UTF-8, or empty, is refused.
type Text struct {
	Train  string `toml:"train"`  // file, or directory of .txt files
	Test   string `toml:"test"`   // the same; empty: by the column split, else test_fraction of train
	Unit   string `toml:"unit"`   // what a text is in a .txt file: lines, paragraphs, documents or windows
	Window int    `toml:"window"` // symbols in a text with unit = "windows"; of pairs, characters
	Text   string `toml:"text"`   // column or key of the text in .csv, .tsv and .jsonl
	Label  string `toml:"label"`  // column or key of the label; empty: unlabelled
	Part   string `toml:"split"`  // column or key that says train, val, valid or test; empty: none
	// columns or keys of a text that says the same as each text, and of one that does not; empty: none
	Positive string `toml:"positive"`
	Negative string `toml:"negative"`
	datasets.Symbols
	datasets.Split
	disk.Limits
}

// NewText takes each line for a text and keeps a fifth for the test.
func NewText() *Text {
	return &Text{Unit: "lines", Window: 256, Text: "text", Symbols: datasets.DefaultSymbols(),
		Split: datasets.Split{TestFraction: 0.2}, Limits: disk.DefaultLimits()}
}

// Validate checks the settings.
func (s *Text) Validate() error {
	switch {
	case s.Train == "":
		return errors.New("train is empty; want the path of a .txt, .csv, .tsv or .jsonl file, or of a " +
			"directory of .txt files")
	case !slices.Contains([]string{"lines", "paragraphs", "documents", "windows"}, s.Unit):
		return fmt.Errorf(`unit = %q, want "lines", "paragraphs", "documents" or "windows"`, s.Unit)
	case s.Window < 1 || s.Window > 1<<24:
		return fmt.Errorf("window = %d, want 1 to %d symbols", s.Window, 1<<24)
	case s.Text == "":
		return errors.New(`text is empty; want the column or key of the text, such as "text"`)
	case s.Part != "" && s.Test != "":
		return fmt.Errorf("split = %q with test = %q; want one of them", s.Part, s.Test)
	}
	return errors.Join(s.Symbols.Validate(), s.Split.Validate(), s.Limits.Validate())
}

// passage is a text with its place.
type passage struct {
	at, text, class    string
	positive, negative string // that belong to it; "": none
	test               bool   // by its column
}

// store is where passages are.
type store interface {
	len() int
	class(i int) string
	test(i int) bool
	// get is a passage. One that the disk no longer has as it was panics with an error.
	get(i int) passage
}

// held is passages in memory.
type held []passage

func (h held) len() int           { return len(h) }
func (h held) class(i int) string { return h[i].class }
func (h held) test(i int) bool    { return h[i].test }
func (h held) get(i int) passage  { return h[i] }

// Samples implements Kinded.
func (s *Text) Samples() string { return "texts" }

// PathKeys implements datasets.Located.
func (s *Text) PathKeys() []string { return []string{"train", "test"} }

// Open reads all texts, into memory where they are small enough.
func (s *Text) Open(env datasets.Env) (*datasets.Data, error) {
	p, err := s.open(env)
	if err != nil {
		return nil, fmt.Errorf("datasets: text: %w", err)
	}
	return p, nil
}

func (s *Text) open(env datasets.Env) (d *datasets.Data, err error) {
	defer datasets.Guard(&err)
	if err := s.Validate(); err != nil {
		return nil, err
	}
	r := textReader{Text: s}
	all, err := r.path(env.Path(s.Train))
	if err != nil {
		return nil, err
	}
	train := part{all, nil}
	var test part
	switch {
	case s.Test != "":
		test.store, err = r.path(env.Path(s.Test))
	case s.Part != "":
		train, test = divided(all, all.test)
	default:
		train, test = s.divide(all)
	}
	if err == nil {
		err = datasets.Tolerate(r.skipped, s.MaxSkipped)
	}
	if err != nil {
		return nil, err
	}
	if train.len() == 0 {
		return nil, fmt.Errorf("%s: no text is left for the training", env.Path(s.Train))
	}
	if test.len() == 0 && s.Test != "" {
		return nil, fmt.Errorf("%s: no text is left for the test", env.Path(s.Test))
	}
	p, err := s.sets(train, test, r.skipped)
	if err == nil {
		p.Notes, p.Roots = r.others.Notes(), env.Roots(s.Train, s.Test)
	}
	return p, err
}

// part is some passages of a store.
type part struct {
	store
	rows []int32 // nil: all
}

func (p *part) len() int {
	switch {
	case p.rows != nil:
		return len(p.rows)
	case p.store == nil:
		return 0
	}
	return p.store.len()
}

func (p *part) row(i int) int {
	if p.rows != nil {
		return int(p.rows[i])
	}
	return i
}

// classNames is the classes of a part's passages, those that occur.
func (p *part) classNames() (names []string) {
	seen := map[string]bool{}
	for i := range p.len() {
		if c := p.class(p.row(i)); !seen[c] {
			seen[c] = true
			names = append(names, c)
		}
	}
	return names
}

func (s *Text) sets(train, test part, skipped []datasets.Skip) (*datasets.Data, error) {
	names, err := datasets.ClassNames(train.classNames(), test.classNames())
	if err != nil {
		return nil, err
	}
	v := datasets.VocabularyFrom(s.Symbols, func(yield func(string) bool) {
		for i := range train.len() {
			p := train.get(train.row(i))
			for _, t := range []string{p.text, p.positive, p.negative} {
				if t != "" && !yield(t) {
					return
				}
			}
		}
	})
	var beside []string
	if s.Positive != "" {
		beside = append(beside, datasets.Positive)
	}
	if s.Negative != "" {
		beside = append(beside, datasets.Negative)
	}
	p := &datasets.Data{Train: &textSet{train, names, v, beside}, Skipped: skipped}
	if test.len() > 0 {
		p.Test = &textSet{test, names, v, beside}
	}
	return p, nil
}

// divide keeps a share of each class for the test.
func (s *Text) divide(all store) (train, test part) {
	held := s.HeldOf(all.len(), all.class)
	return divided(all, func(i int) bool { return held[i] })
}

// divided sorts passages into those of the training and of the test.
func divided(all store, ofTest func(i int) bool) (train, test part) {
	n := 0
	for i := range all.len() {
		if ofTest(i) {
			n++
		}
	}
	if n == 0 {
		return part{all, nil}, part{}
	}
	train, test = part{all, make([]int32, 0, all.len()-n)}, part{all, make([]int32, 0, n)}
	for i := range all.len() {
		to := &train
		if ofTest(i) {
			to = &test
		}
		to.rows = append(to.rows, int32(i))
	}
	return train, test
}

// textSet is texts in memory or on the disk.
type textSet struct {
	part
	classes    []string
	vocabulary *datasets.Vocabulary
	beside     []string // kinds of texts that belong to each
}

func (s *textSet) Len() int                         { return s.len() }
func (s *textSet) Label(i int) int                  { return datasets.ClassIndex(s.classes, s.class(s.row(i))) }
func (s *textSet) Classes() []string                { return s.classes }
func (s *textSet) Name(i int) string                { return s.get(s.row(i)).at }
func (s *textSet) Text(i int) string                { return s.get(s.row(i)).text }
func (s *textSet) Vocabulary() *datasets.Vocabulary { return s.vocabulary }

// Window implements TextSet.
func (s *textSet) Window(i int, at float64, dst []int32) int {
	return s.vocabulary.Window(s.Text(i), at, dst)
}

// Beside implements datasets.CompanionSet.
func (s *textSet) Beside() []string { return s.beside }

// Companion implements datasets.CompanionSet.
func (s *textSet) Companion(i int, kind string) string {
	p := s.get(s.row(i))
	if kind == datasets.Positive {
		return p.positive
	}
	return p.negative
}

// Facts describes the texts.
func (s *textSet) Facts() []datasets.Fact {
	lengths, total := map[int]int{}, 0 // how many texts have a length
	for i := range s.Len() {
		n := s.vocabulary.Count(s.Text(i))
		lengths[n]++
		total += n
	}
	unit, median, before := s.vocabulary.Unit(), 0, 0
	all := slices.Sorted(maps.Keys(lengths))
	for _, n := range all {
		if before += lengths[n]; before > s.Len()/2 {
			median = n
			break
		}
	}
	return []datasets.Fact{
		{Key: "vocabulary", Value: fmt.Sprintf("%d symbols (%s, padding, unknown)", s.vocabulary.Len(), unit)},
		{Key: unit, Value: fmt.Sprint(total)},
		{Key: "length", Value: fmt.Sprintf("%d to %d %s, median %d", all[0], all[len(all)-1], unit, median)},
	}
}
