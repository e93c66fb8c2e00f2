package recipes

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"

	"selfsup/recipes/overlay"
)

// Described is an entry of a catalog for people.
type Described struct {
	Name string `json:"name"`
	// one sentence, of the doc comment of its type; empty where Docs has no source of it
	Description string           `json:"description"`
	Section     string           `json:"section,omitempty"` // of the Cookbook, as its package's comment names it
	Paper       string           `json:"paper,omitempty"`   // the first that the doc comment cites: arXiv:2002.05709
	Text        string           `json:"text,omitempty"`    // the whole doc comment
	Settings    []SettingDetails `json:"settings"`
}

// SettingDetails is one setting of an entry.
type SettingDetails struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Default string `json:"default"` // as TOML
	Comment string `json:"comment"` // beside it in the source
}

// Kinds are the words of Describe, in order.
func (c Catalog) Kinds() []string {
	kinds := []string{"recipes"}
	for kind := range c.entries() {
		kinds = append(kinds, kind)
	}
	sort.Strings(kinds)
	return kinds
}

// entries are the constructors of every kind.
func (c Catalog) entries() map[string]map[string]func() any {
	return map[string]map[string]func() any{
		"methods": anyOf(c.Methods), "backbones": anyOf(c.Backbones), "datasets": anyOf(c.Datasets),
		"samplers": anyOf(c.Samplers), "subsets": anyOf(c.Subsets), "optimizers": anyOf(c.Optimizers),
		"evaluations": anyOf(c.Evaluations), "augmentations": anyOf(c.Augmentations),
	}
}

func anyOf[T any](m map[string]func() T) map[string]func() any {
	all := map[string]func() any{}
	for name, f := range m {
		all[name] = func() any { return f() }
	}
	return all
}

// Describe lists the entries of a kind, methods by the Cookbook's section, all by name, with their settings.
func (c Catalog) Describe(kind string) ([]Described, error) {
	if kind == "recipes" {
		return describeRecipes()
	}
	docs := commentary{fsys: c.Docs, types: map[string]map[string]*typeDoc{}}
	var all []Described
	for name, f := range c.entries()[kind] {
		d := Described{Name: name, Settings: []SettingDetails{}}
		value := f()
		own, err := docs.of(reflect.TypeOf(value).Elem())
		if err != nil {
			return nil, err
		}
		d.Description, d.Text, d.Section = own.sentence, own.text, docs.section(reflect.TypeOf(value).Elem())
		d.Paper = arXiv.FindString(own.text)
		settings, err := overlay.SettingsOf(value)
		if err != nil {
			return nil, err
		}
		for _, s := range settings {
			owner, err := docs.of(s.Owner)
			if err != nil {
				return nil, err
			}
			d.Settings = append(d.Settings, SettingDetails{s.Key, s.Type, s.Default, owner.fields[s.Field]})
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b Described) int {
		return cmp.Or(strings.Compare(a.Section, b.Section), strings.Compare(a.Name, b.Name))
	})
	return all, nil
}

// describeRecipes takes the first comment of every recipe inside the binary.
func describeRecipes() (all []Described, err error) {
	for _, name := range slices.Concat(Names(), PaperNames()) {
		text, err := fs.ReadFile(Shipped, name)
		if err != nil {
			return nil, err
		}
		line, _, _ := strings.Cut(string(text), "\n")
		comment, _ := strings.CutPrefix(line, "# ")
		all = append(all, Described{Name: name, Description: comment, Settings: []SettingDetails{}})
	}
	return all, nil
}

// typeDoc is what the source says of a struct.
type typeDoc struct {
	sentence string
	text     string            // the whole comment
	fields   map[string]string // comments by field
}

// commentary reads doc comments, a package at a time.
type commentary struct {
	fsys  map[string]fs.FS
	types map[string]map[string]*typeDoc // by package and type; "" is the package's own comment
}

var (
	arXiv    = regexp.MustCompile(`arXiv:\d{4}\.\d{4,5}`)
	bookPart = regexp.MustCompile(`[Ss]ections?\s+(\d+(?:\.\d+)*)`)
)

// section is where the Cookbook treats what a type's package holds; empty where the package's comment does not say.
func (c *commentary) section(t reflect.Type) string {
	if d := c.types[t.PkgPath()][""]; d != nil && strings.Contains(d.text, "Cookbook") {
		if m := bookPart.FindStringSubmatch(d.text); m != nil {
			return m[1]
		}
	}
	return ""
}

// of is what the source says of a type; nothing where there is no source of it.
func (c *commentary) of(t reflect.Type) (*typeDoc, error) {
	pkg := t.PkgPath()
	if c.types[pkg] == nil {
		types, err := c.read(pkg)
		if err != nil {
			return nil, err
		}
		c.types[pkg] = types
	}
	if d := c.types[pkg][t.Name()]; d != nil {
		return d, nil
	}
	return &typeDoc{}, nil
}

// read parses the source of a package.
func (c *commentary) read(pkg string) (map[string]*typeDoc, error) {
	types := map[string]*typeDoc{}
	for root, sources := range c.fsys {
		dir, below := strings.CutPrefix(pkg, root+"/")
		if pkg == root {
			dir, below = ".", true
		}
		if !below {
			continue
		}
		files, err := fs.Glob(sources, path.Join(dir, "*.go"))
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := fs.ReadFile(sources, name)
			if err != nil {
				return nil, err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, text,
				parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return nil, fmt.Errorf("recipes: the source of %s: %w", pkg, err)
			}
			collect(file, types)
		}
	}
	return types, nil
}

// firstSentence is the first sentence of a doc comment; the point of "et al." ends none.
func firstSentence(text string) string {
	const point = "et al\x00"
	s := new(doc.Package).Synopsis(strings.ReplaceAll(text, "et al.", point))
	s = strings.ReplaceAll(s, point, "et al.")
	if colon, ok := strings.CutSuffix(s, ":"); ok { // an equation follows
		return colon + "."
	}
	return s
}

// collect takes the comments of a file's structs.
func collect(file *ast.File, types map[string]*typeDoc) {
	if text := file.Doc.Text(); text != "" {
		types[""] = &typeDoc{text: text}
	}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range g.Specs {
			t, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			text := t.Doc.Text()
			if text == "" {
				text = g.Doc.Text()
			}
			td := &typeDoc{sentence: firstSentence(text), text: strings.TrimSpace(text), fields: map[string]string{}}
			types[t.Name.Name] = td
			s, ok := t.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, f := range s.Fields.List {
				comment := f.Comment.Text()
				if comment == "" {
					comment = f.Doc.Text()
				}
				for _, n := range f.Names {
					td.fields[n.Name] = strings.Join(strings.Fields(comment), " ")
				}
			}
		}
	}
}
