package overlay

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is one mistake in a recipe.
type Error struct {
	File      string // as opened; "--set key=value" for a setting of the command line
	Line, Col int    // from 1, Col in characters; both 0 when there is no such place, then NoLine says why
	NoLine    string // "default", "set", "missing", "unread"
	Table     string // dotted, without the key; empty at the top
	Key       string // below Table
	Text      string // what is wrong and what would be right
	Excerpt   string // the source line and carets below the place; empty without a place

	order, offset int
}

// Errors are all mistakes found in one Load, in the order in which overlays apply and then of the lines.
type Errors []*Error

func (e Errors) Error() string {
	var b strings.Builder
	for i, one := range e {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(one.Error())
	}
	return b.String()
}

// Unwrap gives the mistakes to errors.As.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, one := range e {
		list[i] = one
	}
	return list
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Col)
	}
	b.WriteString(": ")
	if e.Table != "" {
		fmt.Fprintf(&b, "[%s]", e.Table)
		if e.Key == "" {
			b.WriteString(": ")
		} else {
			b.WriteByte(' ')
		}
	}
	if e.Key != "" {
		b.WriteString(e.Key)
		b.WriteString(": ")
	}
	b.WriteString(e.Text)
	if e.NoLine == "default" {
		b.WriteString(" (a default; no file writes it)")
	}
	if e.Excerpt != "" {
		b.WriteByte('\n')
		b.WriteString(e.Excerpt)
	}
	return b.String()
}

func (e *Error) before(o *Error) bool {
	if e.order != o.order {
		return e.order < o.order
	}
	return e.offset < o.offset
}

// position is the line and column, from 1 and in characters, of a byte offset.
func position(src string, off int) (line, col int) {
	off = min(max(off, 0), len(src))
	start := strings.LastIndexByte(src[:off], '\n') + 1
	return 1 + strings.Count(src[:off], "\n"), 1 + utf8.RuneCountInString(src[start:off])
}

// excerptWidth is how many characters of a source line a message shows at most.
const excerptWidth = 100

// excerpt is the line around [from,to) with carets below that part.
func excerpt(src string, from, to int) string {
	from = min(max(from, 0), len(src))
	start := strings.LastIndexByte(src[:from], '\n') + 1
	end := len(src)
	if n := strings.IndexByte(src[start:], '\n'); n >= 0 {
		end = start + n
	}
	to = min(max(to, from), end)
	before := []rune(src[start:from])
	line := append(append([]rune{}, before...), []rune(strings.TrimRight(src[from:end], "\r"))...)
	carets := max(1, utf8.RuneCountInString(src[from:max(to, from)]))
	cut := max(0, len(before)-excerptWidth/2)
	line, before = line[cut:], before[cut:]
	if len(line) > excerptWidth {
		line = line[:excerptWidth]
	}
	carets = min(carets, max(1, len(line)-len(before)))

	var b strings.Builder
	b.WriteString("    ")
	for _, r := range line {
		if r != '\t' && !unicode.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
	}
	b.WriteString("\n    ")
	for _, r := range before {
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	b.WriteString(strings.Repeat("^", carets))
	return b.String()
}
