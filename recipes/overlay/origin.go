package overlay

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

type originKind int

const (
	fromDefault originKind = iota
	fromPaper
	fromBase
	fromRecipe
	fromSet
	told
)

// Origin is where the value of a setting was decided.
type Origin struct {
	kind originKind
	Name string // the file as opened, or "--set key=value", or what Told was given; empty for defaults
	Line int    // 0 for defaults and --set
}

// Told is an origin that was written down by String.
func Told(text string) Origin { return Origin{kind: told, Name: text} }

// String is "default", "paper default" (the constructor of a choice), "base quickstart.toml:14", "recipe.toml:9" or
// "--set".
func (o Origin) String() string {
	switch o.kind {
	case fromPaper:
		return "paper default"
	case fromBase:
		return "base " + o.Name + ":" + strconv.Itoa(o.Line)
	case fromRecipe:
		return o.Name + ":" + strconv.Itoa(o.Line)
	case fromSet:
		return "--set"
	case told:
		return o.Name
	}
	return "default"
}

// IsDefault says that no overlay wrote the setting.
func (o Origin) IsDefault() bool { return o.kind == fromDefault || o.kind == fromPaper }

// flat is a leaf before its origin is looked up.
type flat struct {
	key, text string
	inChoice  bool
}

// flatten lists all leaves of a recipe in the order of its struct.
func flatten(v reflect.Value) ([]flat, error) {
	var list []flat
	var failed error
	var table func(name string, v reflect.Value, inChoice bool)
	table = func(name string, v reflect.Value, inChoice bool) {
		for _, f := range mustFields(v.Type()) {
			inner, key := v.FieldByIndex(f.index), join(name, f.key)
			switch f.kind {
			case leafKind:
				text, err := leafText(inner)
				if err != nil && failed == nil {
					failed = fmt.Errorf("overlay: %s: %w", key, err)
				}
				list = append(list, flat{key, text, inChoice})
			case tablesKind:
				if inner.Len() == 0 {
					list = append(list, flat{key, "[]", inChoice})
				}
			case choiceKind:
				if word, _ := inner.Addr().Interface().(oneOf).chosen(); word != "" {
					list = append(list, flat{key, word, inChoice})
				}
			case choicesKind:
				many := inner.Addr().Interface().(manyOf)
				for _, off := range many.off() {
					list = append(list, flat{join(key, off), "false", inChoice})
				}
			}
			walkField(inner, f, key, func(name string, s reflect.Value) {
				if f.kind == choicesKind {
					list = append(list, flat{name, "true", inChoice})
				}
				table(name, s, inChoice || f.kind == choiceKind || f.kind == choicesKind)
			})
		}
	}
	table("", v, false)
	return list, failed
}

// origin looks up where a setting was written. An element of a list of tables that leaves a key out counts as a
// default.
func (d *decoder) origin(s flat) Origin {
	p, ok := d.places[s.key]
	switch {
	case ok && p.doc.kind == fromSet:
		return Origin{fromSet, p.doc.name, 0}
	case ok:
		line, _ := position(p.doc.src, p.key)
		return Origin{p.doc.kind, p.doc.name, line}
	case s.inChoice && !strings.Contains(s.key, "["):
		return Origin{kind: fromPaper}
	}
	return Origin{}
}
