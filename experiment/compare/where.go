package compare

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"selfsup/experiment"
	"selfsup/recipes/overlay"
)

// Where is a condition on runs, such as
//
//	method=simclr and (knn>0.8 or not state=done)
//
// Names are settings of the recipe (train.batch; a * stands for one word, as in method.*.temperature), results (knn:
// the trained encoder's first value of that protocol; knn.top5; untrained.knn.top1; "knn k=20 top1" as the table names
// it), and run, state, step, steps, seconds, loss and began. A run that lacks the name fulfils no comparison with it.
type Where struct {
	text string
	root node
	all  []*comparison // in the order of the text
}

// node is a part of a condition.
type node func(*experiment.Past) bool

// comparison is one name compared with one value.
type comparison struct {
	name, op, value string
	at              int // of the name in the text
	pattern         *regexp.Regexp
	here, compared  int    // runs that have the name, and those whose value can be compared
	example         string // a value that cannot
}

// Of lists the runs that fulfil the condition. A name that no run has is an error, and so are values of which none can
// be compared with what is asked for.
func (w *Where) Of(runs []experiment.Past) ([]experiment.Past, error) {
	for _, c := range w.all {
		c.here, c.compared = 0, 0
	}
	var kept []experiment.Past
	for i := range runs {
		if runs[i].State != experiment.Unreadable && w.root(&runs[i]) {
			kept = append(kept, runs[i])
		}
	}
	for _, c := range w.all {
		switch {
		case c.here == 0 && len(runs) > 0 && !expected(c.name, runs):
			hint := overlay.Suggest(c.name, names(runs))
			if hint == "" {
				hint = "want a setting such as train.batch, a result such as knn, or one of " +
					strings.Join(fields, ", ")
			}
			return nil, w.bad(c.at, "no run has %s, %s", c.name, hint)
		case c.here > 0 && c.compared == 0:
			return nil, w.bad(c.at, "%s is %s in the runs, which cannot be compared with %s", c.name, c.example,
				c.value)
		}
	}
	return kept, nil
}

// holds compares the value of a run. It is asked of every run, whatever the rest of the condition says.
func (c *comparison) holds(p *experiment.Past) bool {
	for _, have := range values(p, c.name) {
		c.here++
		if c.pattern != nil {
			c.compared++
			return c.pattern.MatchString(have)
		}
		order, ok := compared(have, c.value)
		if !ok && c.op != "=" && c.op != "!=" {
			c.example = have
			continue
		}
		c.compared++
		switch c.op {
		case "=":
			return ok && order == 0
		case "!=":
			return !ok || order != 0
		case "<":
			return order < 0
		case "<=":
			return order <= 0
		case ">":
			return order > 0
		}
		return order >= 0
	}
	return false
}

// number is a number and its unit: 0.5, 80 epochs, 1GiB.
var number = regexp.MustCompile(`^([-+]?[0-9.]+(?:e[-+]?[0-9]+)?) *([a-zA-Z%]*)$`)

// date is how began begins.
var date = regexp.MustCompile(`^\d{4}-\d{2}`)

// compared is the order of two values; ok is false if they have none: texts, unless they are equal, and numbers of
// different units.
func compared(a, b string) (order int, ok bool) {
	if x, err := strconv.ParseFloat(a, 64); err == nil { // the common case
		if y, err := strconv.ParseFloat(b, 64); err == nil {
			return ordered(x, y), true
		}
	}
	x, y := number.FindStringSubmatch(a), number.FindStringSubmatch(b)
	if x != nil && y != nil && strings.TrimSuffix(x[2], "s") == strings.TrimSuffix(y[2], "s") {
		left, errLeft := strconv.ParseFloat(x[1], 64)
		right, errRight := strconv.ParseFloat(y[1], 64)
		if errLeft == nil && errRight == nil {
			return ordered(left, right), true
		}
	}
	if date.MatchString(a) && date.MatchString(b) {
		return strings.Compare(a[:min(len(a), len(b))], b), true
	}
	return 0, strings.ReplaceAll(a, " ", "") == strings.ReplaceAll(b, " ", "")
}

