package overlay

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// leaf stores one TOML value, or reports why it cannot.
func (d *decoder) leaf(t trail, table, key string, x any, v reflect.Value) {
	if at, bad := notFinite(t, x); bad != 0 {
		d.report(d.doc, d.doc.at[at].value(), table, key,
			strings.ToLower(strings.TrimPrefix(fmt.Sprint(bad), "+"))+" is refused: wants a finite number")
		return
	}
	d.store(t, table, key, x, v)
}

// notFinite finds a nan or inf in a value, lists and tables included.
func notFinite(t trail, x any) (trail, float64) {
	switch x := x.(type) {
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return t, x
		}
	case []any:
		for i, e := range x {
			if at, bad := notFinite(t.elem(i), e); bad != 0 {
				return at, bad
			}
		}
	case []map[string]any:
		for i, e := range x {
			if at, bad := notFinite(t.elem(i), e); bad != 0 {
				return at, bad
			}
		}
	case map[string]any:
		for k, e := range x {
			if at, bad := notFinite(t.key(k), e); bad != 0 {
				return at, bad
			}
		}
	}
	return t, 0
}

func (d *decoder) store(t trail, table, key string, x any, v reflect.Value) {
	switch u := v.Addr().Interface().(type) {
	case toml.Unmarshaler:
		if err := u.UnmarshalTOML(x); err != nil {
			d.report(d.doc, d.doc.at[t].value(), table, key, d.withCure(err.Error(), t, x, v))
		}
		return
	case encoding.TextUnmarshaler:
		text, ok := x.(string)
		if !ok {
			d.misfit(t, table, key, "a string", x, v)
		} else if err := u.UnmarshalText([]byte(text)); err != nil {
			d.report(d.doc, d.doc.at[t].value(), table, key, err.Error())
		}
		return
	}
	good := false
	switch v.Kind() {
	case reflect.Bool:
		var b bool
		if b, good = x.(bool); good {
			v.SetBool(b)
		}
	case reflect.String:
		var s string
		if s, good = x.(string); good {
			v.SetString(s)
		}
	case reflect.Float32, reflect.Float64:
		var f float64
		if f, good = number(x); good {
			if v.OverflowFloat(f) {
				d.mismatch(t, table, key, "a number that a 32-bit float can hold", x)
				return
			}
			v.SetFloat(f)
		}
	case reflect.Slice, reflect.Array:
		d.storeList(t, table, key, x, v)
		return
	default:
		var n int64
		if n, good = x.(int64); good {
			d.storeInt(t, table, key, n, v)
		}
	}
	if !good {
		d.misfit(t, table, key, wants(v.Type()), x, v)
	}
}

// number reads a float; integers are welcome where a float64 holds them exactly.
func number(x any) (float64, bool) {
	switch x := x.(type) {
	case float64:
		return x, true
	case int64:
		return float64(x), math.Abs(float64(x)) <= 1<<53
	}
	return 0, false
}

func (d *decoder) storeInt(t trail, table, key string, n int64, v reflect.Value) {
	switch {
	case v.CanInt() && !v.OverflowInt(n):
		v.SetInt(n)
	case v.CanInt():
		top := int64(1)<<(v.Type().Bits()-1) - 1
		d.mismatch(t, table, key, fmt.Sprintf("an integer from %d to %d", -top-1, top), n)
	case n < 0:
		d.mismatch(t, table, key, "an integer of 0 or more", n)
	case v.OverflowUint(uint64(n)):
		d.mismatch(t, table, key, fmt.Sprintf("an integer from 0 to %d", uint64(1)<<v.Type().Bits()-1), n)
	default:
		v.SetUint(uint64(n))
	}
}

