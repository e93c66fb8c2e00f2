package overlay

import (
	"fmt"
	"maps"
	"strings"
)

// Value is something that a file writes in a table of [Options.Apart], with its place: what a sweep tries.
type Value struct {
	X     any // as the TOML parser gives it: a table is a map[string]any, a list a []any or []map[string]any
	doc   *document
	at    trail
	drawn bool // X was made for the place, and is not written there
}

// Given is a value for the setting with a dotted key, part by part; no part: a table of settings of the whole recipe.
type Given struct {
	Key   []string
	Value Value
}

// ReadApart reads a table of [Options.Apart] of a recipe's own file. ok is false where the file has none.
func ReadApart(file, name string, opt Options) (v Value, ok bool, err error) {
	d := &decoder{opt: opt, file: file, places: map[string]place{}}
	docs := d.chain(file)
	if len(d.errs) > 0 {
		return v, false, d.errs
	}
	doc := docs[len(docs)-1]
	x, ok := doc.tree[name]
	return Value{X: x, doc: doc, at: root.key(name)}, ok, nil
}

// LoadVariant is Load of a recipe that is given values between its file and sets. Mistakes are at the places where the
// values are written. Tables of Options.Apart in the recipe's own file are passed over.
func LoadVariant(file string, given []Given, sets []string, opt Options, into any) (*Result, error) {
	return load(file, nil, append([]Given{}, given...), sets, opt, into)
}

// Drawn is another value at the same place, such as a number of a range.
func (v Value) Drawn(x any) Value { return Value{x, v.doc, v.at, true} }

// Keys lists the keys of a table, in the order of the file; of another value none.
func (v Value) Keys() []string {
	tree, _ := v.X.(map[string]any)
	return (&decoder{doc: v.doc}).keys(v.at, tree)
}

// Key is the value of a table's key. Of a key that is not there X is nil.
func (v Value) Key(key string) Value {
	tree, _ := v.X.(map[string]any)
	return Value{X: tree[key], doc: v.doc, at: v.at.key(key)}
}

// List is the elements of a list; ok is false of another value.
func (v Value) List() (list []Value, ok bool) {
	switch x := v.X.(type) {
	case []any:
		for i, e := range x {
			list = append(list, Value{X: e, doc: v.doc, at: v.at.elem(i)})
		}
	case []map[string]any:
		for i, e := range x {
			list = append(list, Value{X: e, doc: v.doc, at: v.at.elem(i)})
		}
	default:
		return nil, false
	}
	return list, true
}

// Found says what the value is, in TOML's words.
func (v Value) Found() string {
	if v.X == nil {
		return "nothing"
	}
	return found(v.X, (&decoder{doc: v.doc}).raw(v.at))
}

// Bad is a mistake at the value's place, an [Errors] as Load returns.
func (v Value) Bad(format string, args ...any) error { return v.bad(v.span().value(), format, args...) }

// BadKey is Bad with the key of the value pointed at, rather than the value.
func (v Value) BadKey(format string, args ...any) error { return v.bad(v.span(), format, args...) }

func (v Value) bad(sp span, format string, args ...any) error {
	parts := strings.Split(strings.Split(string(v.at), "\x01")[0], "\x00")
	d := &decoder{}
	d.report(v.doc, sp, strings.Join(parts[1:len(parts)-1], "."), parts[len(parts)-1], fmt.Sprintf(format, args...))
	return d.errs
}

// span is where the value is written: the key of an element is that of its list.
func (v Value) span() span {
	sp, key := v.doc.at[v.at], string(v.at)
	for i := strings.LastIndexAny(key, "\x00\x01"); i >= 0 && key[i] == 1; i = strings.LastIndexAny(key, "\x00\x01") {
		key = key[:i]
	}
	of := v.doc.at[trail(key)]
	sp.key, sp.keyEnd = of.key, of.keyEnd
	return sp
}

// variant is the overlay of given values, whose places are those of the file that writes them.
func (d *decoder) variant(given []Given) *document {
	if len(given) == 0 {
		return nil
	}
	of := given[0].Value.doc
	doc := &document{name: of.name, data: of.data, src: of.src, shipped: of.shipped, kind: fromRecipe,
		tree: map[string]any{}, at: map[trail]span{}, made: map[trail]bool{}, variant: true}
	for _, g := range given {
		d.give(doc, doc.tree, root, g.Key, g.Value)
	}
	return doc
}

// give puts a value into the tree of a variant, at a key below t. Tables of several are joined.
func (d *decoder) give(doc *document, tree map[string]any, t trail, key []string, v Value) {
	if len(key) > 0 {
		at := t.key(key[0])
		if len(key) == 1 {
			d.put(doc, tree, at, key[0], v)
			return
		}
		if _, known := doc.at[at]; !known {
			doc.at[at] = v.partSpan(len(key) - 1)
		}
		inner, isTable := tree[key[0]].(map[string]any)
		if _, taken := tree[key[0]]; taken && !isTable {
			d.errs = append(d.errs, v.Bad("%s is given twice: another part of the table sets it too",
				key[0]).(Errors)...)
			return
		}
		if inner == nil {
			inner = map[string]any{}
			tree[key[0]] = inner
		}
		d.give(doc, inner, at, key[1:], v)
		return
	}
	for _, k := range v.Keys() {
		d.put(doc, tree, t.key(k), k, v.Key(k))
	}
}

// put stores a value under one key.
func (d *decoder) put(doc *document, tree map[string]any, at trail, key string, v Value) {
	was, taken := tree[key]
	a, tableWas := was.(map[string]any)
	_, tableIs := v.X.(map[string]any)
	switch {
	case taken && tableWas && tableIs:
		d.give(doc, a, at, nil, v)
		return
	case taken:
		d.errs = append(d.errs, v.Bad("is given twice: another part of the table sets it too").(Errors)...)
		return
	case tableIs && !v.drawn:
		inner := map[string]any{}
		tree[key] = inner
		doc.at[at] = v.span()
		d.give(doc, inner, at, nil, v)
		return
	}
	tree[key] = v.X
	doc.made[at] = v.drawn
	maps.Copy(doc.at, v.below(at))
}

// partSpan is the place of the part of a dotted key that is so many parts before the value.
func (v Value) partSpan(up int) span {
	at := v.at
	for range up {
		if i := strings.LastIndexAny(string(at), "\x00"); i >= 0 {
			at = at[:i]
		}
	}
	return v.doc.at[at]
}

// below is the places of a value and of what is in it, moved to a trail.
func (v Value) below(to trail) map[trail]span {
	moved := map[trail]span{to: v.span()}
	if v.drawn {
		return moved
	}
	for t, sp := range v.doc.at {
		if rest, ok := strings.CutPrefix(string(t), string(v.at)); ok && rest != "" && rest[0] <= 1 {
			moved[to+trail(rest)] = sp
		}
	}
	return moved
}

// apart passes over a table of Options.Apart at the top of a file, or reports it.
func (d *decoder) apart(key string) bool {
	why, is := d.opt.Apart[key]
	switch {
	case !is || d.doc.variant:
		return false
	case d.doc.kind == fromBase:
		d.report(d.doc, d.doc.at[root.key(key)], key, "", "has no part in a base; want it in the recipe's own file")
	case !d.passes:
		d.report(d.doc, d.doc.at[root.key(key)], key, "", why)
	}
	return true
}
