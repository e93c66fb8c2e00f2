// Package claims lets claims of the Cookbook (Balestriero et al. 2023, arXiv:2304.12210) come out as experiments: arms
// that differ in what a claim names and in nothing else, trained with the same seeds, and a verdict from the paired
// differences. A claim is a folder of recipes with a claim.toml.
package claims

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"

	"selfsup/recipes"
	"selfsup/setting"
)

// File is the file of a claim's folder that says what is claimed.
const File = "claim.toml"

// Claim is a statement of the book in a form that can be tested. Each arm is a recipe of the claim's folder.
//
//	section = "2.4"
//	claim = "VICReg without its variance term collapses."
//	arms = ["full", "no-variance"]
//	seeds = 8
//	[[expect]]
//	measure = "knn top1"
//	better = "full"
//	worse = "no-variance"
type Claim struct {
	Name    string   `toml:"-"`
	Section string   `toml:"section"` // of the book
	Claim   string   `toml:"claim"`   // a sentence
	Arms    []string `toml:"arms"`    // names of recipes, without .toml
	Seeds   int      `toml:"seeds"`   // trained for every arm: 1, 2 and so on
	Expect  []Expect `toml:"expect"`  // all hold, or the claim does not
	Remark  string   `toml:"remark"`  // what to know when reading the verdict; may be empty
}

// Expect is one comparison of two arms: one is better, or both are alike.
type Expect struct {
	Measure string  `toml:"measure"` // protocol and metric on the test set: "knn top1"
	Better  string  `toml:"better"`  // arm whose measure is larger
	Worse   string  `toml:"worse"`   // arm whose measure is smaller
	Margin  float64 `toml:"margin"`  // by which it must be larger; or, with alike, by which the arms may differ
	Alike   bool    `toml:"alike"`   // the two arms differ by less than margin

	// The measure of the worse side where it is another one, such as "linear top1" beside "online top1".
	Than string `toml:"than"`
	// Both sides are measured where they are equally good by this one, such as "pgd clean": during the training, on
	// the validation split, between two evaluations in a straight line. See AtEqual.
	At string `toml:"at"`
	// In place of arms: of each seed the arms that these criteria choose, such as "rankme rankme", see
	// [evaluate.rankme] and its like. No label has part in the choice.
	BetterBy string `toml:"better_by"`
	WorseBy  string `toml:"worse_by"`

	// The representation of each arm that is measured, such as projector2 (see baselines.projector) or untrained;
	// empty: the trained encoder's features. Better and worse may be one arm if these differ.
	BetterOf string `toml:"better_of"`
	WorseOf  string `toml:"worse_of"`
}

// side names an arm and, unless it is the trained encoder, what of it is measured.
func side(arm, of string) string {
	if of == "" || of == trained {
		return arm
	}
	return arm + "'s " + of
}

// better and worse name the two sides, and measure what is compared.
func (e Expect) better() string {
	if e.BetterBy != "" {
		return "chosen by " + e.BetterBy
	}
	return side(e.Better, e.BetterOf)
}

func (e Expect) worse() string {
	if e.WorseBy != "" {
		return "chosen by " + e.WorseBy
	}
	return side(e.Worse, e.WorseOf)
}

func (e Expect) measure() string {
	switch {
	case e.Than != "":
		return e.Measure + " against " + e.Than
	case e.At != "":
		return e.Measure + " at equal " + e.At
	}
	return e.Measure
}

// trained is the representation that is measured unless an expectation names another.
const trained = "trained"

var measureForm = regexp.MustCompile(`^[a-z_0-9]+ \S+( \S+)*$`)

// Validate says what is wrong with a claim's file.
func (c *Claim) Validate() error {
	switch {
	case c.Section == "":
		return setting.Bad("section", "want the book's section, such as \"2.4\"")
	case c.Claim == "":
		return setting.Bad("claim", "want a sentence that says what is claimed")
	case len(c.Arms) < 2:
		return setting.Bad("arms", "%q: want the names of at least two recipes of this folder", c.Arms)
	case c.Seeds < 2:
		return setting.Bad("seeds", "%d: want at least 2; one pair has no interval", c.Seeds)
	case len(c.Expect) == 0:
		return setting.Bad("expect", "want at least one table [[expect]]")
	}
	for i, a := range c.Arms {
		if slices.Contains(c.Arms[:i], a) {
			return setting.Bad("arms", "%q is named twice", a)
		}
	}
	for _, e := range c.Expect {
		switch {
		case e.BetterBy != "" || e.WorseBy != "":
			if !measureForm.MatchString(e.BetterBy) || !measureForm.MatchString(e.WorseBy) || e.BetterBy == e.WorseBy ||
				e.Better != "" || e.Worse != "" || e.At != "" || e.Than != "" {
				return setting.Bad("expect", "better_by = %q, worse_by = %q: want two criteria, such as "+
					"\"rankme rankme\", and neither arms nor at nor than beside them", e.BetterBy, e.WorseBy)
			}
			if !measureForm.MatchString(e.Measure) || e.Margin < 0 || e.Alike && e.Margin == 0 {
				return setting.Bad("expect", "measure = %q, margin = %v: want a protocol and its metric, and a margin "+
					"of 0 or more, above 0 with alike", e.Measure, e.Margin)
			}
		case e.At != "" && (!measureForm.MatchString(e.At) || e.Than != "" || e.BetterOf+e.WorseOf != ""):
			return setting.Bad("expect", "at = %q: want a protocol and its metric, and neither than nor "+
				"representations beside it", e.At)
		case e.Than != "" && !measureForm.MatchString(e.Than):
			return setting.Bad("expect", "than = %q: want a protocol and its metric", e.Than)
		case !measureForm.MatchString(e.Measure):
			return setting.Bad("expect", "measure = %q: want a protocol and its metric, such as \"knn top1\"",
				e.Measure)
		case !slices.Contains(c.Arms, e.Better) || !slices.Contains(c.Arms, e.Worse) ||
			side(e.Better, e.BetterOf) == side(e.Worse, e.WorseOf) && e.Than == "":
			return setting.Bad("expect", "better = %q, worse = %q: want two of arms = %q, or one with better_of or "+
				"worse_of", e.Better, e.Worse, c.Arms)
		case e.Margin < 0:
			return setting.Bad("expect", "margin = %v: want a number of 0 or more", e.Margin)
		case e.Alike && e.Margin == 0:
			return setting.Bad("expect", "alike needs a margin above 0: nothing measured is exactly alike")
		}
	}
	return nil
}

// Names lists the claims of a folder of claims in fsys.
func Names(fsys fs.FS, root string) ([]string, error) {
	files, err := fs.Glob(fsys, path.Join(root, "*", File))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		names = append(names, path.Base(path.Dir(f)))
	}
	return names, nil
}

// Load reads the claim in dir, a folder on disk or of the shipped recipes.
func Load(dir string, c recipes.Catalog) (*Claim, error) {
	claim := &Claim{Name: path.Base(dir)}
	if err := c.LoadTable(path.Join(dir, File), claim); err != nil {
		return nil, err
	}
	return claim, nil
}

// recipe resolves an arm with a seed.
func (c *Claim) recipe(dir, arm string, seed int, cat recipes.Catalog) (*recipes.Loaded, error) {
	return recipes.Load(path.Join(dir, arm+".toml"), []string{fmt.Sprintf("seed=%d", seed)}, cat)
}
