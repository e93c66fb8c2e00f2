package overlay

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"
)

// kind is the role of a Go type in a recipe.
type kind int

const (
	unsupported kind = iota
	leafKind         // one TOML value
	tableKind        // struct
	tablesKind       // slice of structs
	choiceKind
	choicesKind
)

var (
	tomlUnmarshaler = reflect.TypeFor[toml.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	tomlMarshaler   = reflect.TypeFor[toml.Marshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
)

func kindOf(t reflect.Type) kind {
	p := reflect.PointerTo(t)
	switch {
	case p.Implements(tomlUnmarshaler), p.Implements(textUnmarshaler):
		if p.Implements(tomlMarshaler) || p.Implements(textMarshaler) {
			return leafKind
		}
		return unsupported
	case p.Implements(oneOfType):
		return choiceKind
	case p.Implements(manyOfType):
		return choicesKind
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return leafKind
	case reflect.Struct:
		return tableKind
	case reflect.Slice, reflect.Array:
		switch e := kindOf(t.Elem()); {
		case e == leafKind:
			return leafKind
		case e == tableKind && t.Kind() == reflect.Slice:
			return tablesKind
		}
	}
	return unsupported
}

// field is one key of a table.
type field struct {
	key      string
	index    []int // for reflect.Value.FieldByIndex
	kind     kind
	optional bool   // of a Choice
	of       string // catalog of a Choice or of Choices
}

// fields lists the keys of a struct in its order, embedded structs flattened.
func fields(t reflect.Type) ([]field, error) {
	var list []field
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("toml")
		key, _, _ := strings.Cut(tag, ",")
		switch {
		case key == "-":
			continue
		case f.Anonymous && key == "" && f.Type.Kind() == reflect.Struct:
			inner, err := fields(f.Type)
			if err != nil {
				return nil, err
			}
			for _, in := range inner {
				in.index = append([]int{i}, in.index...)
				list = append(list, in)
			}
			continue
		case !f.IsExported():
			continue
		case !tagged || key == "":
			return nil, fmt.Errorf(`overlay: field %s.%s has no toml tag: want toml:"key", or toml:"-" to leave it out`,
				t, f.Name)
		}
		if quoteKey(key) != key {
			return nil, fmt.Errorf("overlay: field %s.%s: key %q: want letters, digits, - and _", t, f.Name, key)
		}
		k := kindOf(f.Type)
		if k == unsupported {
			return nil, fmt.Errorf("overlay: field %s.%s: a recipe cannot hold a %s", t, f.Name, f.Type)
		}
		one := field{key: key, index: []int{i}, kind: k, of: key}
		for _, word := range strings.Split(f.Tag.Get("overlay"), ",") {
			of, named := strings.CutPrefix(word, "of=")
			switch {
			case word == "optional":
				one.optional = true
			case named && of != "":
				one.of = of
			case word != "":
				return nil, fmt.Errorf("overlay: field %s.%s: overlay:%q: want optional, or of=CATALOG", t, f.Name,
					word)
			}
		}
		list = append(list, one)
	}
	seen := map[string]bool{}
	for _, f := range list {
		if seen[f.key] {
			return nil, fmt.Errorf("overlay: struct %s has the key %q twice", t, f.key)
		}
		seen[f.key] = true
	}
	return list, nil
}

// mustFields is fields of a struct that checkSchema has passed.
func mustFields(t reflect.Type) []field {
	list, err := fields(t)
	if err != nil {
		panic(err)
	}
	return list
}

// checkSchema reports what a recipe cannot hold in a struct and in the structs below it, choices excepted: they are
// checked when selected.
func checkSchema(t reflect.Type) error { return checkTypes(t, map[reflect.Type]bool{}) }

func checkTypes(t reflect.Type, seen map[reflect.Type]bool) error {
	if seen[t] {
		return nil
	}
	seen[t] = true
	list, err := fields(t)
	if err != nil {
		return err
	}
	for _, f := range list {
		ft := t.FieldByIndex(f.index).Type
		if f.kind == tablesKind {
			ft = ft.Elem()
		}
		if f.kind == tableKind || f.kind == tablesKind {
			if err := checkTypes(ft, seen); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkRecipe is checkSchema of a recipe and of all choices that it has selected.
func checkRecipe(v reflect.Value) error {
	if err := checkSchema(v.Type()); err != nil {
		return err
	}
	var failed error
	check := func(name string, value any) {
		s, err := settings(name, value)
		if err == nil {
			err = checkRecipe(s)
		}
		if failed == nil {
			failed = err
		}
	}
	for _, f := range mustFields(v.Type()) {
		switch inner := v.FieldByIndex(f.index); f.kind {
		case choiceKind:
			if name, value := inner.Addr().Interface().(oneOf).chosen(); name != "" {
				check(name, value)
			}
		case choicesKind:
			inner.Addr().Interface().(manyOf).each(check)
		default:
			walkField(inner, f, "", func(_ string, s reflect.Value) {
				if err := checkRecipe(s); failed == nil {
					failed = err
				}
			})
		}
	}
	return failed
}

// join appends a key to a dotted key.
func join(table, key string) string {
	if table == "" {
		return quoteKey(key)
	}
	return table + "." + quoteKey(key)
}