func ordered(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// fields are the names that every run has or gets.
var fields = []string{"run", "state", "step", "steps", "seconds", "loss", "began"}

// values are what a run has of a name; with a * they may be several, of which the first that can be compared counts.
func values(p *experiment.Past, name string) (found []string) {
	switch name {
	case "run":
		return []string{filepath.Base(filepath.Clean(p.Run))}
	case "state":
		return []string{p.State}
	case "step":
		return []string{strconv.Itoa(p.Step)}
	case "steps":
		return []string{strconv.Itoa(p.Steps)}
	case "began":
		return []string{p.Began.Local().Format(time.RFC3339)}
	case "seconds", "loss":
		if p.Course == nil {
			return nil
		}
		value := p.Course.Seconds
		if name == "loss" {
			value = p.Course.Loss
		}
		return []string{strconv.FormatFloat(value, 'g', -1, 64)}
	}
	wild := strings.Contains(name, "*")
	for i := range p.Settings {
		key := p.Settings[i].Key
		if key == name || wild && like(name, key) {
			found = append(found, unquoted(p.Settings[i].Value))
		}
	}
	if found == nil {
		if e := result(p.Evaluations, name); e != nil {
			found = []string{strconv.FormatFloat(e.Value, 'g', -1, 64)}
		}
	}
	return found
}

// like matches a dotted key with a name in which a * stands for one word.
func like(name, key string) bool {
	for more := true; more; {
		var word, of string
		var another bool
		word, name, more = strings.Cut(name, ".")
		of, key, another = strings.Cut(key, ".")
		if word != "*" && word != of || more != another {
			return false
		}
	}
	return true
}

// unquoted is the text of a TOML string, and every other value as it is.
func unquoted(value string) string {
	if len(value) > 1 && value[0] == '"' {
		if text, err := strconv.Unquote(value); err == nil {
			return text
		}
	}
	return value
}

// result finds a result by a name, of the trained encoder unless the name begins with another representation.
func result(all []experiment.Evaluation, name string) *experiment.Evaluation {
	for i := range all {
		e := &all[i]
		rest := name
		if e.Representation != trained {
			var of bool
			if rest, of = strings.CutPrefix(name, e.Representation+"."); !of {
				continue
			}
		}
		rest = strings.TrimPrefix(rest, trained+".")
		if rest == e.Label() || e.Set != "validation" && (rest == e.Protocol || len(rest) > len(e.Protocol) &&
			strings.HasPrefix(rest, e.Protocol) && strings.ContainsRune(". ", rune(rest[len(e.Protocol)])) &&
			rest[len(e.Protocol)+1:] == e.Metric) {
			return e
		}
	}
	return nil
}

// trained is the representation that is meant where none is named.
const trained = "trained"

// expected reports whether runs that are done will have a name: a result of a protocol that some recipe asks for.
func expected(name string, runs []experiment.Past) bool {
	if slices.Contains(fields, name) {
		return true
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == ' ' })
	for _, p := range runs {
		for _, word := range words[:min(len(words), 2)] {
			if p.State != "done" && slices.ContainsFunc(p.Settings, func(s overlay.Written) bool {
				return s.Key == "evaluate."+word && s.Value == "true"
			}) {
				return true
			}
		}
	}
	return false
}

