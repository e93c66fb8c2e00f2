package tables

import (
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"selfsup/datasets"
	"selfsup/datasets/disk"
)

// tableReader reads the files of a table, the training file first.
type tableReader struct {
	*Table
	path    string
	format  numberFormat
	names   []string        // of the header
	columns []int           // features, by place in the header
	target  int             // place in the header, or -1
	numeric []bool          // by feature
	percent []bool          // the same
	passed  []datasets.Fact // what was passed over
	skipped []datasets.Skip
	stream  bool // files are read anew in every pass, and not held
}

// first reads the training file and decides what each column holds.
func (r *tableReader) first() (*rows, error) {
	f, err := r.columnsOf()
	if err != nil {
		return nil, err
	}
	return r.read(f)
}

// columnsOf opens the training file and decides what each column holds.
func (r *tableReader) columnsOf() (*disk.CSV, error) {
	f, err := r.file()
	if err != nil {
		return nil, err
	}
	r.format = numberFormat{r.Decimal, r.Thousands}
	if err := r.roles(f); err != nil {
		return nil, err
	}
	if err := f.Check(); err != nil {
		return nil, err
	}
	return f, r.infer(f)
}

// next reads a file whose columns are as in the training file.
func (r *tableReader) next() (*rows, error) {
	f, err := r.same()
	if err != nil {
		return nil, err
	}
	return r.read(f)
}

// same opens a file whose columns are as in the training file.
func (r *tableReader) same() (*disk.CSV, error) {
	f, err := r.file()
	if err != nil {
		return nil, err
	}
	if !slices.Equal(f.Names, r.names) {
		return nil, fmt.Errorf("%s:1: columns %q, want those of the training file: %q", r.path, f.Names, r.names)
	}
	return f, f.Check()
}

func (r *tableReader) file() (*disk.CSV, error) {
	comma := disk.Separator(r.path)
	if r.Separator != "" {
		comma, _ = utf8.DecodeRuneInString(r.Separator)
	}
	b := r.embedded
	switch {
	case b == nil && r.stream:
		return disk.StreamCSV(r.path, comma)
	case b == nil:
		var err error
		if b, err = disk.ReadText(r.path, r.Memory); err != nil {
			return nil, err
		}
	}
	return disk.ReadCSV(r.path, comma, b)
}

// roles finds the settings' columns in the header, and passes over those that hold nothing to learn from.
func (r *tableReader) roles(f *disk.CSV) error {
	r.names = f.Names
	for _, name := range slices.Concat(r.Numeric, r.Categorical, r.Ignore, r.targets()) {
		if !slices.Contains(r.names, name) {
			return fmt.Errorf("%s:1: no column %q, the header has %q", r.path, name, r.names[:min(len(r.names), 50)])
		}
	}
	r.target = -1
	for i, name := range r.names {
		switch {
		case name == r.Target && name != "":
			r.target = i
		case slices.Contains(r.Ignore, name):
		case name == "" && f.Blank[i] && f.Rows > 0:
			r.pass(fmt.Sprintf("column %d", i+1), "it has neither a name nor values")
		case name == "" && i == 0:
			r.pass("column 1", "it has no name, as the index that pandas and R write")
		case name == "":
			return fmt.Errorf(
				`%s: column %d has no name, and values; name it in the header, or pass over it with ignore = [""]`,
				f.Place(i), i+1)
		case name == "Unnamed: 0" && i == 0 && !slices.Contains(slices.Concat(r.Numeric, r.Categorical), name):
			r.pass("column "+name, "pandas names a column without a name so; it is an index")
		default:
			r.columns = append(r.columns, i)
		}
	}
	if f.Extra {
		r.pass("fields", "every row ends with an empty one more than the header has")
	}
	if len(r.columns) == 0 {
		return fmt.Errorf("%s:1: the columns %q leave no features beside the target %q and those to ignore", r.path,
			r.names, r.Target)
	}
	return nil
}

func (r *tableReader) pass(what, why string) {
	r.passed = append(r.passed, datasets.Fact{Key: what, Value: "passed over: " + why})
}

// targets is the target, if there is one.
func (r *tableReader) targets() []string {
	if r.Target == "" {
		return nil
	}
	return []string{r.Target}
}

