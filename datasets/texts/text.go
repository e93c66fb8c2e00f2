// Package texts reads passages from text files and lists, and the speeches that are part of the program.
package texts

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

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
type Text struct {
	Train  string `toml:"train"`  // file, or directory of .txt files
	Test   string `toml:"test"`   // the same; empty: by the column split, else test_fraction of train
	Unit   string `toml:"unit"`   // what a text is in a .txt file: lines, paragraphs, documents or windows
	Window int    `toml:"window"` // symbols in a text with unit = "windows"; of pairs, characters
	Text   string `toml:"text"`   // column or key of the text in .csv, .tsv and .jsonl
	Label  string `toml:"label"`  // column or key of the label; empty: unlabelled
	Part   string `toml:"split"`  // column or key that says train, val, valid or test; empty: none
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
	at, text, class, part string
}

// Samples implements Kinded.
func (s *Text) Samples() string { return "texts" }

// PathKeys implements datasets.Located.
func (s *Text) PathKeys() []string { return []string{"train", "test"} }

// Open reads all texts into memory.
func (s *Text) Open(env datasets.Env) (*datasets.Data, error) {
	p, err := s.open(env)
	if err != nil {
		return nil, fmt.Errorf("datasets: text: %w", err)
	}
	return p, nil
}

func (s *Text) open(env datasets.Env) (*datasets.Data, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	r := textReader{Text: s}
	train, err := r.path(env.Path(s.Train))
	if err != nil {
		return nil, err
	}
	var test []passage
	switch {
	case s.Test != "":
		test, err = r.path(env.Path(s.Test))
	case s.Part != "":
		train, test, err = divideByPart(train)
	default:
		train, test = s.divide(train)
	}
	if err == nil {
		err = datasets.Tolerate(r.skipped, s.MaxSkipped)
	}
	if err != nil {
		return nil, err
	}
	if len(train) == 0 {
		return nil, fmt.Errorf("%s: no text is left for the training", env.Path(s.Train))
	}
	if len(test) == 0 && s.Test != "" {
		return nil, fmt.Errorf("%s: no text is left for the test", env.Path(s.Test))
	}
	p, err := s.sets(train, test, r.skipped)
	if err == nil {
		p.Notes, p.Roots = r.others.Notes(), env.Roots(s.Train, s.Test)
	}
	return p, err
}

func (s *Text) sets(train, test []passage, skipped []datasets.Skip) (*datasets.Data, error) {
	list := func(ps []passage) (texts, classes []string) {
		for _, t := range ps {
			texts, classes = append(texts, t.text), append(classes, t.class)
		}
		return texts, classes
	}
	texts, classes := list(train)
	tested, testClasses := list(test)
	names, err := datasets.ClassNames(classes, testClasses)
	if err != nil {
		return nil, err
	}
	v := datasets.NewVocabulary(s.Symbols, texts)
	p := &datasets.Data{Train: &textSet{train, texts, names, v}, Skipped: skipped}
	if len(test) > 0 {
		p.Test = &textSet{test, tested, names, v}
	}
	return p, nil
}

// divide keeps a share of each class for the test.
func (s *Text) divide(all []passage) (train, test []passage) {
	return datasets.Divide(&s.Split, all, func(p passage) string { return p.class })
}

// divideByPart sorts passages by what their column says.
func divideByPart(all []passage) (train, test []passage, err error) {
	for _, t := range all {
		switch {
		case slices.Contains(disk.TrainNames, strings.ToLower(t.part)):
			train = append(train, t)
		case slices.Contains(disk.TestNames, strings.ToLower(t.part)):
			test = append(test, t)
		default:
			return nil, nil, fmt.Errorf("%s: split %q, want train or one of %q", t.at, t.part, disk.TestNames)
		}
	}
	return train, test, nil
}

// textSet is texts in memory.
type textSet struct {
	passages   []passage
	texts      []string
	classes    []string
	vocabulary *datasets.Vocabulary
}

func (s *textSet) Len() int                         { return len(s.texts) }
func (s *textSet) Label(i int) int                  { return datasets.ClassIndex(s.classes, s.passages[i].class) }
func (s *textSet) Classes() []string                { return s.classes }
func (s *textSet) Name(i int) string                { return s.passages[i].at }
func (s *textSet) Text(i int) string                { return s.texts[i] }
func (s *textSet) Vocabulary() *datasets.Vocabulary { return s.vocabulary }

// Window implements TextSet.
func (s *textSet) Window(i int, at float64, dst []int32) int {
	n := s.vocabulary.Encode(s.texts[i], datasets.WindowStart(s.vocabulary.Count(s.texts[i]), len(dst), at), dst)
	clear(dst[n:])
	return n
}

// Facts describes the texts.
func (s *textSet) Facts() []datasets.Fact {
	lengths := make([]int, len(s.texts))
	total := 0
	for i, t := range s.texts {
		lengths[i] = s.vocabulary.Count(t)
		total += lengths[i]
	}
	sort.Ints(lengths)
	unit := s.vocabulary.Unit()
	return []datasets.Fact{
		{Key: "vocabulary", Value: fmt.Sprintf("%d symbols (%s, padding, unknown)", s.vocabulary.Len(), unit)},
		{Key: unit, Value: fmt.Sprint(total)},
		{Key: "length", Value: fmt.Sprintf("%d to %d %s, median %d", lengths[0], lengths[len(lengths)-1], unit,
			lengths[len(lengths)/2])},
	}
}
