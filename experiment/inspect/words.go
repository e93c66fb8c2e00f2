package inspect

import "strings"

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