// tally counts the values of a column.
type tally struct {
	numbers, percents int
	others, like      int    // no numbers, and those of them that look like some
	at, value         string // of the first that is no number
}

// suspicious says that what is no number looks like one.
func (n *tally) suspicious() bool { return n.others > 0 && 10*n.like >= 9*n.others }

// infer decides which columns are numeric: those that are declared, and those whose values all are numbers. Where most
// are and some are not, the file is likelier damaged than the column categorical, and the recipe must say; so it must
// where values look like numbers and are none.
func (r *tableReader) infer(f *disk.CSV) error {
	columns := slices.Clone(r.columns)
	if r.Regression {
		columns = append(columns, r.target)
	}
	seen := make([]tally, len(columns))
	err := f.Each(func(string, error) {}, func(c *csv.Reader, row []string) {
		for k, i := range columns {
			n := &seen[k]
			switch _, percent, ok := r.format.parse(row[i]); {
			case slices.Contains(r.Missing, row[i]):
			case ok:
				n.numbers++
				if percent {
					n.percents++
				}
			default:
				if n.others++; n.others == 1 {
					n.at, n.value = r.at(c, i), strings.Clone(row[i])
				}
				if likeNumber(row[i]) {
					n.like++
				}
			}
		}
	})
	if err != nil {
		return err
	}
	r.numeric, r.percent = make([]bool, len(columns)), make([]bool, len(columns))
	for k, i := range columns {
		name, n := r.names[i], &seen[k]
		if slices.Contains(r.Categorical, name) {
			continue
		}
		if n.suspicious() {
			if err := r.suspect(f, i, n, i == r.target || slices.Contains(r.Numeric, name)); err != nil {
				return err
			}
		}
		r.percent[k] = n.percents > 0
		switch {
		case n.percents > 0 && n.percents < n.numbers:
			return fmt.Errorf("%s: column %q: %d of %d numbers have a percent sign, want all or none; make them "+
				"alike, or add the column to categorical",
				r.path, name, n.percents, n.numbers)
		case i == r.target: // what is no number there is refused
		case slices.Contains(r.Numeric, name):
			r.numeric[k] = true
		case n.numbers == 0 && n.others == 0:
			return fmt.Errorf("%s: column %q has no value; add it to ignore, numeric or categorical", r.path, name)
		case n.others > 0 && n.numbers > n.others:
			return fmt.Errorf("%s: column %q: %.40q is no number, and %d of %d values are; add it to numeric "+
				"(such rows are then refused) or categorical, or the value to missing",
				n.at, name, n.value, n.numbers, n.numbers+n.others)
		default:
			r.numeric[k] = n.others == 0
		}
	}
	return nil
}

// fewValues is how many values may all be different without a suspicion.
const fewValues = 10

// suspect refuses a column whose values are numbers of another format, or are nearly all different and look like
// numbers; others may be categories. Of a column that is declared to hold numbers, rows without one are refused later.
func (r *tableReader) suspect(f *disk.CSV, column int, n *tally, declared bool) error {
	fits := slices.Repeat([]bool{true}, len(otherFormats))
	different := map[string]bool{}
	total := 0
	err := f.Each(func(string, error) {}, func(_ *csv.Reader, row []string) {
		v := row[column]
		if slices.Contains(r.Missing, v) {
			return
		}
		total++
		if !different[v] {
			different[strings.Clone(v)] = true
		}
		for k, o := range otherFormats {
			if fits[k] {
				_, _, fits[k] = o.parse(v)
			}
		}
	})
	if err != nil {
		return err
	}
	name := r.names[column]
	if k := slices.Index(fits, true); k >= 0 {
		set := otherFormats[k].settings()
		if otherFormats[k] == (numberFormat{".", ","}) && fits[slices.Index(otherFormats, numberFormat{",", ""})] {
			set += ` (or decimal = "," where that is meant)`
		}
		return fmt.Errorf("%s: column %q: %.40q is no number with decimal = %q and thousands = %q; all %d "+
			"values are with %s: set that, or add the column to categorical or ignore",
			n.at, name, n.value, r.Decimal, r.Thousands, total, set)
	}
	if !declared && total >= fewValues && 10*len(different) >= 9*total {
		return fmt.Errorf("%s: column %q: %.40q looks like a number and is none, and %d of %d values differ, "+
			"which is not as categories are; "+
			"set decimal and thousands as the file has them, or add the column to ignore or categorical, or to "+
			"numeric (such rows are then refused)",
			n.at, name, n.value, len(different), total)
	}
	return nil
}

