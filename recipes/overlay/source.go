package overlay

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
)

// maxFile is the most bytes a recipe file may have; a recipe is a page.
const maxFile = 1 << 18

// Orders of mistakes without an overlay: before all of them, and after.
const (
	first = -1 << 31
	last  = 1<<31 - 1
)

// location is where a file lies: on disk, or in the file system of shipped recipes.
type location struct {
	name    string
	shipped bool
}

// document is one overlay, parsed.
type document struct {
	name    string
	data    []byte // of a file, as read
	src     string // without byte order mark
	shipped bool
	kind    originKind
	order   int            // in which overlays apply
	setKey  string         // of --set: the dotted key as given
	bare    string         // of --set: the value as typed, where it is no TOML and was taken for a string
	trial   bool           // a value that is only tried
	variant bool           // values that [LoadVariant] was given
	made    map[trail]bool // of a variant: values that are not written where they are said to be
	tree    map[string]any // as the TOML parser gives it
	at      map[trail]span
}

// chain reads file and its bases; the first base comes first. Files that cannot be read or parsed are left out and
// reported.
func (d *decoder) chain(file string) []*document {
	var docs []*document // the recipe first
	var names []string
	seen := map[location]int{}
	from, asked := (*document)(nil), file
	for {
		loc, data, err := d.read(from, asked)
		if err != nil {
			d.unread(from, file, err)
			break
		}
		id := loc
		if abs, err := filepath.Abs(loc.name); err == nil && !loc.shipped {
			id.name = abs
		}
		names = append(names, loc.name)
		if i, again := seen[id]; again {
			d.report(from, from.at[root.key("base")].value(), "", "base",
				"the chain of bases comes back to itself: "+strings.Join(names[i:], " -> "))
			break
		}
		seen[id] = len(names) - 1
		doc := d.parseFile(loc, data, from == nil)
		docs = append(docs, doc)
		base, written := doc.tree["base"]
		if !written {
			break
		}
		text, ok := base.(string)
		if !ok || text == "" {
			d.report(doc, doc.at[root.key("base")].value(), "", "base",
				`wants the path of a recipe file such as "quickstart.toml", found `+found(base, ""))
			break
		}
		from, asked = doc, text
	}
	for i, j := 0, len(docs)-1; i < j; i, j = i+1, j-1 {
		docs[i], docs[j] = docs[j], docs[i]
	}
	for i, doc := range docs {
		for _, e := range d.errs {
			if e.order == doc.order {
				e.order = i - len(docs) // below the sets, which count from 0
			}
		}
		doc.order = i - len(docs)
	}
	return docs
}

// read finds a file beside the one that names it, on disk first.
func (d *decoder) read(from *document, asked string) (location, []byte, error) {
	if from == nil && d.given != nil {
		return location{asked, true}, d.given, nil
	}
	if from == nil || !from.shipped {
		name := filepath.FromSlash(asked)
		if from != nil && !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(from.name), name)
		}
		data, err := readDisk(name)
		if !errors.Is(err, fs.ErrNotExist) {
			return location{name, false}, data, err
		}
	}
	name := path.Clean(filepath.ToSlash(asked))
	if from != nil && from.shipped {
		name = path.Join(path.Dir(from.name), name)
	}
	if d.opt.FS != nil && fs.ValidPath(name) {
		data, err := fs.ReadFile(d.opt.FS, name)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return location{name, true}, data, tooLarge(len(data), err)
		}
	}
	return location{}, nil, errors.New(d.noSuchFile(asked))
}

func readDisk(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder, want a recipe file", name)
	case info.Size() > maxFile:
		return nil, tooLarge(int(info.Size()), nil)
	}
	data, err := os.ReadFile(name)
	return data, tooLarge(len(data), err)
}

func tooLarge(size int, err error) error {
	if err == nil && size > maxFile {
		return fmt.Errorf("the file has %d bytes, a recipe has at most %d", size, maxFile)
	}
	return err
}

