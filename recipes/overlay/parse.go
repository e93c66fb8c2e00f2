package overlay

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// maxDepth is how deep lists and inline tables may nest, and maxDots how many dots a key may have: the parser recurses,
// and takes time with the cube of the dots.
const (
	maxDepth = 200
	maxDots  = 1000
)

// maxSyntax is how many syntax mistakes are reported for one file.
const maxSyntax = 8

// decodeTOML parses a document and lets no panic of the parser out.
func decodeTOML(src string) (tree map[string]any, err error) {
	if err := tooDeep(src); err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			tree, err = nil, fmt.Errorf("the TOML parser failed: %v", r)
		}
	}()
	tree = map[string]any{}
	_, err = toml.Decode(src, &tree)
	return tree, err
}

// tooDeep counts brackets and dots without regard to strings and comments, where a recipe has few of them.
func tooDeep(src string) error {
	depth, dots := 0, 0
	for i, c := range []byte(src) {
		switch c {
		case '[', '{':
			depth, dots = depth+1, 0
		case ']', '}':
			depth, dots = max(0, depth-1), 0
		case '.':
			dots++
		case ',', '=', '#', '\n':
			dots = 0
		}
		switch at := (toml.Position{Start: i, Len: 1}); {
		case depth > maxDepth:
			return toml.ParseError{Message: fmt.Sprintf("lists or tables nest more than %d deep", maxDepth),
				Position: at}
		case dots > maxDots:
			return toml.ParseError{Message: fmt.Sprintf("a key has more than %d dots", maxDots), Position: at}
		}
	}
	return nil
}

// parseFile parses one file. After a syntax mistake on a plain `key = value` line the rest is read without that line,
// so that one call finds more than one mistake; a file with any other syntax mistake counts as empty.
func (d *decoder) parseFile(loc location, data []byte, recipe bool) *document {
	d.parsed++
	doc := &document{name: loc.name, shipped: loc.shipped, kind: fromBase, order: -1 - maxFile - d.parsed,
		tree: map[string]any{}}
	if recipe {
		doc.kind = fromRecipe
	}
	doc.data, doc.src = data, strings.TrimPrefix(string(data), "\ufeff")
	if !utf8.ValidString(doc.src) {
		bad := 0
		for i, r := range doc.src {
			if r == utf8.RuneError && !strings.HasPrefix(doc.src[i:], "\ufffd") {
				bad = i
				break
			}
		}
		d.report(doc, span{bad, bad + 1, bad, bad + 1}, "", "", fmt.Sprintf("byte 0x%02x is not UTF-8: a recipe "+
			"is a UTF-8 text file", doc.src[bad]))
		return doc
	}
	text := doc.src
	for range maxSyntax {
		tree, err := decodeTOML(text)
		if err == nil {
			doc.tree, doc.at = tree, scan(text)
			break
		}
		from, to := d.syntax(doc, text, err)
		blanked, ok := withoutLine(text, from)
		if !ok || to < 0 {
			break
		}
		text = blanked
	}
	return doc
}

