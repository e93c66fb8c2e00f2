package experiment

import (
	"selfsup/datasets"
)

// What messages and tables call samples of a kind of data.

// Noun names the samples of the recipe's data: images, rows.
func (s *Setup) Noun() string {
	return datasets.PlainKind(datasets.SamplesOf(s.Recipe.Dataset.Value))
}

// rawName names the samples themselves as a representation: pixels, or raw for standardised columns, counts of symbols
// and the like.
func (s *Setup) rawName() string {
	if s.Noun() == "images" {
		return "pixels"
	}
	return "raw"
}

// SeenAs names the form in which a batch has samples: views; rows are what they are.
func (s *Setup) SeenAs() string {
	if s.Noun() == "rows" {
		return ""
	}
	return ", views"
}
