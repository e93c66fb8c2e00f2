package texts

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/disk"
)

// cutter cuts files into passages, the same ones whether it reads a file whole or from the beginning of any passage on.
type cutter struct {
	*Text
	refuse func(at string, err error) // a passage that is left out
}

// found is a passage, and where of its file reading begins to find it again: there, or before what was left out or is
// empty.
type found struct {
	passage
	line int   // from 1
	from int64 // byte
}

// section is a file, or a part of one that begins with a passage.
type section struct {
	path, class string
	in          io.Reader
	line        int       // that it begins in
	from        int64     // byte of the file that it begins with
	size        int64     // in bytes; 0: nobody knows
	table       *disk.CSV // of a file with columns; nil: it is none
}

// errEnough ends a cut.
var errEnough = errors.New("enough")

// each calls yield for every passage of a section, until it says no.
func (c *cutter) each(s section, yield func(f found) bool) error {
	add := func(f found) error {
		if !yield(f) {
			return errEnough
		}
		return nil
	}
	var err error
	switch kind := disk.TextKind(s.path); {
	case s.table != nil:
		err = c.rows(s, add)
	case kind == ".jsonl" || kind == ".ndjson":
		err = c.objects(s, add)
	case c.Unit == "windows":
		err = c.windows(s, c.checked(s, add))
	default:
		err = c.pieces(s, c.checked(s, add))
	}
	if err == errEnough {
		return nil
	}
	return err
}

// checked leaves out white space, and refuses what is not UTF-8.
func (c *cutter) checked(s section, add func(found) error) func(line int, from int64, text string) error {
	return func(line int, from int64, text string) error {
		if strings.TrimSpace(text) == "" {
			return nil
		}
		if err := disk.CheckUTF8(s.path, text, line, from); err != nil {
			c.refuse(fmt.Sprintf("%s:%d", s.path, line), err)
			return nil
		}
		return add(found{passage{at: fmt.Sprintf("%s:%d", s.path, line), text: text, class: s.class}, line, from})
	}
}

// pieces cuts at the end of each line, or where empty lines are, or nowhere.
func (c *cutter) pieces(s section, add func(line int, from int64, text string) error) error {
	var all strings.Builder // of the paragraph or document
	l := newLines(s, c.Memory)
	line, from := s.line, s.from
	for {
		text, err := l.next()
		if err != nil && err != io.EOF {
			return err
		}
		switch {
		case text == "": // the end
		case c.Unit == "lines":
			if err := add(l.line, l.from, strings.TrimSuffix(text, "\n")); err != nil {
				return err
			}
		case c.Unit == "paragraphs" && strings.TrimSpace(text) == "":
			if err := add(line, from, strings.TrimSpace(all.String())); err != nil {
				return err
			}
			all.Reset()
			line, from = l.line+1, l.from+int64(l.size)
		default:
			all.WriteString(text)
			if all.Len() > int(c.Memory) {
				return fmt.Errorf("%s:%d: a text of more than memory = %v", s.path, line, c.Memory)
			}
		}
		if err == io.EOF {
			break
		}
	}
	switch c.Unit {
	case "paragraphs":
		return add(line, from, strings.TrimSpace(all.String()))
	case "documents":
		return add(line, from, all.String())
	}
	return nil
}

// What windows are cut of at a time, and how many bytes behind the beginning of a symbol show that it begins there: an
// apostrophe and a character behind a word.
const (
	cutBytes  = 1 << 16
	cutMargin = 8
)

// windows cuts after every window symbols; the rest is shorter.
func (c *cutter) windows(s section, add func(line int, from int64, text string) error) error {
	unit := c.Text.Vocabulary
	if unit == datasets.Bytes || unit == datasets.Pairs {
		unit = datasets.Characters // which are not cut in two; pairs are not known yet
	}
	type start struct {
		at, line int
		from     int64
	}
	var starts []start // of the lines in the text
	text, l, want := "", newLines(s, c.Memory), cutBytes
	for end := false; !end; {
		var more strings.Builder
		more.WriteString(text)
		for more.Len() < want {
			line, err := l.next()
			if err != nil && err != io.EOF {
				return err
			}
			if line != "" {
				starts = append(starts, start{more.Len(), l.line, l.from})
				more.WriteString(line)
			}
			if end = err == io.EOF; end {
				break
			}
		}
		text = more.String()
		from, n := 0, 0
		cut := func(to int) error {
			k, _ := slices.BinarySearchFunc(starts, from+1, func(s start, at int) int { return s.at - at })
			at := starts[k-1]
			f := from
			from, n = to, 0
			return add(at.line, at.from+int64(f-at.at), text[f:to])
		}
		for at, symbol := range datasets.Units(text, unit) {
			size := 1
			if c.Text.Vocabulary == datasets.Bytes {
				size = len(symbol)
			}
			if n > 0 && n+size > c.Window {
				if !end && at+cutMargin > len(text) {
					break
				}
				if err := cut(at); err != nil {
					return err
				}
			}
			n += size
		}
		if end && from < len(text) {
			return cut(len(text))
		}
		if want = cutBytes; from == 0 {
			want = 2 * len(text) // a window is longer than that
		}
		k, _ := slices.BinarySearchFunc(starts, from+1, func(s start, at int) int { return s.at - at })
		if k > 0 {
			starts = slices.Delete(starts, 0, k-1)
		}
		for i := range starts {
			starts[i].at -= from
		}
		text = text[from:]
	}
	return nil
}

