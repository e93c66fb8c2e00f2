package recipes_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"selfsup/backbones"
	"selfsup/recipes"
)

// Every entry of the catalog says in a sentence what it is, and every setting of methods, backbones and samplers what
// it means.
func TestEverythingIsDescribed(t *testing.T) {
	c := recipes.Builtin()
	for _, kind := range c.Kinds() {
		all, err := c.Describe(kind)
		if err != nil || len(all) == 0 && kind != "augmentations" { // those come from outside alone
			t.Fatalf("%s: %d entries, %v", kind, len(all), err)
		}
		for _, d := range all {
			if !strings.HasSuffix(d.Description, ".") || strings.HasSuffix(d.Description, "et al.") ||
				strings.Contains(d.Description, "\n") {
				t.Errorf("%s %s: %q is no sentence", kind, d.Name, d.Description)
			}
			for _, s := range d.Settings {
				if s.Name == "" || s.Type == "" || s.Default == "" && s.Type != "choice" {
					t.Errorf("%s %s: setting %+v", kind, d.Name, s)
				}
				if s.Comment == "" && (kind == "methods" || kind == "backbones" || kind == "samplers") {
					t.Errorf("%s %s: %s has no comment beside its field", kind, d.Name, s.Name)
				}
			}
		}
	}
}

// Every method says in which section of the Cookbook it stands, and in which year its paper came out; only the
// yardstick of all is no method of the book.
func TestMethodsNameSectionAndPaper(t *testing.T) {
	all, err := recipes.Builtin().Describe("methods")
	if err != nil {
		t.Fatal(err)
	}
	year := regexp.MustCompile(`\b(19|20)\d\d\b|arXiv:\d{4}\.\d{4,5}`)
	for _, d := range all {
		if d.Name == "supervised" {
			continue
		}
		if d.Section == "" {
			t.Errorf("%s: its package's comment names no section of the Cookbook", d.Name)
		}
		if !year.MatchString(d.Text) {
			t.Errorf("%s: its comment names no paper and year", d.Name)
		}
	}
}

// Settings that several entries share are described where they are declared.
func TestSharedSettingsAreDescribed(t *testing.T) {
	all, err := recipes.Builtin().Describe("optimizers")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		found := false
		for _, s := range d.Settings {
			found = found || s.Name == "warmup" && s.Type == "length" && s.Default == `"5%"` &&
				s.Comment == "from 0 to the peak"
		}
		if !found {
			t.Errorf("%s: no warmup as it should be in %+v", d.Name, d.Settings)
		}
	}
}

// own is a backbone of another program.
type own struct {
	backbones.MLP
	Depth int `toml:"depth"`
}

// A program's own entries are described by the sources that it gives, and without them listed all the same.
func TestOwnSourcesDescribe(t *testing.T) {
	c := recipes.Builtin()
	c.Backbones["own"] = func() backbones.Backbone { return &own{*backbones.DefaultMLP(), 3} }
	find := func() recipes.Described {
		all, err := c.Describe("backbones")
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range all {
			if d.Name == "own" {
				return d
			}
		}
		t.Fatal("it is not listed")
		return recipes.Described{}
	}
	if d := find(); d.Description != "" || len(d.Settings) != 2 || d.Settings[0].Comment == "" ||
		d.Settings[1].Comment != "" || d.Settings[1].Default != "3" {
		t.Errorf("without sources: %+v", d)
	}
	source := "package x\n\n// own is mine. It is small.\ntype own struct {\n\tDepth int // of the\n}\n"
	c.Docs = map[string]fs.FS{"selfsup/recipes_test": fstest.MapFS{"own.go": {Data: []byte(source)},
		"own_test.go": {Data: []byte("no Go")}}}
	if d := find(); d.Description != "own is mine." || d.Settings[1].Comment != "of the" {
		t.Errorf("with sources: %+v", d)
	}
	c.Docs["selfsup/recipes_test"] = fstest.MapFS{"own.go": {Data: []byte("no Go")}}
	if _, err := c.Describe("backbones"); err == nil || !strings.Contains(err.Error(), "own.go:1") {
		t.Errorf("sources that do not parse: %v", err)
	}
}
