package overlay

import (
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
)

// decoder applies overlays to one recipe.
type decoder struct {
	opt    Options
	recipe reflect.Value
	file   string
	doc    *document        // the overlay being applied
	places map[string]place // dotted key or table -> where it was written last
	errs   Errors
	broken error // a fault of the schema or of a catalog, not of a recipe
	parsed int
	given  []byte // the file's text; nil: it is on disk, or shipped
	passes bool   // over tables of Options.Apart
}

// place is where an overlay writes something.
type place struct {
	doc *document
	span
}

// value is the span to point at when a value is wrong.
func (sp span) value() span {
	if sp.val == sp.valEnd {
		return sp
	}
	return span{key: sp.val, keyEnd: sp.valEnd}
}

// report adds a mistake at the key of sp. table and key are as TOML writes them.
func (d *decoder) report(doc *document, sp span, table, key, text string) {
	e := &Error{File: doc.name, Table: table, Key: key, Text: text, order: doc.order, offset: sp.key}
	if doc.kind == fromSet {
		e.NoLine = "set"
		if strings.TrimPrefix(table+"."+key, ".") == doc.setKey || key == "" && table == doc.setKey {
			e.Table, e.Key = "", "" // the setting itself says it
		}
	} else {
		e.Line, e.Col = position(doc.src, sp.key)
		e.Excerpt = excerpt(doc.src, sp.key, sp.keyEnd)
	}
	d.errs = append(d.errs, e)
}

// table applies tree, found at t, to the struct v; name is its dotted key.
func (d *decoder) table(t trail, name string, tree map[string]any, v reflect.Value) {
	list := mustFields(v.Type())
	for _, key := range d.keys(t, tree) {
		if t == root && (key == "base" || d.apart(key)) && !d.doc.variant {
			continue
		}
		i := slices.IndexFunc(list, func(f field) bool { return f.key == key })
		if i < 0 {
			d.unknown(t.key(key), name, key, tree[key], v, list)
			continue
		}
		d.field(t.key(key), name, list[i], tree[key], v.FieldByIndex(list[i].index))
	}
}

// keys lists a table in the order of the file.
func (d *decoder) keys(t trail, tree map[string]any) []string {
	list := make([]string, 0, len(tree))
	for key := range tree {
		list = append(list, key)
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := d.doc.at[t.key(list[i])], d.doc.at[t.key(list[j])]
		if a.key != b.key {
			return a.key < b.key
		}
		return list[i] < list[j]
	})
	return list
}

func (d *decoder) field(t trail, table string, f field, x any, v reflect.Value) {
	name := join(table, f.key)
	tree, isTable := x.(map[string]any)
	switch f.kind {
	case tableKind:
		if !isTable {
			d.mismatch(t, table, f.key, "a table", x)
			return
		}
		d.note(name, t)
		d.table(t, name, tree, v)
	case tablesKind:
		d.list(t, table, f, x, v)
	case choiceKind:
		d.choice(t, table, f, x, v.Addr().Interface().(oneOf))
	case choicesKind:
		if !isTable {
			d.mismatch(t, table, f.key, "a table whose sub-tables are the choices, as [evaluate.knn]", x)
			return
		}
		d.note(name, t)
		many := v.Addr().Interface().(manyOf)
		for _, one := range d.keys(t, tree) {
			d.oneOfMany(t.key(one), name, f.of, one, tree[one], many)
		}
	default:
		d.leaf(t, table, f.key, x, v)
		d.note(name, t)
	}
}

// note remembers where a key was written last.
func (d *decoder) note(name string, t trail) { d.places[name] = place{d.doc, d.doc.at[t]} }

// forget drops what was noted below a key, for values that are replaced.
func (d *decoder) forget(name string) {
	for key := range d.places {
		if strings.HasPrefix(key, name+".") || strings.HasPrefix(key, name+"[") {
			delete(d.places, key)
		}
	}
}

// list replaces a slice of structs by an array of tables.
func (d *decoder) list(t trail, table string, f field, x any, v reflect.Value) {
	name := join(table, f.key)
	var elems []map[string]any
	switch x := x.(type) {
	case []map[string]any:
		elems = x
	case []any:
		for i, e := range x {
			tree, ok := e.(map[string]any)
			if !ok {
				d.mismatch(t.elem(i), table, f.key, "a table", e)
				return
			}
			elems = append(elems, tree)
		}
	default:
		d.mismatch(t, table, f.key, "a list of tables, as [["+name+"]]", x)
		return
	}
	d.forget(name)
	d.note(name, t)
	v.SetZero()
	if len(elems) > 0 {
		v.Set(reflect.MakeSlice(v.Type(), len(elems), len(elems)))
	}
	for i, tree := range elems {
		one := fmt.Sprintf("%s[%d]", name, i)
		d.note(one, t.elem(i))
		d.table(t.elem(i), one, tree, v.Index(i))
	}
}

