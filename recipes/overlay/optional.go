package overlay

import "reflect"

// Optional is embedded by the struct of a table that concerns some recipes only, such as the views of images. A hidden
// table is not written.
type Optional struct{ hidden bool }

// Hide says whether the table concerns the recipe that it is part of.
func (o *Optional) Hide(hidden bool) { o.hidden = hidden }

// Hidden reports what Hide was told last.
func (o *Optional) Hidden() bool { return o.hidden }

// hidden reports whether a table is one that does not concern its recipe.
func hidden(v reflect.Value) bool {
	o, ok := v.Addr().Interface().(interface{ Hidden() bool })
	return ok && o.Hidden()
}

// Wrote reports whether a recipe or one of its overlays has the key or table of a dotted name.
func (r *Result) Wrote(name string) bool {
	_, ok := r.d.places[name]
	return ok
}
