package experiment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"selfsup/experiment/folder"
	"selfsup/recipes"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// What may change when a run goes on: how long it is, what is evaluated, where its data are, and the device that it
// runs on. Everything else would make it another run.

// mayChange refuses a setting of the command line that a run cannot take up when it goes on.
func mayChange(set string) error {
	switch {
	case keyOf(set) == "train.length", keyOf(set) == "device", keyOf(set) == "tf32", ofEvaluation(set),
		ofData(set): // reload looks closer at the data
		return nil
	}
	return &RecipeError{"resume", fmt.Errorf("--set %s: a run goes on with the training that it began; "+
		"train.length, device, tf32 and settings below evaluate may change, and where the data are; another value "+
		"of %s is another run", set, keyOf(set))}
}

// ofEvaluation reports whether a setting of the command line changes what is evaluated.
func ofEvaluation(set string) bool {
	table, _, _ := strings.Cut(keyOf(set), ".")
	return table == "evaluate" || table == "baselines" || table == "evaluate_on"
}

// Extension is a change of a run's recipe when it went on.
type Extension struct {
	Step    int      `json:"step"`   // done when it changed
	Recipe  string   `json:"recipe"` // file of the run folder that holds the recipe before
	Changes []Change `json:"changes"`
}

// Change is a setting that changed.
type Change struct {
	Key string `json:"key"`
	Was string `json:"was"` // as TOML; empty: it was absent
	Is  string `json:"is"`
}

func (e Extension) String() string {
	var said []string
	for _, c := range e.Changes {
		said = append(said, fmt.Sprintf("%s = %s, was %s", c.Key, orNone(c.Is), orNone(c.Was)))
	}
	return fmt.Sprintf("changed at step %d: %s", e.Step, strings.Join(said, "; "))
}

// changes lists in what the recipe that goes on differs from that of the folder, other than where the data are.
func (h *held) changes(f *folder.Folder, c recipes.Catalog) (list []Change, err error) {
	was, err := recipes.Load(f.File(ResolvedFile), nil, c)
	if err != nil {
		return nil, err
	}
	for _, d := range overlay.Diff(was.Result, h.Recipe.Result) {
		if !strings.HasPrefix(d.Key, "dataset.") {
			list = append(list, Change{d.Key, d.A, d.B})
		}
	}
	return list, nil
}

// extend gives the folder the changed recipe: the one before, its origins and its summary are kept beside it under the
// step of the change.
func (h *held) extend(f *folder.Folder, changed []Change, sets []string, c recipes.Catalog) error {
	if len(changed) == 0 {
		return nil
	}
	step := h.meta.Step
	if h.Steps < step {
		return h.Recipe.Result.Bad("train.length", "%q is %d steps, and the run has done %d: want at least that",
			h.Recipe.Train.Length, h.Steps, step)
	}
	tag := "step" + strconv.Itoa(step)
	for n := 2; exists(f.File(keptAs(ResolvedFile, tag))); n++ { // changed again before another step
		tag = fmt.Sprintf("step%d-%d", step, n)
	}
	for _, name := range []string{ResolvedFile, OriginsFile, summaryFile} {
		text, err := os.ReadFile(f.File(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = folder.WriteAtomic(f.File(keptAs(name, tag)), text)
		}
		if err != nil {
			return fmt.Errorf("resume: %w", err)
		}
	}
	was, err := recipes.Load(f.File(keptAs(ResolvedFile, tag)), sets, c) // origins name the file that stays
	if err != nil {
		return err
	}
	if err := folder.WriteAtomic(f.File(ResolvedFile), []byte(h.Recipe.Resolved)); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	h.status.Lineage = append(h.status.Lineage, Extension{Step: step, Recipe: keptAs(ResolvedFile, tag),
		Changes: changed})
	h.status.State, h.status.Recipe, h.status.Steps = "interrupted", h.Recipe.ID(), h.Steps
	if err := h.status.write(f); err != nil {
		return err
	}
	if err := os.Remove(f.File(summaryFile)); err != nil && !errors.Is(err, fs.ErrNotExist) { // of the training before
		return fmt.Errorf("resume: %w", err)
	}
	if err := folder.Replace(f.File(OriginsFile), was.WriteOrigins); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	h.warn(h.status.Lineage[len(h.status.Lineage)-1].String())
	return nil
}

// keptAs is the name of a file of the run folder as it was at a step: summary.step400.json.
func keptAs(name, tag string) string {
	end := filepath.Ext(name)
	return strings.TrimSuffix(name, end) + "." + tag + end
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// longer is twice a length, as an example.
func longer(l setting.Length) string {
	l.Count *= 2
	return l.String()
}