// choice applies [method.vicreg] or method = "vicreg".
func (d *decoder) choice(t trail, table string, f field, x any, c oneOf) {
	name := join(table, f.key)
	cat, ok := d.catalog(name, f.of)
	if !ok {
		return
	}
	tree, isTable := x.(map[string]any)
	if word, isName := x.(string); isName {
		if d.knows(d.doc.at[t].value(), name, word, cat) {
			d.choose(t, name, word, cat, c)
		}
		return
	}
	if !isTable {
		d.mismatch(t, table, f.key, "the name of a choice, as ["+name+"."+d.example(cat)+"]", x)
		return
	}
	keys := d.keys(t, tree)
	if len(keys) == 0 {
		d.report(d.doc, d.doc.at[t], name, "", "the header names the choice, as ["+name+"."+d.example(cat)+"]")
		return
	}
	good := true
	for i, key := range keys {
		sp := d.doc.at[t.key(key)]
		_, isTable := tree[key].(map[string]any)
		switch {
		case !isTable && !cat.has(key):
			d.report(d.doc, sp, name, quoteKey(key),
				"settings go below the choice that has them, as ["+name+"."+d.example(cat)+"]")
			good = false
		case !isTable:
			d.mismatch(t.key(key), name, key, "a table of its settings", tree[key])
			good = false
		case !d.knows(sp, name, key, cat):
			good = false
		case i > 0:
			first, _ := position(d.doc.src, d.doc.at[t.key(keys[0])].key)
			text := fmt.Sprintf("second %s in one file, the first is [%s] on line %d: keep one", f.key,
				join(name, keys[0]), first)
			if d.doc.kind == fromSet {
				text = fmt.Sprintf("two of %s at once, %s and %s: keep one", f.key, keys[0], key)
			}
			d.report(d.doc, sp, join(name, key), "", text)
			good = false
		}
	}
	if !good {
		return
	}
	if value, ok := d.choose(t.key(keys[0]), name, keys[0], cat, c); ok {
		d.table(t.key(keys[0]), join(name, keys[0]), tree[keys[0]].(map[string]any), value)
	}
}

// choose selects word, with its own defaults if it was not selected before.
func (d *decoder) choose(t trail, name, word string, cat Catalog, c oneOf) (reflect.Value, bool) {
	current, value := c.chosen()
	if current != word {
		value = cat.make(word)
		d.forget(name)
		if err := c.choose(word, value); err != nil {
			return d.fault(err)
		}
	}
	d.note(name, t)
	d.note(join(name, word), t)
	v, err := settings(word, value)
	if err != nil {
		return d.fault(err)
	}
	return v, true
}

// oneOfMany applies [evaluate.knn] or evaluate.knn = true | false.
func (d *decoder) oneOfMany(t trail, name, kind, word string, x any, c manyOf) {
	cat, ok := d.catalog(name, kind)
	if !ok {
		return
	}
	tree, isTable := x.(map[string]any)
	on, isBool := x.(bool)
	if !cat.has(word) && !isTable && !isBool {
		d.report(d.doc, d.doc.at[t], name, quoteKey(word),
			"settings go below the choice that has them, as ["+name+"."+d.example(cat)+"]")
		return
	}
	if !d.knows(d.doc.at[t], name, word, cat) {
		return
	}
	switch {
	case !isTable && !isBool:
		d.mismatch(t, name, word, "a table of its settings, or false to switch it off", x)
		return
	case isBool && !on:
		c.turnOff(word)
		d.forget(join(name, word))
		d.note(join(name, word), t)
		return
	}
	value, already := c.find(word)
	if !already {
		value = cat.make(word)
		if err := c.turnOn(word, value); err != nil {
			d.fault(err)
			return
		}
	}
	d.note(join(name, word), t)
	v, err := settings(word, value)
	if err != nil {
		d.fault(err)
		return
	}
	d.table(t, join(name, word), tree, v)
}

func (d *decoder) fault(err error) (reflect.Value, bool) {
	if d.broken == nil {
		d.broken = err
	}
	return reflect.Value{}, false
}

func (d *decoder) catalog(name, kind string) (Catalog, bool) {
	cat, ok := d.opt.Catalogs[kind]
	if !ok && d.broken == nil {
		d.broken = fmt.Errorf("overlay: no catalog for %s: want Options.Catalogs[%q]", name, kind)
	}
	return cat, ok
}
