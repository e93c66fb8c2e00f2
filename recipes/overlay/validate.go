package overlay

import (
	"errors"
	"reflect"
)

// validate asks every struct with Validate() error, the inner before the outer, which is asked only if all below it
// agree. Embedded structs count as inner ones, so that each is asked even where Go promotes none of their methods. A
// choice that is still open is an error unless its field is optional.
func (d *decoder) validate(v reflect.Value, name string) (good bool) {
	good = true
	for _, f := range mustFields(v.Type()) {
		inner := v.FieldByIndex(f.index)
		if f.kind == choiceKind && !f.optional {
			if word, _ := inner.Addr().Interface().(oneOf).chosen(); word == "" {
				d.missing(name, f)
				good = false
			}
		}
		walkField(inner, f, join(name, f.key), func(name string, s reflect.Value) {
			good = d.validate(s, name) && good
		})
	}
	return good && d.ask(v, name)
}

func (d *decoder) ask(v reflect.Value, name string) (good bool) {
	good = true
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Anonymous && f.IsExported() && f.Type.Kind() == reflect.Struct &&
			f.Tag.Get("toml") == "" {
			good = d.ask(v.Field(i), name) && good
		}
	}
	checked, ok := v.Addr().Interface().(interface{ Validate() error })
	if !ok || !good {
		return good
	}
	if err := checked.Validate(); err != nil {
		d.refuse(name, keyed(v, err))
		return false
	}
	return true
}

func (d *decoder) missing(table string, f field) {
	key := f.key
	name := join(table, key)
	cat, ok := d.catalog(name, f.of)
	if !ok {
		return
	}
	text := "no " + key + " is chosen: add a table such as [" + name + "." + d.example(cat) + "]"
	if d.opt.See != "" {
		text += " (see: " + d.opt.See + " " + cat.plural + ")"
	}
	d.errs = append(d.errs, &Error{File: d.file, NoLine: "missing", Table: table, Text: text, order: last})
}

// refuse places the error of a Validate: at the key it names, else at its table, else it says that all is default.
func (d *decoder) refuse(table string, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			d.refuse(table, one)
		}
		return
	}
	key, text := "", err.Error()
	var bad interface{ BadKey() (key, text string) }
	if errors.As(err, &bad) {
		key, text = bad.BadKey()
	}
	at := table
	if key != "" {
		at = key
		if table != "" {
			at = table + "." + key
		}
	}
	p, ok := d.places[at]
	switch {
	case ok && key == "":
		d.report(p.doc, p.span, table, "", text)
	case ok:
		d.report(p.doc, p.span.value(), table, key, text)
	case table == "" && key == "":
		d.errs = append(d.errs, &Error{File: d.file, NoLine: "missing", Text: text, order: last})
	default:
		d.errs = append(d.errs, &Error{File: d.file, NoLine: "default", Table: table, Key: key, Text: text,
			order: last})
	}
}
