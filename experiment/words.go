package experiment

import (
	"strings"

	"selfsup/datasets"
)

// What messages and tables call samples of a kind of data.

// noun is what the samples of the recipe's data are called: images, rows.
func (s *Setup) noun() string {
	return strings.TrimSuffix(datasets.SamplesOf(s.Recipe.Dataset.Value), " with captions")
}

// one is a noun for a single sample: an image, a row.
func one(noun string) string { return strings.TrimSuffix(noun, "s") }

// unitOf is what the width of a sample is counted in.
func unitOf(noun string) string {
	switch noun {
	case "rows":
		return "columns"
	case "waves":
		return "samples"
	case "texts":
		return "symbols"
	}
	return "pixels"
}

// rawName names the samples themselves as a representation: pixels, or raw for standardised columns, counts of symbols
// and the like.
func (s *Setup) rawName() string {
	if s.noun() == "images" {
		return "pixels"
	}
	return "raw"
}

// seen is what a batch has of samples: views; rows are what they are.
func (s *Setup) seen() string {
	if s.noun() == "rows" {
		return ""
	}
	return ", views"
}
