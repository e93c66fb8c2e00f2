package disk

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// CSV is a CSV or TSV file as programs write them: columns without a name are known by their place, and every row
// may end with one separator more than the header.
type CSV struct {
	path      string
	comma     rune
	open      func() (io.ReadCloser, error)
	Names     []string // of the header; empty: no name
	Blank     []bool   // of each column: no row holds anything in it
	Extra     bool     // every row ends with a separator more than the header
	Rows      int      // below the header
	Begin     int64    // byte behind the header, without a byte order mark
	BeginLine int      // line there, from 1
	whole     int      // of them as long as the header, or with the separator more
	first     string   // where the first other row leaves off, and why
}

// ReadCSV reads the header and counts the rows.
func ReadCSV(path string, comma rune, text []byte) (*CSV, error) {
	return newCSV(path, comma, func() (io.ReadCloser, error) { return noCloser{bytes.NewReader(text)}, nil })
}

func newCSV(path string, comma rune, open func() (io.ReadCloser, error)) (*CSV, error) {
	f := &CSV{path: path, comma: comma, open: open}
	r, end, err := f.rows()
	if err != nil {
		return nil, err
	}
	defer end()
	names, err := r.Read()
	if err == io.EOF {
		return nil, fmt.Errorf("%s: the file is empty, want a line of column names", path)
	}
	if err != nil {
		return nil, csvError(path, err)
	}
	f.Names, f.Begin = slices.Clone(names), r.InputOffset()
	last, _ := r.FieldPos(len(names) - 1)
	f.BeginLine = last + strings.Count(names[len(names)-1], "\n") + 1
	for i, name := range f.Names {
		if strings.TrimSpace(name) == "" {
			f.Names[i] = ""
		} else if slices.Contains(f.Names[:i], name) {
			line, column := r.FieldPos(i)
			return nil, fmt.Errorf("%s:%d:%d: a second column %q; names must differ", path, line, column, name)
		}
	}
	f.Blank = slices.Repeat([]bool{true}, len(f.Names))
	return f, f.count(r)
}

// count reads the rows below the header.
func (f *CSV) count(r *csv.Reader) error {
	n, same, more := len(f.Names), 0, 0
	for {
		row, err := r.Read()
		switch {
		case err == io.EOF:
			f.Extra = more > 0 && more == f.Rows
			f.whole = same
			if f.Extra {
				f.whole = more
			}
			return nil
		case err != nil && !errors.Is(err, csv.ErrFieldCount):
			return csvError(f.path, err)
		}
		f.Rows++
		if len(row) == n {
			same++
		} else {
			if len(row) == n+1 && row[n] == "" {
				more++
			}
			if f.first == "" {
				at, err := ragged(f.path, r, row, f.Names)
				f.first = fmt.Sprintf("%s: %v", at, err)
			}
		}
		for i, v := range row[:min(len(row), n)] {
			f.Blank[i] = f.Blank[i] && v == ""
		}
	}
}

// Check refuses a file without a row of the header's length.
func (f *CSV) Check() error {
	switch {
	case f.Rows == 0:
		return fmt.Errorf("%s: no rows below the header", f.path)
	case f.whole == 0:
		return fmt.Errorf("%s; so it is in all %d rows", f.first, f.Rows)
	}
	return nil
}

// Each calls do for every row of the header's length; others go to refuse.
func (f *CSV) Each(refuse func(at string, err error), do func(c *csv.Reader, row []string)) error {
	return f.EachIn(nil, refuse, do)
}

// EachIn is Each of a part of the file that begins with a row, whose lines and bytes are counted from its own
// beginning; nil is the whole file.
func (f *CSV) EachIn(in io.Reader, refuse func(at string, err error), do func(c *csv.Reader, row []string)) error {
	r := csv.NewReader(in)
	if in == nil {
		whole, end, err := f.rows()
		if err != nil {
			return err
		}
		defer end()
		if _, err := whole.Read(); err != nil {
			return csvError(f.path, err)
		}
		r = whole
	} else {
		r.Comma, r.ReuseRecord, r.FieldsPerRecord = f.comma, true, len(f.Names)
	}
	for n := len(f.Names); ; {
		row, err := r.Read()
		switch {
		case err == io.EOF:
			return nil
		case f.Extra && len(row) == n+1:
			do(r, row[:n])
		case errors.Is(err, csv.ErrFieldCount):
			refuse(ragged(f.path, r, row, f.Names))
		case err != nil:
			return csvError(f.path, err)
		default:
			do(r, row)
		}
	}
}

// Place is file:line:column of a column's name.
func (f *CSV) Place(column int) string {
	r, end, err := f.rows()
	if err != nil {
		return f.path
	}
	defer end()
	r.Read()
	line, at := r.FieldPos(column)
	return fmt.Sprintf("%s:%d:%d", f.path, line, at)
}

// csvError says where a csv.Reader stopped.
func csvError(path string, err error) error {
	var p *csv.ParseError
	if placed := (notText{}); errors.As(err, &placed) {
		return err
	}
	if !errors.As(err, &p) {
		return fmt.Errorf("%s: %w", path, err)
	}
	hint := ""
	if errors.Is(err, csv.ErrQuote) || errors.Is(err, csv.ErrBareQuote) {
		hint = `; want a quote in a field to be written twice, and the field in quotes: "5"" disk"`
		if p.StartLine != p.Line {
			hint = fmt.Sprintf(" (of the row that begins in line %d)%s", p.StartLine, hint)
		}
	}
	return fmt.Errorf("%s:%d:%d: %w%s", path, p.Line, p.Column, p.Err, hint)
}

// ragged is the error of a row that is longer or shorter than the header.
func ragged(path string, r *csv.Reader, row, names []string) (at string, err error) {
	line, column := r.FieldPos(min(len(row)-1, len(names)))
	return fmt.Sprintf("%s:%d:%d", path, line, column), fmt.Errorf("%d fields, want the %d of the header", len(row),
		len(names))
}