// names lists what a condition on runs can name.
func names(runs []experiment.Past) []string {
	known := map[string]bool{}
	for _, f := range fields {
		known[f] = true
	}
	for _, p := range runs {
		for _, s := range p.Settings {
			known[s.Key] = true
		}
		for _, e := range p.Evaluations {
			known[e.Protocol], known[e.Protocol+"."+e.Metric] = true, true
			known[e.Representation+"."+e.Protocol] = true
		}
	}
	var all []string
	for name := range known {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// ParseWhere reads a condition.
func ParseWhere(text string) (*Where, error) {
	p := &parser{Where: &Where{text: text}}
	p.next()
	root, err := p.either()
	if err == nil && (p.word != "" || p.quoted) {
		err = p.bad(p.at, "%s: want and, or, or the end; a value with brackets or spaces goes in quotes", p.word)
	}
	if err != nil {
		return nil, err
	}
	p.root = root
	return p.Where, nil
}

// WhereError is a mistake in a condition.
type WhereError struct {
	Text string // of the condition
	At   int    // byte that is wrong
	Says string
}

// Error shows the place.
func (e *WhereError) Error() string {
	return fmt.Sprintf("--where: %s\n  %s\n  %s^", e.Says, e.Text, strings.Repeat(" ", len([]rune(e.Text[:e.At]))))
}

func (w *Where) bad(at int, format string, args ...any) error {
	return &WhereError{w.text, at, fmt.Sprintf(format, args...)}
}

// parser reads a condition word by word.
type parser struct {
	*Where
	word   string // the next; empty: the end
	quoted bool   // it stood in quotes
	at     int    // where it begins
	end    int    // and ends
}

const operators = "=!<>~"

// next goes to the next word: a bracket, an operator, a quoted text, or letters up to one of these or a space.
func (p *parser) next() {
	text := p.text
	for p.end < len(text) && text[p.end] == ' ' {
		p.end++
	}
	p.at, p.quoted = p.end, false
	if p.at == len(text) {
		p.word = ""
		return
	}
	switch c := text[p.at]; {
	case c == '(' || c == ')':
		p.end++
	case c == '"' || c == '\'':
		if n := strings.IndexByte(text[p.at+1:], c); n >= 0 {
			p.word, p.quoted, p.end = text[p.at+1:p.at+1+n], true, p.at+n+2
			return
		}
		p.end = len(text)
	case strings.IndexByte(operators, c) >= 0:
		for p.end < len(text) && strings.IndexByte(operators, text[p.end]) >= 0 {
			p.end++
		}
	default:
		for p.end < len(text) && strings.IndexByte(" ()\"'"+operators, text[p.end]) < 0 {
			p.end++
		}
	}
	p.word = text[p.at:p.end]
}

// is takes a word of the language.
func (p *parser) is(word string) bool {
	if p.quoted || p.word != word {
		return false
	}
	p.next()
	return true
}

// either reads conditions that are joined by or.
func (p *parser) either() (node, error) {
	a, err := p.both()
	for err == nil && p.is("or") {
		var b node
		left := a
		b, err = p.both()
		a = func(run *experiment.Past) bool { l, r := left(run), b(run); return l || r }
	}
	return a, err
}

// both reads conditions that are joined by and.
func (p *parser) both() (node, error) {
	a, err := p.one()
	for err == nil && p.is("and") {
		var b node
		left := a
		b, err = p.one()
		a = func(run *experiment.Past) bool { l, r := left(run), b(run); return l && r }
	}
	return a, err
}

// one reads a comparison, a condition in brackets, or the contrary of one.
func (p *parser) one() (node, error) {
	if p.is("not") {
		a, err := p.one()
		return func(run *experiment.Past) bool { return !a(run) }, err
	}
	if open := p.at; p.is("(") {
		a, err := p.either()
		if err == nil && !p.is(")") {
			err = p.bad(open, "this bracket is not closed")
		}
		return a, err
	}
	c := &comparison{name: p.word, at: p.at}
	if p.word == "" && !p.quoted || !p.quoted && strings.ContainsAny(p.word, "()\"'"+operators) {
		return nil, p.bad(p.at, "want a name, as in method=simclr")
	}
	p.next()
	c.op = p.word
	if c.op == "==" {
		c.op = "="
	}
	if p.quoted || !slices.Contains([]string{"=", "!=", "<", "<=", ">", ">=", "~"}, c.op) {
		return nil, p.bad(p.at, "want =, !=, <, <=, >, >= or ~ (a regular expression) after %s", c.name)
	}
	p.next()
	if p.word == "" && !p.quoted || !p.quoted && strings.ContainsAny(p.word, "()\"'"+operators) {
		return nil, p.bad(p.at, "want a value after %s%s", c.name, c.op)
	}
	c.value = p.word
	if c.op == "~" {
		var err error
		if c.pattern, err = regexp.Compile(c.value); err != nil {
			return nil, p.bad(p.at, "%s is no regular expression: %v", c.value, err)
		}
	}
	p.all = append(p.all, c)
	p.next()
	return c.holds, nil
}