// syntax reports one syntax mistake and says where it is; to is negative when the parser does not tell.
func (d *decoder) syntax(doc *document, text string, err error) (from, to int) {
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		d.report(doc, span{}, "", "", syntaxText(err))
		return 0, -1
	}
	from = min(max(pe.Position.Start, 0), len(text))
	if from > 0 && (from == len(text) || text[from] == '\n') && strings.TrimSpace(lineOf(text, from)) == "" {
		from = len(strings.TrimRight(text[:from], " \t\r\n")) // the parser points below the line that is not closed
	}
	to = from + max(pe.Position.Len, 1)
	msg := syntaxText(err)
	line := strings.TrimSpace(lineOf(text, from))
	if m := bareValue.FindStringSubmatch(line); m != nil && !definedTwice.MatchString(pe.Message) {
		was := from
		at := strings.LastIndex(lineOf(text, from), m[2])
		from = lineStart(text, from) + at
		to = from + len(m[2])
		switch {
		case decimalComma.MatchString(m[2]):
			msg = fmt.Sprintf("a decimal point is wanted: %s = %s, or a list: %[1]s = [%[3]s]", m[1],
				strings.Replace(m[2], ",", ".", 1), m[2])
		case listOf(m[2], reflect.TypeFor[float64]()) != "" && strings.Contains(m[2], ","):
			msg = fmt.Sprintf("a list needs brackets: %s = %s", m[1], listOf(m[2], reflect.TypeFor[float64]()))
		case m[2] == "True" || m[2] == "False":
			msg = fmt.Sprintf("booleans are lower case: %s = %s", m[1], strings.ToLower(m[2]))
		case missingZero.MatchString(m[2]):
			msg = fmt.Sprintf("a number needs digits on both sides of its point: %s = %s", m[1], padPoint(m[2]))
		case bareWord.MatchString(m[2]):
			msg = fmt.Sprintf("a string needs quotes: %s = %q", m[1], m[2])
		default:
			from, to = was, was+max(pe.Position.Len, 1)
		}
	}
	if m := definedTwice.FindStringSubmatch(pe.Message); m != nil {
		msg = m[1] + " is written twice in this file"
		if first, ok := scan(text)[trailOf(m[1])]; ok && first.key < from {
			n, _ := position(text, first.key)
			msg = fmt.Sprintf("%s is already written on line %d", m[1], n)
		}
	}
	d.report(doc, span{from, to, from, to}, "", "", msg)
	return from, to
}

var (
	bareValue    = regexp.MustCompile(`^([A-Za-z0-9_.-]+)\s*=\s*([-+.]?[A-Za-z0-9][A-Za-z0-9_ ./%,:-]*?)\s*(?:#.*)?$`)
	decimalComma = regexp.MustCompile(`^[-+]?[0-9]+,[0-9]+$`)
	missingZero  = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+\.)$`)
	bareWord     = regexp.MustCompile(`^([A-Za-z]|[-+]?[0-9.]+ ?(%|[A-Za-z]))`)
	definedTwice = regexp.MustCompile(`^Key '(.*)' (?:has already been defined|was already created)`)
	plainPair    = regexp.MustCompile(`^\s*[^\s#\[=][^#\[=]*=`)
)

func padPoint(number string) string {
	if strings.HasSuffix(number, ".") {
		return number + "0"
	}
	return strings.Replace(number, ".", "0.", 1)
}

// trailOf reads a dotted key without quotes or lists in it.
func trailOf(dotted string) trail {
	p := root
	for _, part := range strings.Split(dotted, ".") {
		p = p.key(part)
	}
	return p
}

// syntaxText is the parser's message without its own position.
func syntaxText(err error) string {
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		return err.Error()
	}
	msg := strings.TrimSuffix(pe.Message, ".")
	if strings.Contains(msg, "to end table name") || strings.Contains(msg, "end of table array name") {
		return "a table header is closed by ] or ]] on its own line"
	}
	if got, ok := strings.CutPrefix(msg,
		"expected a top-level item to end with a newline, comment, or EOF, but got "); ok {
		return "the line should end here, found " + strings.TrimSuffix(got, " instead")
	}
	return strings.ToLower(msg[:min(1, len(msg))]) + msg[min(1, len(msg)):]
}

func lineStart(src string, off int) int {
	return strings.LastIndexByte(src[:min(off, len(src))], '\n') + 1
}

func lineOf(src string, off int) string {
	start := lineStart(src, off)
	if n := strings.IndexByte(src[start:], '\n'); n >= 0 {
		return src[start : start+n]
	}
	return src[start:]
}

// withoutLine blanks the line around off if it is one whole `key = value`, so that every other line keeps its place and
// meaning.
func withoutLine(src string, off int) (string, bool) {
	line := lineOf(src, off)
	if !plainPair.MatchString(line) || strings.Contains(line, `"""`) || strings.Contains(line, "'''") ||
		strings.Count(line, "[") != strings.Count(line, "]") || strings.Count(line, "{") != strings.Count(line, "}") {
		return src, false
	}
	start := lineStart(src, off)
	return src[:start] + strings.Repeat(" ", len(line)) + src[start+len(line):], true
}
