// Package overlay turns TOML overlays into one typed recipe, and explains what it did.
//
// A recipe is a Go struct whose defaults are set before loading. Overlays are applied in turn, each changing only the
// keys that it writes:
//
//	base file(s)  ->  recipe file  ->  --set key=value, in the order given
//
// A file names its base by `base = "other.toml"`, relative to itself, or, when there is no such file on disk, among the
// shipped recipes. Lists replace lists.
//
// A [Choice] field is a table whose sub-table's name selects one of a catalog and configures it: `[method.vicreg]`.
// Naming another choice replaces the selection and starts from that choice's own defaults; naming the same one changes
// its keys. `method = "vicreg"` selects with all defaults, which is what `--set method=vicreg` needs. A [Choices] field
// holds any number of them: `[evaluate.knn]`, `[evaluate.linear]`; `linear = false` below `[evaluate]` switches one off
// and `linear = true` switches it on.
//
// Reading is strict. Keys are matched letter by letter, integers are accepted for floats but not floats for integers,
// nan and inf are refused, and one call reports every mistake it can find, each with file, line, column and the source
// line.
//
// # What a recipe struct may hold
//
// Every exported field has a `toml:"key"` tag (or `toml:"-"`). Fields are bool, integers, floats, string; slices and
// arrays of those; structs (tables); slices of structs (arrays of tables); Choice and Choices; and any type with
// UnmarshalTOML(any) error or UnmarshalText. Such a type is written back by MarshalTOML() ([]byte, error), which
// returns the text of one TOML value, or by MarshalText. Embedded structs without a tag are flattened. Pointers and
// maps are not supported. A Choice that may stay unselected has the tag `overlay:"optional"`; one that names what the
// catalog of another key has, such as a second encoder, has `overlay:"of=backbone"`, or both words with a comma.
//
// A struct with Validate() error is asked at the end, see [Bad].
package overlay

import (
	"fmt"
	"io/fs"
	"reflect"
	"sort"
	"strings"

	"selfsup/setting"
)

// Options says where recipes come from and what they can name.
type Options struct {
	// FS holds the shipped recipes, used for a file that is not on disk. May be nil.
	FS fs.FS
	// Catalogs holds what each Choice or Choices field can name, by the field's own key ("method") or by its tag
	// `overlay:"of=method"`, wherever it is nested.
	Catalogs map[string]Catalog
	// See is the command that lists a catalog, to which the catalog's plural is added: "experiment list" gives
	// "see experiment list methods". Empty: messages list all names instead.
	See string
	// Apart holds the tables at the top of a recipe's own file that are no settings, each with what is said where the
	// recipe is loaded all the same, see [LoadVariant].
	Apart map[string]string
}

// Result is how a recipe was resolved.
type Result struct {
	// Files are the TOML files read, the first base first, the recipe itself last.
	Files []Source
	// Leaves are all settings in the order of the struct.
	Leaves []Leaf

	d *decoder // knows where every setting was written
}

// Source is one file as it was read.
type Source struct {
	Name    string // path as opened
	Data    []byte
	Shipped bool // from Options.FS, not from disk
}

// Leaf is one resolved setting.
type Leaf struct {
	// dotted, as --set takes it: "method.vicreg.covariance"; elements of arrays of tables as "stage[0].width"
	Key    string
	Value  string // as TOML text; a choice is its bare name
	Origin Origin
}

// Load applies file with its bases and then sets to the struct that into points at, which holds the defaults.
//
// The error is an [Errors] that lists all mistakes found, unless the struct or a catalog itself is not as the package
// documentation asks. After an error the struct holds a mixture and must be dropped.
func Load(file string, sets []string, opt Options, into any) (*Result, error) {
	return load(file, nil, nil, sets, opt, into)
}

// LoadText is Load of a file's text, which messages call by a name.
func LoadText(name string, text []byte, opt Options, into any) (*Result, error) {
	return load(name, text, nil, nil, opt, into)
}

func load(file string, text []byte, given []Given, sets []string, opt Options, into any) (*Result, error) {
	recipe := reflect.ValueOf(into)
	if recipe.Kind() != reflect.Pointer || recipe.IsNil() || recipe.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("overlay: Load into %T: want a pointer to a struct", into)
	}
	if err := checkRecipe(recipe.Elem()); err != nil {
		return nil, err
	}
	d := &decoder{opt: opt, recipe: recipe.Elem(), places: map[string]place{}, given: text,
		passes: given != nil}
	docs := d.chain(file)
	if doc := d.variant(given); doc != nil {
		docs = append(docs, doc)
	}
	for i, text := range sets {
		if doc := d.parseSet(text, i); doc != nil {
			docs = append(docs, doc)
		}
	}
	for _, doc := range docs {
		d.doc = doc
		d.table(root, "", doc.tree, recipe.Elem())
	}
	if d.broken != nil {
		return nil, d.broken
	}
	if len(d.errs) == 0 {
		d.file = file
		d.validate(recipe.Elem(), "")
	}
	if len(d.errs) > 0 {
		sort.SliceStable(d.errs, func(i, j int) bool { return d.errs[i].before(d.errs[j]) })
		return nil, d.errs
	}
	leaves, err := flatten(recipe.Elem())
	if err != nil {
		return nil, err
	}
	res := &Result{d: d}
	for _, doc := range docs {
		if doc.kind != fromSet && !doc.variant {
			res.Files = append(res.Files, Source{doc.name, doc.data, doc.shipped})
		}
	}
	for _, l := range leaves {
		res.Leaves = append(res.Leaves, Leaf{l.key, l.text, d.origin(l)})
	}
	return res, nil
}

// Leaf finds a setting by its dotted key.
func (r *Result) Leaf(key string) (Leaf, bool) {
	for _, l := range r.Leaves {
		if l.Key == key {
			return l, true
		}
	}
	return Leaf{}, false
}

// Bad is a mistake that shows only when more is known than the recipe, such as how many steps an epoch has. It is an
// [Errors] as Load returns: at the place where the setting with that dotted key was written last.
func (r *Result) Bad(key, format string, args ...any) error {
	table, last := "", key
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		table, last = key[:i], key[i+1:]
	}
	d := *r.d
	d.errs = nil
	d.refuse(table, setting.Bad(last, format, args...))
	return d.errs
}

// Each visits every setting of a recipe, a pointer to its struct, with its dotted key, in the order of the struct; of
// choices those that are selected.
func Each(recipe any, visit func(key string, value any)) {
	walk(reflect.ValueOf(recipe).Elem(), "", func(name string, v reflect.Value) {
		for _, f := range mustFields(v.Type()) {
			if f.kind == leafKind {
				visit(join(name, f.key), v.FieldByIndex(f.index).Interface())
			}
		}
	})
}
