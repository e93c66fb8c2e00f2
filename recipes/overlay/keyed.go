package overlay

import (
	"reflect"
	"regexp"
	"strings"

	"selfsup/setting"
)

// named is a message that begins with a setting: "flip = 2, want a probability", "train is empty; want a directory".
var named = regexp.MustCompile(`^([a-z][a-z0-9_]*)(?:\[\d+\])?(?: = |: | (?:is|has|with) )`)

// keyed gives an error the key that its text begins with, if that is a setting of the struct v; else it is as it was.
// Errors that say their key, as setting.Bad's do, keep it.
func keyed(v reflect.Value, err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, one := range joined.Unwrap() {
			all = append(all, keyed(v, one))
		}
		return joinedErrors(all)
	}
	if _, has := err.(interface{ BadKey() (key, text string) }); has {
		return err
	}
	m := named.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	for _, f := range mustFields(v.Type()) {
		if f.key == m[1] {
			text := err.Error()
			if text[len(m[1])] != '[' { // of a list the message says which entry
				text = strings.TrimLeft(strings.TrimPrefix(text[len(m[1]):], " ="), ": ")
			}
			return setting.Bad(m[1], "%s", text)
		}
	}
	return err
}

// joinedErrors are errors that are placed one by one.
type joinedErrors []error

func (e joinedErrors) Error() string   { return e[0].Error() }
func (e joinedErrors) Unwrap() []error { return e }

// Place is a mistake in a table that shows only when more is known than the recipe, such as the size of the images: at
// the setting that the error names, or that its text begins with, else at the table. It is an [Errors] as Load returns.
func (r *Result) Place(table string, err error) error {
	d := *r.d
	d.errs = nil
	walk(d.recipe, "", func(name string, v reflect.Value) {
		if name == table {
			err = keyed(v, err)
		}
	})
	d.refuse(table, err)
	return d.errs
}
