package datasets

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// csvFile is a CSV or TSV file as programs write them: columns without a name are known by their place, and every row
// may end with one separator more than the header.
type csvFile struct {
	path  string
	comma rune
	text  []byte
	names []string // of the header; empty: no name
	blank []bool   // of each column: no row holds anything in it
	extra bool     // every row ends with a separator more than the header
	rows  int      // below the header
	whole int      // of them as long as the header, or with the separator more
	first string   // where the first other row leaves off, and why
}

// readCSV reads the header and counts the rows.
func readCSV(path string, comma rune, text []byte) (*csvFile, error) {
	f := &csvFile{path: path, comma: comma, text: text}
	r := f.reader()
	names, err := r.Read()
	if err == io.EOF {
		return nil, fmt.Errorf("%s: the file is empty, want a line of column names", path)
	}
	if err != nil {
		return nil, csvError(path, err)
	}
	f.names = slices.Clone(names)
	for i, name := range f.names {
		if strings.TrimSpace(name) == "" {
			f.names[i] = ""
		} else if slices.Contains(f.names[:i], name) {
			line, column := r.FieldPos(i)
			return nil, fmt.Errorf("%s:%d:%d: a second column %q; names must differ", path, line, column, name)
		}
	}
	f.blank = slices.Repeat([]bool{true}, len(f.names))
	return f, f.count(r)
}

func (f *csvFile) reader() *csv.Reader {
	r := csv.NewReader(bytes.NewReader(f.text))
	r.Comma, r.ReuseRecord = f.comma, true
	return r
}

// count reads the rows below the header.
func (f *csvFile) count(r *csv.Reader) error {
	n, same, more := len(f.names), 0, 0
	for {
		row, err := r.Read()
		switch {
		case err == io.EOF:
			f.extra = more > 0 && more == f.rows
			f.whole = same
			if f.extra {
				f.whole = more
			}
			return nil
		case err != nil && !errors.Is(err, csv.ErrFieldCount):
			return csvError(f.path, err)
		}
		f.rows++
		if len(row) == n {
			same++
		} else {
			if len(row) == n+1 && row[n] == "" {
				more++
			}
			if f.first == "" {
				at, err := ragged(f.path, r, row, f.names)
				f.first = fmt.Sprintf("%s: %v", at, err)
			}
		}
		for i, v := range row[:min(len(row), n)] {
			f.blank[i] = f.blank[i] && v == ""
		}
	}
}

// check refuses a file without a row of the header's length.
func (f *csvFile) check() error {
	switch {
	case f.rows == 0:
		return fmt.Errorf("%s: no rows below the header", f.path)
	case f.whole == 0:
		return fmt.Errorf("%s; so it is in all %d rows", f.first, f.rows)
	}
	return nil
}

// each calls do for every row of the header's length; others go to refuse.
func (f *csvFile) each(refuse func(at string, err error), do func(c *csv.Reader, row []string)) error {
	r := f.reader()
	if _, err := r.Read(); err != nil {
		return csvError(f.path, err)
	}
	for n := len(f.names); ; {
		row, err := r.Read()
		switch {
		case err == io.EOF:
			return nil
		case f.extra && len(row) == n+1:
			do(r, row[:n])
		case errors.Is(err, csv.ErrFieldCount):
			refuse(ragged(f.path, r, row, f.names))
		case err != nil:
			return csvError(f.path, err)
		default:
			do(r, row)
		}
	}
}

// place is file:line:column of a column's name.
func (f *csvFile) place(column int) string {
	r := f.reader()
	r.Read()
	line, at := r.FieldPos(column)
	return fmt.Sprintf("%s:%d:%d", f.path, line, at)
}

// csvError says where a csv.Reader stopped.
func csvError(path string, err error) error {
	var p *csv.ParseError
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
