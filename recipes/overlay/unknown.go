package overlay

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Lacking is a table that says why it has not a key that others of its kind have; "" is no reason.
type Lacking interface{ Lacks(key string) string }

// unknown reports a key that the table v has not, with the likeliest cure. A whole unknown table is reported once.
func (d *decoder) unknown(t trail, table, key string, x any, v reflect.Value, list []field) {
	sp := d.doc.at[t]
	var names []string
	for _, f := range list {
		names = append(names, f.key)
	}
	_, isTable := x.(map[string]any)
	_, isTables := x.([]map[string]any)
	what := "unknown key"
	if isTable || isTables {
		what = "unknown table"
	}
	why := ""
	if l, ok := v.Addr().Interface().(Lacking); ok {
		why = l.Lacks(key)
	}
	homes := d.homes(table, key)
	switch close := Nearest(key, names); {
	case why != "":
		what += "; " + why
	case len(close) > 0:
		what += ", " + didYouMean(close)
	case len(homes) > 0:
		what += " here; it belongs to " + strings.Join(homes, " or ")
	case len(names) == 0 && table != "":
		what += "; this table has no keys"
	case len(names) <= 12:
		what += "; known here: " + strings.Join(names, ", ")
	default:
		what += "; known here: " + strings.Join(names[:12], ", ") + ", ..."
	}
	if isTable || isTables {
		d.report(d.doc, sp, join(table, key), "", what)
	} else {
		d.report(d.doc, sp, table, quoteKey(key), what)
	}
}

// homes lists the other tables of the recipe, as selected so far, that have key: a key below the wrong header is a
// common slip.
func (d *decoder) homes(table, key string) []string {
	var found []string
	walk(d.recipe, "", func(name string, v reflect.Value) {
		if name == table || len(found) == 3 {
			return
		}
		has := slices.ContainsFunc(mustFields(v.Type()), func(f field) bool { return f.key == key })
		switch {
		case has && name == "":
			found = append(found, "the top of the file")
		case has:
			found = append(found, "["+name+"]")
		}
	})
	return found
}

// walk visits a struct and all structs below it, the outer first; choices only as selected.
func walk(v reflect.Value, name string, visit func(name string, v reflect.Value)) {
	visit(name, v)
	for _, f := range mustFields(v.Type()) {
		inner := v.FieldByIndex(f.index)
		walkField(inner, f, join(name, f.key), func(name string, v reflect.Value) { walk(v, name, visit) })
	}
}

// walkField visits the structs that one field holds.
func walkField(v reflect.Value, f field, name string, visit func(name string, v reflect.Value)) {
	choice := func(word string, value any) {
		if s, err := settings(word, value); err == nil {
			visit(join(name, word), s)
		}
	}
	switch f.kind {
	case tableKind:
		if !hidden(v) {
			visit(name, v)
		}
	case tablesKind:
		for i := range v.Len() {
			visit(fmt.Sprintf("%s[%d]", name, i), v.Index(i))
		}
	case choiceKind:
		if word, value := v.Addr().Interface().(oneOf).chosen(); word != "" {
			choice(word, value)
		}
	case choicesKind:
		v.Addr().Interface().(manyOf).each(choice)
	}
}

// knows says whether the catalog has word, else reports it at sp.
func (d *decoder) knows(sp span, name, word string, cat Catalog) bool {
	if cat.has(word) {
		return true
	}
	text := "not one of the " + cat.plural
	close := Nearest(word, cat.names)
	switch {
	case len(close) > 0:
		text += ", " + didYouMean(close)
	case d.opt.See == "":
		text += "; there are " + list(cat.names, "and")
	}
	if d.opt.See != "" {
		text += fmt.Sprintf(" (see: %s %s)", d.opt.See, cat.plural)
	}
	d.report(d.doc, sp, join(name, word), "", text)
	return false
}

// example is a name of the catalog to show in a message.
func (d *decoder) example(cat Catalog) string {
	if len(cat.names) == 0 {
		return "name"
	}
	return cat.names[0]
}
