// Package tables reads rows from CSV and TSV files, and from the tables that are part of the program.
package tables

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"selfsup/datasets"
	"selfsup/datasets/disk"
)

// Table reads rows of numbers and categories from CSV or TSV files (.csv, .tsv, or one of these with .gz) that begin
// with the columns' names. Fields are quoted as in RFC 4180.
//
//	[data.table]
//	train = "adult_train.csv.gz"
//	test = "adult_test.csv.gz"    # or test_fraction of train
//	target = "income"
//	categorical = ["education"]   # the others: numeric if every value of the training file is a number
//	decimal = ","                 # 1.234,5
//	thousands = "."
//
// A row that is longer or shorter than the header, holds what is no number in a numeric column, or misses its target,
// is refused. What a column's categories, mean and deviation are, the training rows say alone.
//
// Numbers may have a percent sign, in all of a column or in none, and U+2212 for a minus. A column of what looks like
// numbers and is none is an error that says what to set, never silently of categories. A first column without a name
// (an index, as pandas writes it), columns that have neither name nor values, and an empty field at the end of every
// row are passed over; Summary says so.
type Table struct {
	Train       string   `toml:"train"`       // path
	Test        string   `toml:"test"`        // path; empty: test_fraction of train
	Target      string   `toml:"target"`      // column of the label; empty: unlabelled
	Regression  bool     `toml:"regression"`  // the target is a number, not a class
	Numeric     []string `toml:"numeric"`     // columns
	Categorical []string `toml:"categorical"` // columns
	Ignore      []string `toml:"ignore"`      // columns that are passed over
	Missing     []string `toml:"missing"`     // fields that mean that there is no value
	Separator   string   `toml:"separator"`   // between fields; empty: a tab in .tsv, else a comma
	Decimal     string   `toml:"decimal"`     // mark before the decimals of a number: "." or ","
	Thousands   string   `toml:"thousands"`   // between groups of three digits: "," "." " " or "'"; empty: nothing
	// share of the test rows that may have no category of the training rows in a column, or miss a number that none of
	// these misses; more stop the run
	MaxUnseen float64 `toml:"max_unseen"`
	datasets.Split
	disk.Limits

	embedded []byte // the text of train where that is part of the program
}

// NewTable keeps a fifth of the rows for the test.
func NewTable() *Table {
	return &Table{Missing: []string{"", "?", "NA", "N/A", "nan", "NaN"}, Decimal: ".",
		MaxUnseen: 0.5,
		Split:     datasets.Split{TestFraction: 0.2},
		Limits:    disk.DefaultLimits()}
}

// Samples implements Kinded.
func (s *Table) Samples() string { return "rows" }

// PathKeys implements datasets.Located.
func (s *Table) PathKeys() []string { return []string{"train", "test"} }

// Open reads both files.
func (s *Table) Open(env datasets.Env) (*datasets.Data, error) {
	fail := func(err error) (*datasets.Data, error) { return nil, fmt.Errorf("datasets: table: %w", err) }
	if err := s.Validate(); err != nil {
		return fail(err)
	}
	r := tableReader{Table: s, path: env.Path(s.Train)}
	train, err := r.first()
	if err != nil {
		return fail(err)
	}
	var test *rows
	if s.Test != "" {
		r.path = env.Path(s.Test)
		test, err = r.next()
	} else {
		train, test = s.divide(train)
	}
	if err == nil {
		err = datasets.Tolerate(r.skipped, s.MaxSkipped)
	}
	if err != nil {
		return fail(err)
	}
	if err := s.finish(train, test); err != nil {
		return fail(fmt.Errorf("%s: %w", env.Path(s.Train), err))
	}
	p := &datasets.Data{Train: train, Skipped: r.skipped, Roots: env.Roots(s.Train, s.Test)}
	if test != nil {
		p.Test = test
	}
	return p, nil
}

