package datasets

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// tableReader reads the files of a table, the training file first.
type tableReader struct {
	*Table
	path    string
	names   []string // of the header
	columns []int    // features, by place in the header
	target  int      // place in the header, or -1
	numeric []bool   // by feature
	skipped []Skip
}

// first reads the training file and decides what each column holds.
func (r *tableReader) first() (*rows, error) {
	b, err := readText(r.path, r.Memory)
	if err != nil {
		return nil, err
	}
	if err := r.roles(b); err != nil {
		return nil, err
	}
	if err := r.infer(b); err != nil {
		return nil, err
	}
	return r.read(b)
}

// next reads a file whose columns are as in the training file.
func (r *tableReader) next() (*rows, error) {
	b, err := readText(r.path, r.Memory)
	if err != nil {
		return nil, err
	}
	names, err := header(r.path, r.csv(b))
	if err != nil {
		return nil, err
	}
	if !slices.Equal(names, r.names) {
		return nil, fmt.Errorf("%s:1: columns %q, expected those of the training file: %q", r.path, names, r.names)
	}
	return r.read(b)
}

func (r *tableReader) csv(b []byte) *csv.Reader {
	c := csv.NewReader(bytes.NewReader(b))
	c.ReuseRecord = true
	c.Comma = separator(r.path)
	if r.Separator != "" {
		c.Comma, _ = utf8.DecodeRuneInString(r.Separator)
	}
	return c
}

// roles finds the settings' columns in the header.
func (r *tableReader) roles(b []byte) (err error) {
	if r.names, err = header(r.path, r.csv(b)); err != nil {
		return err
	}
	for _, name := range slices.Concat(r.Numeric, r.Categorical, r.Ignore, []string{r.Target}) {
		if name != "" && !slices.Contains(r.names, name) {
			return fmt.Errorf("%s:1: no column %q, the header has %q", r.path, name, r.names[:min(len(r.names), 50)])
		}
	}
	r.target = -1
	for i, name := range r.names {
		switch {
		case name == r.Target:
			r.target = i
		case !slices.Contains(r.Ignore, name):
			r.columns = append(r.columns, i)
		}
	}
	if len(r.columns) == 0 {
		return fmt.Errorf("%s:1: the columns %q leave no features beside the target %q and those to ignore", r.path, r.names, r.Target)
	}
	return nil
}

// each calls do for every row of the header's length; others go to refuse.
func (r *tableReader) each(b []byte, refuse func(at string, err error), do func(c *csv.Reader, row []string)) error {
	c := r.csv(b)
	if _, err := c.Read(); err != nil {
		return csvError(r.path, err)
	}
	for {
		row, err := c.Read()
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, csv.ErrFieldCount):
			refuse(ragged(r.path, c, row, r.names))
		case err != nil:
			return csvError(r.path, err)
		default:
			do(c, row)
		}
	}
}

// infer decides which columns are numeric: those that are declared, and those whose values all are numbers. Where most are and some are
// not, the file is likelier damaged than the column categorical, and the recipe must say.
func (r *tableReader) infer(b []byte) error {
	type count struct {
		numbers, others int
		at, value       string // of the first that is no number
	}
	seen := make([]count, len(r.columns))
	err := r.each(b, func(string, error) {}, func(c *csv.Reader, row []string) {
		for k, i := range r.columns {
			n := &seen[k]
			switch _, ok := number(row[i]); {
			case slices.Contains(r.Missing, row[i]):
			case ok:
				n.numbers++
			default:
				if n.others++; n.others == 1 {
					n.at, n.value = r.at(c, i), strings.Clone(row[i])
				}
			}
		}
	})
	if err != nil {
		return err
	}
	r.numeric = make([]bool, len(r.columns))
	for k, i := range r.columns {
		name, n := r.names[i], seen[k]
		switch {
		case slices.Contains(r.Numeric, name):
			r.numeric[k] = true
		case slices.Contains(r.Categorical, name):
		case n.numbers == 0 && n.others == 0:
			return fmt.Errorf("%s: column %q has no value; add it to ignore, numeric or categorical", r.path, name)
		case n.others > 0 && n.numbers > n.others:
			return fmt.Errorf("%s: column %q: %.40q is no number, and %d of %d values are; add it to numeric (such rows are then refused) or categorical, or the value to missing",
				n.at, name, n.value, n.numbers, n.numbers+n.others)
		default:
			r.numeric[k] = n.others == 0
		}
	}
	return nil
}

func (r *tableReader) at(c *csv.Reader, field int) string {
	line, column := c.FieldPos(field)
	return fmt.Sprintf("%s:%d:%d", r.path, line, column)
}

// number reads a decimal number whose square is finite.
func number(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	if strings.ContainsAny(s, "xXpPnNiI_") { // hexadecimal, nan, inf, underscores
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && math.Abs(v) < 1e150
}

// read takes in the rows; those that are wrong are refused.
func (r *tableReader) read(b []byte) (*rows, error) {
	n := len(r.columns)
	out := &rows{name: r.path, cells: make([][]float64, n), words: make([]*dictionary, n), columns: make([]Column, n)}
	for k, i := range r.columns {
		out.columns[k].Name = r.names[i]
		if !r.numeric[k] {
			out.words[k] = &dictionary{}
		}
	}
	out.numbers = r.Regression
	if r.target >= 0 && !r.Regression {
		out.labels = &dictionary{}
	}
	refuse := func(at string, err error) { r.skipped = append(r.skipped, Skip{at, err}) }
	values := make([]float64, len(r.columns))
	err := r.each(b, refuse, func(c *csv.Reader, row []string) {
		for k, i := range r.columns {
			if v, ok := r.value(k, row[i]); ok {
				values[k] = v
				continue
			}
			refuse(r.at(c, i), fmt.Errorf("column %q: %.40q is no number; expected one, or one of missing = %q", r.names[i], row[i], r.Missing))
			return
		}
		if r.target >= 0 {
			t, err := out.goal(r, row[r.target])
			if err != nil {
				refuse(r.at(c, r.target), err)
				return
			}
			out.target = append(out.target, t)
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

// value is the number of a field of feature k, or NaN where it is missing; of a category it is not yet known.
func (r *tableReader) value(k int, field string) (float64, bool) {
	if slices.Contains(r.Missing, field) {
		return math.NaN(), true
	}
	if !r.numeric[k] {
		return 0, true
	}
	return number(field)
}

// goal is the target of a row.
func (out *rows) goal(r *tableReader, field string) (float64, error) {
	if slices.Contains(r.Missing, field) {
		return 0, fmt.Errorf("the target %q is missing (%q)", r.Target, field)
	}
	if out.labels != nil {
		return float64(out.labels.number(field)), nil
	}
	v, ok := number(field)
	if !ok {
		return 0, fmt.Errorf("the target %q is %.40q, expected a number", r.Target, field)
	}
	return v, nil
}
