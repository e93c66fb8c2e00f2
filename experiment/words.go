package experiment

import (
	"strings"

	"selfsup/datasets"
)

// What messages and tables call samples of a kind of data.

// Noun is what the samples of the recipe's data are called: images, rows.
func (s *Setup) Noun() string {
	return strings.TrimSuffix(datasets.SamplesOf(s.Recipe.Dataset.Value), " with captions")
}

// rawName names the samples themselves as a representation: pixels, or raw for standardised columns, counts of symbols
// and the like.
func (s *Setup) rawName() string {
	if s.Noun() == "images" {
		return "pixels"
	}
	return "raw"
}

// SeenAs is what a batch has of samples: views; rows are what they are.
func (s *Setup) SeenAs() string {
	if s.Noun() == "rows" {
		return ""
	}
	return ", views"
}