// Validate checks the settings.
func (s *Table) Validate() error {
	switch {
	case s.Train == "":
		return errors.New("train is empty; want the path of a .csv or .tsv file")
	case s.Regression && s.Target == "":
		return errors.New("regression = true without target; want the column of the number to predict")
	case s.Separator != "" && (utf8.RuneCountInString(s.Separator) != 1 || strings.ContainsAny(s.Separator,
		"\"\r\n\ufffd")):
		return fmt.Errorf("separator = %q, want one character that is neither a quote nor the end of a line",
			s.Separator)
	}
	switch {
	case s.Decimal != "." && s.Decimal != ",":
		return fmt.Errorf(`decimal = %q, want "." or ","`, s.Decimal)
	case s.Thousands != "" && (len(s.Thousands) != 1 || !strings.Contains(",. '", s.Thousands)):
		return fmt.Errorf(`thousands = %q, want one of "," "." " " "'", or "" for none`, s.Thousands)
	case !(s.MaxUnseen >= 0 && s.MaxUnseen <= 1):
		return fmt.Errorf("max_unseen = %v, want a share of the test rows from 0 to 1", s.MaxUnseen)
	case s.Thousands == s.Decimal:
		return fmt.Errorf("thousands = %q is the mark of decimals too", s.Thousands)
	}
	if s.Separator == "" && disk.TextKind(s.Train) != ".csv" && disk.TextKind(s.Train) != ".tsv" {
		return fmt.Errorf("train = %q, want a file named .csv or .tsv, or one of these with .gz; or set separator",
			s.Train)
	}
	role := map[string]string{}
	if s.Target != "" {
		role[s.Target] = "target"
	}
	for _, l := range []struct {
		key   string
		names []string
	}{{"numeric", s.Numeric}, {"categorical", s.Categorical}, {"ignore", s.Ignore}} {
		for _, name := range l.names {
			if name == "" && l.key != "ignore" {
				return fmt.Errorf("%s has a column without a name; want names of the header", l.key)
			}
			if other := role[name]; other != "" {
				return fmt.Errorf("column %q is in %s and in %s; want one of them", name, other, l.key)
			}
			role[name] = l.key
		}
	}
	return errors.Join(s.Split.Validate(), s.Limits.Validate())
}

// rows is the rows of one part of a table.
type rows struct {
	name    string
	line    []int32       // in the file
	cells   [][]float64   // by column; a category as its number in words
	words   []*dictionary // by column; nil: numeric
	target  []float64     // number, or class in labels
	labels  *dictionary
	columns []datasets.Column
	classes []string
	class   []int32         // nil: no classes
	numbers bool            // the target is one
	passed  []datasets.Fact // what of the file was passed over
}

// dictionary numbers words as they come.
type dictionary struct {
	index map[string]int
	words []string
}

func (d *dictionary) number(word string) int {
	i, ok := d.index[word]
	if !ok {
		if d.index == nil {
			d.index = map[string]int{}
		}
		word = strings.Clone(word)
		i = len(d.words)
		d.index[word] = i
		d.words = append(d.words, word)
	}
	return i
}

func (r *rows) Len() int                   { return len(r.line) }
func (r *rows) Classes() []string          { return r.classes }
func (r *rows) Columns() []datasets.Column { return r.columns }
func (r *rows) Name(i int) string          { return fmt.Sprintf("%s:%d", r.name, r.line[i]) }

func (r *rows) Label(i int) int {
	if r.class == nil {
		return -1
	}
	return int(r.class[i])
}

// Target implements RowSet.
func (r *rows) Target(i int) float64 {
	if !r.numbers {
		return math.NaN()
	}
	return r.target[i]
}

// Row implements RowSet.
func (r *rows) Row(i int, dst []float64) error {
	if i < 0 || i >= len(r.line) || len(dst) != len(r.columns) {
		return fmt.Errorf("datasets: %s: row %d into %d numbers; the table has %d rows of %d columns", r.name, i,
			len(dst), len(r.line), len(r.columns))
	}
	for c := range dst {
		dst[c] = r.cells[c][i]
	}
	return nil
}

// divide takes the test rows out, stratified by class.
func (s *Table) divide(all *rows) (train, test *rows) {
	class := make([]string, all.Len())
	if all.labels != nil {
		for i, t := range all.target {
			class[i] = all.labels.words[int(t)]
		}
	}
	held := s.Held(class)
	if !slices.Contains(held, true) {
		return all, nil
	}
	return all.keep(held, false), all.keep(held, true)
}

// keep is the rows whose entry of held is as asked.
func (r *rows) keep(held []bool, want bool) *rows {
	k := &rows{name: r.name, words: r.words, labels: r.labels, columns: r.columns, numbers: r.numbers, passed: r.passed,
		cells: make([][]float64, len(r.cells))}
	for i, h := range held {
		if h != want {
			continue
		}
		k.line = append(k.line, r.line[i])
		for c := range r.cells {
			k.cells[c] = append(k.cells[c], r.cells[c][i])
		}
		if r.target != nil {
			k.target = append(k.target, r.target[i])
		}
	}
	return k
}
