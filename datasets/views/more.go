package views

import (
	"selfsup/datasets"
	"selfsup/recipes/overlay"
)

// Augmentation changes a view in a way of its own: a table [views.more.NAME] of a recipe, by an entry of the catalog.
// It comes after this package's operations and before normalisation. Of several the first by name comes first.
type Augmentation interface {
	// Augment changes a view of pixels from 0 to 1, numbered from 0. r is the view's own stream of random numbers: what
	// it draws depends on seed, step, sample and view alone, and changes no other choice.
	Augment(v Pixels, r *datasets.Rand, view int)
}

// More are augmentations from outside.
type More struct {
	More overlay.Choices[Augmentation] `toml:"more"`
}

// drawMany opens the streams of the augmentations from outside.
func (m *More) drawMany(stream func(name string) datasets.Rand) []datasets.Rand {
	if len(m.More.On) == 0 {
		return nil
	}
	rs := make([]datasets.Rand, len(m.More.On))
	for i, a := range m.More.On {
		rs[i] = stream("view/more/" + a.Name)
	}
	return rs
}

func (m *More) augment(v Pixels, rs []datasets.Rand, view int) {
	for i := range rs {
		m.More.On[i].Value.Augment(v, &rs[i], view)
	}
}
