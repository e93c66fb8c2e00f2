// Package selfsup holds the sources of what a recipe can name. Their doc comments are the one place that says what a
// method or a setting is: "experiment list" reads them here.
package selfsup

import "embed"

// Sources are the Go files of the packages that a catalog's entries come from, by their paths in this module.
//
//go:embed methods/*.go methods/*/*.go backbones/*.go datasets/*.go datasets/*/*.go datasets/*/*/*.go
//go:embed evaluations/*.go graph/optim/*.go heads/*.go recipes/*.go recipes/*/*.go
var Sources embed.FS