// lines reads lines of a section, whose ends become those of Unix.
type lines struct {
	path  string
	in    *bufio.Reader
	limit int
	line  int // of the last that was read
	from  int64
	size  int // its bytes in the file
}

func newLines(s section, limit setSize) *lines {
	buffer := 1 << 16
	if s.size > 0 {
		buffer = int(min(int64(buffer), s.size))
	}
	return &lines{path: s.path, in: bufio.NewReaderSize(s.in, buffer), limit: int(limit), line: s.line - 1,
		from: s.from}
}

// next is a line with its end. With io.EOF it is the last one, or "".
func (l *lines) next() (string, error) {
	var all []byte
	for {
		part, err := l.in.ReadSlice('\n')
		all = append(all, part...)
		if err == bufio.ErrBufferFull {
			if len(all) > l.limit {
				return "", fmt.Errorf("%s:%d: a line of more than memory = %v", l.path, l.line+1, setSize(l.limit))
			}
			continue
		}
		if err != nil && err != io.EOF {
			return "", fmt.Errorf("%s: after line %d: %w", l.path, l.line, disk.NoEOF(err))
		}
		l.line, l.from, l.size = l.line+1, l.from+int64(l.size), len(all)
		text := string(all)
		if strings.HasSuffix(text, "\r\n") {
			text = text[:len(text)-2] + "\n"
		}
		return text, err
	}
}

// keys are the columns that are read.
func (c *cutter) keys() []string {
	keys := []string{c.Text.Text}
	for _, k := range []string{c.Label, c.Part, c.Positive, c.Negative} {
		if k != "" {
			keys = append(keys, k)
		}
	}
	return keys
}

// rows reads the passages of a table.
func (c *cutter) rows(s section, add func(found) error) error {
	var columns []int
	for _, key := range c.keys() {
		k := slices.Index(s.table.Names, key)
		if k < 0 {
			return fmt.Errorf("%s:1: no column %q, the header has %q", s.path, key,
				s.table.Names[:min(len(s.table.Names), 50)])
		}
		columns = append(columns, k)
	}
	var ended error
	from, next := s.from, s.line
	if s.in == nil {
		from, next = s.table.Begin, s.table.BeginLine
	}
	do := func(r *csv.Reader, row []string) {
		if ended != nil {
			return
		}
		first, _ := r.FieldPos(0)
		values := make([]string, len(columns))
		for k, c := range columns {
			values[k] = strings.Clone(row[c])
		}
		at := fmt.Sprintf("%s:%d", s.path, first+s.line-1)
		ended = c.entry(found{passage{at: at}, next, from}, values, add)
		last, _ := r.FieldPos(len(row) - 1)
		next, from = s.line+last+strings.Count(row[len(row)-1], "\n"), r.InputOffset()
		if s.in != nil {
			from += s.from
		}
	}
	err := s.table.EachIn(s.in, c.refuse, do)
	if ended != nil {
		return ended
	}
	return err
}

// objects reads the passages of lines of JSON.
func (c *cutter) objects(s section, add func(found) error) error {
	l := newLines(s, c.Memory)
	for {
		text, end := l.next()
		if end != nil && end != io.EOF {
			return end
		}
		if strings.TrimSpace(text) != "" {
			at := fmt.Sprintf("%s:%d", s.path, l.line)
			err := disk.CheckUTF8(s.path, text, l.line, l.from)
			var values [][]string
			if err == nil {
				values, err = disk.JSONValues([]byte(text), c.keys())
			}
			if err != nil {
				c.refuse(at, err)
			} else {
				one := make([]string, len(values))
				for k, v := range values {
					one[k] = v[0]
				}
				one[0] = strings.Join(values[0], "\n")
				if err := c.entry(found{passage{at: at}, l.line, l.from}, one, add); err != nil {
					return err
				}
			}
		}
		if end == io.EOF {
			return nil
		}
	}
}

// entry is the passage of a row, of whose keys are the values.
func (c *cutter) entry(f found, values []string, add func(found) error) error {
	f.text = values[0]
	rest := values[1:]
	take := func(key string) (value string) {
		if key != "" {
			value, rest = rest[0], rest[1:]
		}
		return value
	}
	f.class = take(c.Label)
	part := take(c.Part)
	f.positive, f.negative = take(c.Positive), take(c.Negative)
	for _, v := range []struct{ key, value, want string }{{c.Text.Text, f.text, "a text"},
		{c.Label, f.class, "a label"}, {c.Positive, f.positive, "a text"}, {c.Negative, f.negative, "a text"}} {
		if v.key != "" && (v.value == "" || v.want == "a text" && strings.TrimSpace(v.value) == "") {
			c.refuse(f.at, fmt.Errorf("%q is empty, want %s", v.key, v.want))
			return nil
		}
	}
	if c.Part != "" {
		var err error
		if f.test, err = ofTest(f.at, part); err != nil {
			return err
		}
	}
	return add(f)
}

// ofTest reports whether a part is the test's.
func ofTest(at, part string) (bool, error) {
	switch low := strings.ToLower(part); {
	case slices.Contains(disk.TrainNames, low):
		return false, nil
	case slices.Contains(disk.TestNames, low):
		return true, nil
	}
	return false, fmt.Errorf("%s: split %q, want train or one of %q", at, part, disk.TestNames)
}