// storeList replaces a list. An empty list is a nil slice.
func (d *decoder) storeList(t trail, table, key string, x any, v reflect.Value) {
	elems, ok := x.([]any)
	if tables, isTables := x.([]map[string]any); isTables {
		for _, one := range tables {
			elems = append(elems, one)
		}
		ok = true
	}
	if !ok || v.Kind() == reflect.Array && len(elems) != v.Len() {
		d.misfit(t, table, key, wants(v.Type()), x, v)
		return
	}
	if v.Kind() == reflect.Slice {
		v.SetZero()
		if len(elems) > 0 {
			v.Set(reflect.MakeSlice(v.Type(), len(elems), len(elems)))
		}
	}
	for i, e := range elems {
		d.store(t.elem(i), table, key, e, v.Index(i))
	}
}

// mismatch reports a value of the wrong type.
func (d *decoder) mismatch(t trail, table, key, want string, x any) {
	d.report(d.doc, d.doc.at[t].value(), table, key, "wants "+want+", found "+found(x, d.raw(t)))
}

// misfit reports a value that a setting cannot hold, with the change that would make it right where that is plain.
func (d *decoder) misfit(t trail, table, key, want string, x any, v reflect.Value) {
	sp := d.doc.at[t].value()
	if d.doc.trial {
		d.report(d.doc, sp, table, key, want)
		return
	}
	if text := outOfRange(d.doc.bare, v.Type()); text != "" {
		d.report(d.doc, sp, table, key, text)
		return
	}
	text := "wants " + want + ", found " + found(x, d.raw(t))
	_, quoted := x.(string)
	if u, ok := reflect.New(v.Type()).Interface().(encoding.TextUnmarshaler); ok && !quoted && d.doc.kind == fromSet {
		if err := u.UnmarshalText([]byte(d.raw(t))); err != nil { // quotes alone would not help
			text = err.Error()
		}
	}
	switch cure := d.cure(t, x, v); {
	case cure == "":
	case quoted && d.doc.bare == "" && cure == x:
		text += ": remove the quotes"
	case d.doc.kind == fromSet && strings.HasPrefix(cure, `"`):
		text += fmt.Sprintf(": write --set '%s=%s'", d.doc.setKey, clip(cure))
	default:
		text += ": write " + clip(cure)
	}
	d.report(d.doc, sp, table, key, text)
}

// withCure adds to a setting's own words what would be right, if they do not say it.
func (d *decoder) withCure(text string, t trail, x any, v reflect.Value) string {
	if d.doc.trial {
		return text
	}
	if cure := d.cure(t, x, v); cure != "" && !strings.Contains(text, cure) && !strings.HasPrefix(cure, `"`) {
		return text + ": write " + clip(cure)
	}
	return text
}

// wants names a leaf type in TOML's words.
func wants(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Float32, reflect.Float64:
		return "a float"
	case reflect.Slice:
		return "a list of " + plural(t.Elem())
	case reflect.Array:
		return fmt.Sprintf("a list of %d %s", t.Len(), plural(t.Elem()))
	}
	return "an integer"
}

func plural(t reflect.Type) string {
	if p := reflect.PointerTo(t); p.Implements(tomlUnmarshaler) {
		return "values"
	} else if p.Implements(textUnmarshaler) {
		return "strings"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "booleans"
	case reflect.String:
		return "strings"
	case reflect.Float32, reflect.Float64:
		return "floats"
	case reflect.Slice, reflect.Array:
		return "lists of " + plural(t.Elem())
	}
	return "integers"
}

// found describes a value in TOML's words; raw is its text in the file, if known.
func found(x any, raw string) string {
	shown := clip(raw)
	switch x := x.(type) {
	case string:
		return "the string " + quote(clip(x))
	case int64:
		if shown == "" {
			shown = strconv.FormatInt(x, 10)
		}
		return "the integer " + shown
	case float64:
		if shown == "" {
			shown = formatFloat(x, 64)
		}
		return "the float " + shown
	case bool:
		return "the boolean " + strconv.FormatBool(x)
	case time.Time:
		return "the date " + shown
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "a list of tables"
	case []any:
		return fmt.Sprintf("a list of %d", len(x))
	}
	return fmt.Sprintf("a %T", x)
}

// clip shortens a value for a message.
func clip(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if r := []rune(s); len(r) > 40 {
		return string(r[:37]) + "..."
	}
	return s
}
