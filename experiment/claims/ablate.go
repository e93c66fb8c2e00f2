package claims

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"selfsup/experiment"
	"selfsup/recipes"
	"selfsup/recipes/overlay"
)

// Ablation is a recipe beside changes of it, each alone.
type Ablation struct {
	Base    string   // recipe
	Changes []string // settings as --set takes them, several of one change apart by "; "
	Recipes []string // more recipes that the base is compared with, such as files with base = and keys that change
	Seeds   int      // trained of each: 1, 2 and so on
}

// Arms lists what is trained: the base first. Each change must change something, and no two the same.
func (a *Ablation) Arms(c recipes.Catalog) ([]Arm, error) {
	base, err := recipes.Load(a.Base, nil, c)
	if err != nil {
		return nil, err
	}
	wrong := func(format string, args ...any) ([]Arm, error) {
		return nil, &experiment.RecipeError{File: "ablate", Err: fmt.Errorf(format, args...)}
	}
	if len(a.Changes)+len(a.Recipes) == 0 {
		return wrong("nothing changes; want --set key=value for every change of %s, or more recipes", a.Base)
	}
	if a.Seeds < 1 {
		return wrong("--seeds %d: want at least 1, and 2 for intervals over seeds", a.Seeds)
	}
	arms := []Arm{arm(base.Name, a.Base, nil, c)}
	known := map[string]string{settingsOf(base): a.Base} // what an arm comes to, and what asked for it
	add := func(asked, name, file string, sets []string) error {
		for _, set := range sets {
			if key, _, _ := strings.Cut(set, "="); slices.Contains([]string{"seed", "name"}, strings.TrimSpace(key)) {
				return fmt.Errorf("--set %s: the seeds are --seeds, and names are given to the changes", set)
			}
		}
		r, err := recipes.Load(file, sets, c)
		if err != nil {
			return err
		}
		if name == "" {
			name = r.Name
		}
		if other := known[settingsOf(r)]; other != "" {
			return fmt.Errorf("%s: this is the same experiment as %s", asked, other)
		}
		known[settingsOf(r)] = asked
		if slices.ContainsFunc(arms, func(b Arm) bool { return b.Name == name }) {
			return fmt.Errorf("%s: another arm is called %s too; give one of the recipes another name", asked, name)
		}
		arms = append(arms, arm(name, file, sets, c))
		return nil
	}
	for _, change := range a.Changes {
		if err := add("--set "+change, armName(change), a.Base, separate(change)); err != nil {
			return nil, named(err)
		}
	}
	for _, file := range a.Recipes {
		if err := add(file, "", file, nil); err != nil {
			return nil, named(err)
		}
	}
	return arms, nil
}

// named makes a mistake of the command line one of a recipe; those of a recipe say their place already.
func named(err error) error {
	if _, ok := err.(overlay.Errors); ok {
		return err
	}
	return &experiment.RecipeError{File: "ablate", Err: err}
}

// Folder is where the runs of an ablation are, below a folder of ablations.
func (a *Ablation) Folder(root string) string {
	return filepath.Join(root, strings.TrimSuffix(filepath.Base(a.Base), ".toml"))
}

// Ablate trains the base and every change of it over the seeds in folders below a.Folder(root), as Train does, and
// lists the folders that are done, those of the base first.
func Ablate(a *Ablation, root string, c recipes.Catalog, o experiment.Options) (dirs []string, err error) {
	arms, err := a.Arms(c)
	if err != nil {
		return nil, err
	}
	runs, err := Train(a.Folder(root), arms, a.Seeds, c, o)
	for _, arm := range arms {
		for _, run := range runs[arm.Name] {
			dirs = append(dirs, run.Run)
		}
	}
	return dirs, err
}

// Folders lists the folders of all runs of the ablation, in the order in which they are trained.
func (a *Ablation) Folders(root string, c recipes.Catalog) (dirs []string, err error) {
	arms, err := a.Arms(c)
	for seed := 1; seed <= a.Seeds; seed++ {
		for _, arm := range arms {
			dirs = append(dirs, runFolder(a.Folder(root), arm.Name, seed))
		}
	}
	return dirs, err
}

// arm is a recipe with settings, under the name of the arm.
func arm(name, file string, sets []string, c recipes.Catalog) Arm {
	return Arm{name, func(seed int) (*recipes.Loaded, error) {
		all := append(slices.Clone(sets), fmt.Sprintf("name=%q", name), fmt.Sprintf("seed=%d", seed))
		return recipes.Load(file, all, c)
	}}
}

// settingsOf is a resolved recipe without its name and seed.
func settingsOf(r *recipes.Loaded) string {
	var b strings.Builder
	for _, l := range r.Result.Leaves {
		if l.Key != "name" && l.Key != "seed" {
			fmt.Fprintf(&b, "%s=%s\n", l.Key, l.Value)
		}
	}
	return b.String()
}

// separate splits the settings of one change at semicolons outside of strings.
func separate(change string) (sets []string) {
	var quote byte
	from := 0
	for i := 0; i < len(change); i++ {
		switch c := change[i]; {
		case quote == '"' && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == ';':
			sets = append(sets, strings.TrimSpace(change[from:i]))
			from = i + 1
		}
	}
	if last := strings.TrimSpace(change[from:]); last != "" || len(sets) == 0 {
		sets = append(sets, last)
	}
	return sets
}

// armName makes a name for the folders of a change out of its text alone, so that the runs of a change are found again
// whatever else is trained beside it. Keys lose what is before their last two words.
func armName(change string) string {
	const most = 60
	var words []string
	for _, set := range separate(change) {
		key, value, _ := strings.Cut(set, "=")
		parts := strings.Split(strings.TrimSpace(key), ".")
		words = append(words, strings.Join(parts[max(0, len(parts)-2):], ".")+"="+strings.TrimSpace(value))
	}
	text := strings.Join(words, ",")
	replaced := false
	plain := strings.Map(func(r rune) rune {
		switch {
		case r == '"' || r == '\'' || r == '[' || r == ']' || r == ' ':
			return -1
		case strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._=,-+", r):
			return r
		}
		replaced = true
		return '_'
	}, text)
	if len(plain) <= most && !replaced {
		return plain
	}
	sum := sha256.Sum256([]byte(text))
	return plain[:min(len(plain), most)] + "-" + hex.EncodeToString(sum[:3])
}
