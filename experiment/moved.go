package experiment

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"selfsup/datasets"
	"selfsup/experiment/folder"
	"selfsup/internal/called"
	"selfsup/recipes"
)

// Data that moved since a run began: settings of the command line say where they are now.

// keyOf is the key of a setting key=value of the command line.
func keyOf(set string) string {
	key, _, _ := strings.Cut(set, "=")
	return strings.TrimSpace(key)
}

// ofData reports whether a setting of the command line changes the data set.
func ofData(set string) bool {
	return keyOf(set) == "dataset" || strings.HasPrefix(keyOf(set), "dataset.")
}

// movedKeys lists the settings that say where the data are.
func movedKeys(sets []string) (keys []string) {
	for _, s := range sets {
		if ofData(s) {
			keys = append(keys, keyOf(s))
		}
	}
	return keys
}

// placeKeys lists the keys of a recipe that say where its data are.
func placeKeys(rec *recipes.Loaded) (keys []string) {
	if l, ok := rec.Dataset.Value.(datasets.Located); ok {
		for _, k := range l.PathKeys() {
			keys = append(keys, "dataset."+rec.Dataset.Name+"."+k)
		}
	}
	return keys
}

// reload loads the recipe of a run folder, for a verb, with settings changed. Of the data set only its place may
// change.
func reload(f *folder.Folder, verb string, sets []string, c recipes.Catalog) (*recipes.Loaded, error) {
	if slices.ContainsFunc(sets, ofData) {
		rec, err := recipes.Load(f.File(ResolvedFile), nil, c)
		if err != nil {
			return nil, err
		}
		keys := placeKeys(rec)
		for _, set := range sets {
			if !ofData(set) || slices.Contains(keys, keyOf(set)) {
				continue
			}
			allowed := "dataset." + rec.Dataset.Name + " has no setting that says where"
			if len(keys) > 0 {
				allowed = "want " + strings.Join(keys, ", ")
			}
			return nil, &RecipeError{verb, fmt.Errorf("--set %s: a run keeps its data, only where they are may "+
				"change: %s", set, allowed)}
		}
	}
	return recipes.Load(f.File(ResolvedFile), sets, c)
}

// whereMoved adds to an error that says that the data are not there what to type if they moved.
func whereMoved(err error, f *folder.Folder, verb string, rec *recipes.Loaded) error {
	var data *DataError
	keys := placeKeys(rec)
	if !errors.As(err, &data) || !errors.Is(err, fs.ErrNotExist) || len(keys) == 0 {
		return err
	}
	for _, key := range keys {
		if l, ok := rec.Result.Leaf(key); ok && strings.Trim(l.Value, `"[]`) != "" {
			return &DataError{fmt.Errorf("%w; if the data moved, say where: %s", data.Err,
				called.Line(verb, f.Path, "--set", key+"=PATH"))}
		}
	}
	return err
}

// keepMoved writes the recipe of a run whose data moved into its folder, so that the next process finds them too.
func (h *held) keepMoved(f *folder.Folder) error {
	if h.moved == nil {
		return nil
	}
	var said []string
	for _, key := range h.moved {
		if l, ok := h.Recipe.Result.Leaf(key); ok {
			said = append(said, key+" = "+l.Value)
		}
	}
	h.warn("the data are the same, and moved: " + strings.Join(said, ", "))
	return folder.WriteAtomic(f.File(ResolvedFile), []byte(h.Recipe.Resolved))
}

// warn adds a remark to the warning.
func (h *held) warn(remark string) {
	switch {
	case remark == "":
	case h.warning == "":
		h.warning = remark
	default:
		h.warning += "; " + remark
	}
}
