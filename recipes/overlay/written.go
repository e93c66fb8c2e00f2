package overlay

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Written is a setting of a text that Encode wrote with origins.
type Written struct {
	Key    string // as of a Leaf
	Value  string // as of a Leaf
	Origin string // as Origin's String says it
}

// Reader reads texts that Encode wrote with origins. It needs no catalog, and reads what an earlier version has written
// too: a program that lists thousands of recipes need not load them. Any goroutine may use it.
type Reader struct {
	many map[string]bool // keys of Choices
}

// NewReader makes a reader of recipes of one type; recipe is a pointer to a struct of which only the type counts.
func NewReader(recipe any) *Reader {
	r := &Reader{many: map[string]bool{}}
	manyKeys(reflect.TypeOf(recipe).Elem(), "", r.many)
	return r
}

// Read lists the settings of a text, in the order of the text.
func (r *Reader) Read(text string) ([]Written, error) {
	w := &writtenReader{Reader: r, counts: map[string]int{}, list: make([]Written, 0, strings.Count(text, "\n"))}
	for n := 1; text != ""; n++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if err := w.line(strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return w.list, nil
}

// manyKeys lists the dotted keys of the Choices fields of a struct.
func manyKeys(t reflect.Type, name string, into map[string]bool) {
	for _, f := range mustFields(t) {
		switch key := join(name, f.key); f.kind {
		case choicesKind:
			into[key] = true
		case tableKind:
			manyKeys(t.FieldByIndex(f.index).Type, key, into)
		}
	}
}

type writtenReader struct {
	*Reader
	counts map[string]int // elements so far of a list of tables
	table  string         // that the next lines are of
	list   []Written
}

// line reads one line of the text.
func (r *writtenReader) line(line string) error {
	switch {
	case line == "" || line[0] == '#':
	case strings.HasPrefix(line, "[["):
		name, rest, ok := strings.Cut(line[2:], "]]")
		if !ok || rest != "" {
			return fmt.Errorf("%s: want [[a.table]]", line)
		}
		name = r.indexed(name)
		r.table = fmt.Sprintf("%s[%d]", name, r.counts[name])
		r.counts[name]++
	case line[0] == '[':
		head, origin := cutOrigin(line)
		if !strings.HasSuffix(head, "]") {
			return fmt.Errorf("%s: want [a.table]", line)
		}
		r.table = r.indexed(head[1 : len(head)-1])
		at := strings.LastIndexByte(r.table, '.')
		switch {
		case origin == "": // a plain table
		case at > 0 && r.many[r.table[:at]]:
			r.list = append(r.list, Written{r.table, "true", origin})
		case at > 0:
			r.list = append(r.list, Written{r.table[:at], r.table[at+1:], origin})
		}
	default:
		key, value, ok := strings.Cut(line, " = ")
		if !ok {
			return fmt.Errorf("%s: want a key and its value", line)
		}
		value, origin := cutOrigin(value)
		if r.table != "" {
			key = r.table + "." + key
		}
		r.list = append(r.list, Written{key, value, origin})
	}
	return nil
}

// indexed gives the lists of tables in a dotted name the index of their newest element.
func (r *writtenReader) indexed(name string) string {
	if len(r.counts) == 0 {
		return name
	}
	parts := strings.Split(name, ".")
	full := parts[0]
	for _, part := range parts[1:] {
		if n := r.counts[full]; n > 0 {
			full += "[" + strconv.Itoa(n-1) + "]"
		}
		full += "." + part
	}
	return full
}

// cutOrigin splits a line at the comment that holds the origin; strings of the value may hold anything.
func cutOrigin(line string) (value, origin string) {
	const mark = "  # "
	quoted := false
	for i := 0; i < len(line); i++ {
		switch {
		case quoted && line[i] == '\\':
			i++
		case line[i] == '"':
			quoted = !quoted
		case !quoted && strings.HasPrefix(line[i:], mark):
			return line[:i], line[i+len(mark):]
		}
	}
	return line, ""
}

// Suggest is "did you mean a or b?" of the names that a word may be a slip of; empty: it is like none of them.
func Suggest(word string, names []string) string {
	if near := Nearest(word, names); len(near) > 0 {
		return didYouMean(near)
	}
	return ""
}