func (d *decoder) noSuchFile(asked string) string {
	var shipped []string
	if d.opt.FS != nil {
		// A folder that cannot be listed only costs suggestions.
		_ = fs.WalkDir(d.opt.FS, ".", func(p string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() && path.Ext(p) == ".toml" {
				shipped = append(shipped, p)
			}
			return nil
		})
	}
	if len(shipped) == 0 {
		return fmt.Sprintf("%s: no such file", asked)
	}
	if close := Nearest(path.Base(filepath.ToSlash(asked)), shipped); len(close) > 0 {
		return fmt.Sprintf("%s: no such file here or among the shipped recipes, %s", asked, didYouMean(close))
	}
	if len(shipped) > 8 {
		shipped = append(shipped[:8:8], "...")
	}
	return fmt.Sprintf("%s: no such file here or among the shipped recipes (%s)", asked, strings.Join(shipped, ", "))
}

// unread reports a file that cannot be read, at the base key that asks for it.
func (d *decoder) unread(from *document, file string, err error) {
	if from != nil {
		d.report(from, from.at[root.key("base")].value(), "", "base", err.Error())
		return
	}
	text := strings.TrimPrefix(err.Error(), file+": ")
	var pe *fs.PathError
	if errors.As(err, &pe) {
		text = pe.Err.Error()
	}
	d.errs = append(d.errs, &Error{File: file, NoLine: "unread", Text: text, order: first})
}

// parseSet makes an overlay of key=value. A value that is no TOML and looks like a bare word is a string.
func (d *decoder) parseSet(text string, n int) *document {
	name := "--set " + strings.ReplaceAll(text, "\n", " ")
	fail := func(format string, args ...any) *document {
		d.errs = append(d.errs, &Error{File: name, NoLine: "set", Text: fmt.Sprintf(format, args...), order: n})
		return nil
	}
	key, value, ok := cutSet(text)
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	switch {
	case !ok || key == "":
		return fail("want key=value, as in --set train.batch=256")
	case value == "":
		return fail("no value; an empty string is written %s=''", key)
	case len(text) > maxFile:
		return fail("more than %d bytes", maxFile)
	case strings.ContainsAny(key, "\n\r#[]{}"):
		return fail("%q is not a dotted key such as train.batch", key)
	}
	if _, err := decodeTOML(key + " = 0"); err != nil {
		return fail("%q is not a dotted key such as train.batch", key)
	}
	doc := &document{name: name, kind: fromSet, order: n, setKey: key, src: key + " = " + value}
	tree, err := decodeTOML(doc.src)
	if err != nil && !strings.ContainsAny(value[:1], "\"'[{") {
		doc.src, doc.bare = key+" = "+quote(value), value
		tree, err = decodeTOML(doc.src)
	}
	if err != nil {
		if list := listOf(value, reflect.TypeFor[float64]()); list != "" && strings.HasPrefix(value, "[") {
			return fail("the value is not TOML: %s: write %s", syntaxText(err), clip(list))
		}
		if list := listOf(value, reflect.TypeFor[string]()); list != "" && strings.HasPrefix(value, "[") {
			return fail("the value is not TOML: %s; strings need quotes: write --set '%s=%s'", syntaxText(err), key,
				clip(list))
		}
		return fail("the value is not TOML: %s", syntaxText(err))
	}
	if !single(tree, key) {
		return fail("one --set sets one key")
	}
	doc.tree, doc.at = tree, scan(doc.src)
	if _, ok := tree["base"]; ok {
		return fail("base is for files: it says where a recipe starts from")
	}
	return doc
}

// cutSet cuts key=value at the first "=" outside of quotes.
func cutSet(text string) (key, value string, ok bool) {
	quoted := byte(0)
	for i := range len(text) {
		switch c := text[i]; {
		case quoted != 0 && c == quoted:
			quoted = 0
		case quoted != 0:
		case c == '"' || c == '\'':
			quoted = c
		case c == '=':
			return text[:i], text[i+1:], true
		}
	}
	return text, "", false
}

// single says whether tree holds nothing but the one key.
func single(tree map[string]any, key string) bool {
	alone, err := decodeTOML(key + " = 0")
	if err != nil {
		return false
	}
	for {
		var next any
		for k, v := range alone {
			next = v
			if _, ok := tree[k]; !ok || len(tree) != 1 {
				return false
			}
			if inner, ok := v.(map[string]any); ok {
				alone = inner
				tree, _ = tree[k].(map[string]any)
			}
		}
		if _, more := next.(map[string]any); !more {
			return true
		}
	}
}
