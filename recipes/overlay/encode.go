package overlay

import (
	"encoding"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// Encode writes a recipe, a pointer to its struct, as TOML with every setting spelled out, in the order of the struct
// but values before tables. Loading the text gives the same recipe again. With origins from a [Result], each line ends
// in a comment that says where the value came from; nil leaves them out.
func Encode(w io.Writer, recipe any, origins *Result) error {
	v := reflect.ValueOf(recipe)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("overlay: Encode of %T: want a pointer to a struct", recipe)
	}
	if err := checkRecipe(v.Elem()); err != nil {
		return err
	}
	e := &encoder{}
	if origins != nil {
		e.origins = map[string]Origin{}
		for _, l := range origins.Leaves {
			e.origins[l.Key] = l.Origin
		}
	}
	if err := e.table(v.Elem(), ""); err != nil {
		return err
	}
	_, err := io.WriteString(w, strings.TrimPrefix(e.b.String(), "\n"))
	return err
}

type encoder struct {
	b       strings.Builder
	origins map[string]Origin
}

func (e *encoder) line(text, key string) {
	e.b.WriteString(text)
	if o, ok := e.origins[key]; ok {
		e.b.WriteString("  # " + strings.ReplaceAll(o.String(), "\n", " "))
	}
	e.b.WriteByte('\n')
}

// header writes [name]; dotted names of list elements lose their indices.
func (e *encoder) header(name, open, shut, key string) {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] == '[' {
			i += strings.IndexByte(name[i:], ']')
			continue
		}
		b.WriteByte(name[i])
	}
	e.b.WriteByte('\n')
	e.line(open+b.String()+shut, key)
}

// table writes the values of a struct, then its tables.
func (e *encoder) table(v reflect.Value, name string) error {
	list := mustFields(v.Type())
	for _, f := range list {
		inner := v.FieldByIndex(f.index)
		if f.kind == tablesKind && inner.Len() == 0 {
			e.line(quoteKey(f.key)+" = []", join(name, f.key))
		}
		if f.kind != leafKind {
			continue
		}
		text, err := leafText(inner)
		if err != nil {
			return fmt.Errorf("overlay: %s: %w", join(name, f.key), err)
		}
		e.line(quoteKey(f.key)+" = "+text, join(name, f.key))
	}
	for _, f := range list {
		inner := v.FieldByIndex(f.index)
		key := join(name, f.key)
		if many, ok := inner.Addr().Interface().(manyOf); ok && f.kind == choicesKind && len(many.off()) > 0 {
			e.header(key, "[", "]", "")
			for _, off := range many.off() {
				e.line(quoteKey(off)+" = false", join(key, off))
			}
		}
		var err error
		walkField(inner, f, key, func(name string, s reflect.Value) {
			if err != nil {
				return
			}
			switch f.kind {
			case tablesKind:
				e.header(key, "[[", "]]", "")
			case choiceKind:
				e.header(name, "[", "]", key)
			case choicesKind:
				e.header(name, "[", "]", name)
			default:
				if hasLeaves(s) {
					e.header(name, "[", "]", "")
				}
			}
			err = e.table(s, name)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func hasLeaves(v reflect.Value) bool {
	for _, f := range mustFields(v.Type()) {
		if f.kind == leafKind || f.kind == tablesKind && v.FieldByIndex(f.index).Len() == 0 {
			return true
		}
	}
	return false
}

// leafText is a value as TOML on one line.
func leafText(v reflect.Value) (string, error) {
	switch m := v.Addr().Interface().(type) {
	case toml.Marshaler:
		text, err := m.MarshalTOML()
		return string(text), err
	case encoding.TextMarshaler:
		text, err := m.MarshalText()
		if err == nil && !utf8.Valid(text) {
			err = fmt.Errorf("%q is not UTF-8", text)
		}
		return quote(string(text)), err
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			return "", fmt.Errorf("%q is not UTF-8", v.String())
		}
		return quote(v.String()), nil
	case reflect.Float32, reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return "", fmt.Errorf("%v: a recipe holds finite numbers only", f)
		}
		return formatFloat(v.Float(), v.Type().Bits()), nil
	case reflect.Slice, reflect.Array:
		parts := make([]string, v.Len())
		for i := range parts {
			var err error
			if parts[i], err = leafText(v.Index(i)); err != nil {
				return "", err
			}
		}
		return "[" + strings.Join(parts, ", ") + "]", nil
	}
	if v.CanInt() {
		return strconv.FormatInt(v.Int(), 10), nil
	}
	if v.Uint() > math.MaxInt64 {
		return "", fmt.Errorf("%d: TOML integers end at %d", v.Uint(), int64(math.MaxInt64))
	}
	return strconv.FormatUint(v.Uint(), 10), nil
}

// formatFloat is the shortest text that reads back to the same bits, always a TOML float.
func formatFloat(f float64, bits int) string {
	s := strconv.FormatFloat(f, 'g', -1, bits)
	mantissa, exponent, scientific := strings.Cut(s, "e")
	if !scientific {
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	sign := strings.TrimSuffix(exponent[:1], "+")
	return mantissa + "e" + sign + strings.TrimLeft(exponent[1:], "0")
}

// quote writes a TOML basic string.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// quoteKey quotes a key that cannot stand bare.
func quoteKey(key string) string {
	for _, r := range key {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-') {
			return quote(key)
		}
	}
	if key == "" {
		return `""`
	}
	return key
}
