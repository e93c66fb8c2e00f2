package experiment

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/methods"
)

// takers says which methods of the catalog the data and the backbone can serve, for a recipe whose method they cannot.
func (s *Setup) takers() string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(s.Recipe.Catalog.Methods)) {
		if s.serves(s.Recipe.Catalog.Methods[name]()) {
			names = append(names, name)
		}
	}
	with := fmt.Sprintf("of dataset.%s with backbone.%s", s.Recipe.Dataset.Name, s.Recipe.Backbone.Name)
	if len(names) == 0 {
		return fmt.Sprintf("no method of the catalog takes the %s %s", s.Kind.Noun(), with)
	}
	return fmt.Sprintf("methods that take the %s %s: %s", s.Kind.Noun(), with, strings.Join(names, ", "))
}

// serves reports whether the data have all that a method with its default settings asks for, and the backbone too.
func (s *Setup) serves(m methods.Method) bool {
	maker := s.Kind.Training(s.Seen)
	made := &Setup{}
	_, err := graph.Build(graph.Options{Training: true}, func(g *graph.Scope) {
		b := methods.NewBatch(g, s.rowsAtOnce(), methods.Data{Maker: maker, Samples: s.Seen.Len(),
			Classes: len(s.Data.Train.Classes()), Leading: s.leading()})
		m.Build(g, s.encoder(), b)
		made.Wants, made.Masks, made.Edits = b.Wants(), b.Masks(), b.Edits()
	})
	if err == nil {
		_, err = feed.Edited(maker, made.Edits).Worker(made.made())
	}
	return err == nil
}