func (r *tableReader) at(c *csv.Reader, field int) string {
	line, column := c.FieldPos(field)
	return fmt.Sprintf("%s:%d:%d", r.path, line, column)
}

// read takes in the rows; those that are wrong are refused.
func (r *tableReader) read(f *disk.CSV) (*rows, error) {
	n := len(r.columns)
	out := &rows{name: r.path, passed: r.passed, cells: make([][]float64, n), words: make([]*dictionary, n),
		columns: make([]datasets.Column, n)}
	for k, i := range r.columns {
		out.columns[k].Name, out.columns[k].Percent = r.names[i], r.numeric[k] && r.percent[k]
		if !r.numeric[k] {
			out.words[k] = &dictionary{}
		}
	}
	out.numbers = r.Regression
	if r.target >= 0 && !r.Regression {
		out.labels = &dictionary{}
	}
	refuse := func(at string, err error) { r.skipped = append(r.skipped, datasets.Skip{Name: at, Err: err}) }
	values := make([]float64, len(r.columns))
	err := f.Each(refuse, func(c *csv.Reader, row []string) {
		goal, at, err := r.parse(c, row, values)
		if err != nil {
			refuse(at, err)
			return
		}
		if r.target >= 0 {
			if out.labels != nil {
				goal = float64(out.labels.number(row[r.target]))
			}
			out.target = append(out.target, goal)
		}
		for k, i := range r.columns { // words of a refused row are no categories
			if d := out.words[k]; d != nil && !math.IsNaN(values[k]) {
				values[k] = float64(d.number(row[i]))
			}
			out.cells[k] = append(out.cells[k], values[k])
		}
		line, _ := c.FieldPos(0)
		out.line = append(out.line, int32(line))
	})
	return out, err
}

// parse is the values of a row, NaN where one is missing and 0 for words, and the target where that is a number; or
// what is wrong with the row, and where.
func (r *tableReader) parse(c *csv.Reader, row []string, values []float64) (goal float64, at string, err error) {
	for k, i := range r.columns {
		v, ok := r.value(k, row[i])
		if !ok {
			return 0, r.at(c, i), fmt.Errorf("column %q: %.40q is no number%s; want one, or one of missing = %q",
				r.names[i], row[i], r.asNumbers(k), r.Missing)
		}
		values[k] = v
	}
	if r.target < 0 {
		return 0, "", nil
	}
	if goal, err = r.goal(row[r.target]); err != nil {
		at = r.at(c, r.target)
	}
	return goal, at, err
}

// value is the number of a field of feature k, or NaN where it is missing; of a category it is not yet known.
func (r *tableReader) value(k int, field string) (float64, bool) {
	if slices.Contains(r.Missing, field) {
		return math.NaN(), true
	}
	if !r.numeric[k] {
		return 0, true
	}
	v, percent, ok := r.format.parse(field)
	return v, ok && percent == r.percent[k]
}

// goal is the target of a row, where that is a number.
func (r *tableReader) goal(field string) (float64, error) {
	if slices.Contains(r.Missing, field) {
		return 0, fmt.Errorf("the target %q is missing (%q)", r.Target, field)
	}
	if !r.Regression {
		return 0, nil
	}
	v, percent, ok := r.format.parse(field)
	switch {
	case !ok:
		return 0, fmt.Errorf("the target %q is %.40q, want a number", r.Target, field)
	case percent != r.percent[len(r.columns)]:
		return 0, fmt.Errorf("the target %q is %.40q; want a percent sign at every number, or at none", r.Target, field)
	}
	return v, nil
}

// asNumbers says how the numbers of feature k are written, where that is not plain.
func (r *tableReader) asNumbers(k int) string {
	if r.percent[k] {
		return " in percent, as the training file has them"
	}
	return ""
}
