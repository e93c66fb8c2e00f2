package overlay

import (
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
)

// Choice is one entry of a catalog with its settings: `[method.vicreg]` is Choice{"vicreg", *VICReg}.
type Choice[T any] struct {
	Name  string // empty: nothing selected
	Value T      // a pointer to the settings struct
}

// Choices is any number of entries of a catalog.
type Choices[T any] struct {
	On  []Choice[T] // by name
	Off []string    // names that an overlay switched off, by name; kept so that the resolved recipe says so
}

// Catalog lists the entries that a Choice can name. Build one with [Of].
type Catalog struct {
	plural string
	names  []string
	make   func(name string) any
}

// Of makes a catalog of constructors; each returns a pointer to fresh settings with the defaults of that choice (the
// paper's). plural is the word of the listing command: "methods".
func Of[T any, M ~map[string]func() T](plural string, entries M) Catalog {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	sort.Strings(names)
	return Catalog{plural, names, func(name string) any { return entries[name]() }}
}

// Names lists the catalog in order.
func (c Catalog) Names() []string { return slices.Clone(c.names) }

func (c Catalog) has(name string) bool {
	_, ok := slices.BinarySearch(c.names, name)
	return ok
}

// oneOf and manyOf are how reflection sees Choice and Choices.
type oneOf interface {
	chosen() (name string, value any)
	choose(name string, value any) error
}

type manyOf interface {
	each(func(name string, value any))
	find(name string) (value any, on bool)
	turnOn(name string, value any) error
	turnOff(name string)
	off() []string
}

var (
	oneOfType  = reflect.TypeFor[oneOf]()
	manyOfType = reflect.TypeFor[manyOf]()
)

func (c *Choice[T]) chosen() (string, any) { return c.Name, c.Value }

func (c *Choice[T]) choose(name string, value any) error {
	t, ok := value.(T)
	if !ok {
		return fmt.Errorf("overlay: catalog entry %q is a %T, the recipe wants %s", name, value, reflect.TypeFor[T]())
	}
	c.Name, c.Value = name, t
	return nil
}

func (c *Choices[T]) each(f func(string, any)) {
	for i := range c.On {
		f(c.On[i].Name, c.On[i].Value)
	}
}

func (c *Choices[T]) find(name string) (any, bool) {
	for _, one := range c.On {
		if one.Name == name {
			return one.Value, true
		}
	}
	return nil, false
}

func (c *Choices[T]) turnOn(name string, value any) error {
	var one Choice[T]
	if err := one.choose(name, value); err != nil {
		return err
	}
	c.On = append(c.On, one)
	c.Off = slices.DeleteFunc(c.Off, func(o string) bool { return o == name })
	slices.SortStableFunc(c.On, func(a, b Choice[T]) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// turnOff forgets the settings of name, so that switching it on again starts from the defaults.
func (c *Choices[T]) turnOff(name string) {
	c.On = slices.DeleteFunc(c.On, func(one Choice[T]) bool { return one.Name == name })
	if i, found := slices.BinarySearch(c.Off, name); !found {
		c.Off = slices.Insert(c.Off, i, name)
	}
}

func (c *Choices[T]) off() []string { return c.Off }

// settings is the struct behind a choice's value.
func settings(name string, value any) (reflect.Value, error) {
	v := reflect.ValueOf(value)
	if quoteKey(name) != name {
		return v, fmt.Errorf("overlay: catalog entry %q: want a name of letters, digits, - and _", name)
	}
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return v, fmt.Errorf("overlay: catalog entry %q is a %T, want a pointer to a struct", name, value)
	}
	return v.Elem(), checkSchema(v.Elem().Type())
}
