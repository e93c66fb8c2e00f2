package feed

import (
	"fmt"
	"slices"

	"selfsup/datasets"
)

// Editor makes fields of a sample out of others of the same sample, with random choices: what a denoising model reads
// and what it has to write, the pairs of a window's words. It is read-only and serves any number of goroutines.
type Editor interface {
	// Edits describes the fields that it makes of the given ones, or says why it makes none of them.
	Edits(of []Field) ([]Field, error)
	// Edit fills to, which is 0, from the fields in from, in the orders of Edits.
	Edit(to, from []Slot, r *datasets.Rand) error
}

// Edit is one field that an editor makes.
type Edit struct {
	Editor Editor
	Of     []string // fields of the maker that the editor reads
	Output int      // which of those that the editor makes
	Group  int      // fields of one group are of one draw
}

// Edited is a maker with more fields, made by editors of its own; without any it is the maker.
func Edited(m Maker, edits map[string]Edit) Maker {
	if len(edits) == 0 {
		return m
	}
	return &editedMaker{m, edits}
}

type editedMaker struct {
	Maker
	edits map[string]Edit
}

// Field implements Maker.
func (m *editedMaker) Field(name string) (Field, error) {
	e, ok := m.edits[name]
	if !ok {
		return m.Maker.Field(name)
	}
	made, err := describe(m.Maker, e)
	if err != nil {
		return Field{}, err
	}
	f := made[e.Output]
	f.Name = name
	return f, nil
}

// describe is all fields that an edit's editor makes of a maker's.
func describe(m Maker, e Edit) ([]Field, error) {
	of := make([]Field, len(e.Of))
	for i, name := range e.Of {
		f, err := m.Field(name)
		if err != nil {
			return nil, err
		}
		of[i] = f
	}
	return e.Editor.Edits(of)
}

// Worker implements Maker.
func (m *editedMaker) Worker(names []string) (Worker, error) {
	w := &editedWorker{place: make([]int, len(names))}
	var base []string
	need := func(name string) int {
		if i := slices.Index(base, name); i >= 0 {
			return i
		}
		base = append(base, name)
		return len(base) - 1
	}
	for k, name := range names {
		if _, edited := m.edits[name]; !edited {
			w.place[k] = need(name)
			continue
		}
		w.place[k] = -1
		e := m.edits[name]
		i := slices.IndexFunc(w.groups, func(g editedGroup) bool { return g.number == e.Group })
		if i < 0 {
			made, err := describe(m.Maker, e)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			g := editedGroup{number: e.Group, editor: e.Editor, to: make([]Slot, len(made)),
				at: make([]int, len(made)), own: make([]Slot, len(made))}
			for o, f := range made {
				g.at[o], g.own[o] = -1, NewSlot(f, 1)
			}
			for _, of := range e.Of {
				g.from = append(g.from, need(of))
			}
			w.groups = append(w.groups, g)
			i = len(w.groups) - 1
		}
		w.groups[i].at[e.Output] = k
	}
	inner, err := m.Maker.Worker(base)
	if err != nil {
		return nil, err
	}
	w.inner, w.slots, w.own = inner, make([]Slot, len(base)), make([]Slot, len(base))
	for i, name := range base {
		f, err := m.Maker.Field(name)
		if err != nil {
			return nil, err
		}
		w.own[i] = NewSlot(f, 1)
	}
	return w, nil
}

// editedWorker makes the maker's fields, into its own memory where nobody asked for them, and then the editors'.
type editedWorker struct {
	inner  Worker
	place  []int  // of each name among the maker's fields; -1: an editor makes it
	slots  []Slot // the maker's fields of this sample
	own    []Slot // memory for them
	groups []editedGroup
}

// editedGroup is the fields of one draw.
type editedGroup struct {
	number int
	editor Editor
	from   []int  // places of what it reads among the maker's fields
	at     []int  // of each output among the names; -1: nobody asked for it
	to     []Slot // of this sample
	own    []Slot // memory for what nobody asked for
}

// Make implements Worker.
func (w *editedWorker) Make(to []Slot, i int, key Key) error {
	copy(w.slots, w.own)
	for k, p := range w.place {
		if p >= 0 {
			w.slots[p] = to[k]
		}
	}
	if err := w.inner.Make(w.slots, i, key); err != nil {
		return err
	}
	for _, g := range w.groups {
		from := make([]Slot, len(g.from))
		for k, p := range g.from {
			from[k] = w.slots[p]
		}
		for o, k := range g.at {
			g.to[o] = g.own[o]
			if k >= 0 {
				g.to[o] = to[k]
			}
			clear(g.to[o].F32)
			clear(g.to[o].I32)
		}
		r := datasets.NewRand(key.Seed, "edit", uint64(g.number), uint64(key.Step), uint64(key.Row))
		if err := g.editor.Edit(g.to, from, &r); err != nil {
			return err
		}
	}
	return nil
}

// Spelled is a Maker of texts.
type Spelled interface {
	Vocabulary() *datasets.Vocabulary
}
