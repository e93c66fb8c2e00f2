package report

import (
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// Table is a small table of text; the first column is left-aligned, the others right.
type Table struct {
	Header []string
	Rows   [][]string
}

// String lays the table out in columns.
func (t Table) String() string {
	var widths []int
	all := append([][]string{t.Header}, t.Rows...)
	for _, row := range all {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range all {
		for i, cell := range row {
			if i > 0 {
				w.Write([]byte("\t" + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))))
			}
			w.Write([]byte(cell))
		}
		w.Write([]byte("\n"))
	}
	w.Flush()
	return b.String()
}
