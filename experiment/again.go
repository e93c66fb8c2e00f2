package experiment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"selfsup/experiment/folder"
	"selfsup/internal/called"
	"selfsup/recipes"
	"selfsup/recipes/overlay"
)

// RunAt trains and evaluates a recipe in the folder dir. With again, a run that the folder holds goes on; one that is
// done is its summary. This is the one command of a scheduler: however often it is called, the recipe is trained once.
func RunAt(dir string, again bool, rec *recipes.Loaded, c recipes.Catalog, o Options) (*Summary, error) {
	status, err := ReadStatus(dir)
	if err := o.Ranks.agree(nil); err != nil { // all have read it, before anybody writes
		return nil, err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return runIn(dir, rec, o)
	case err != nil:
		return nil, err
	case !again:
		return nil, &RecipeError{"run", fmt.Errorf("%s holds a run already (%s, step %d of %d); --resume goes "+
			"on with it, another --run-dir or --name begins one", dir, status.State, status.Step, status.Steps)}
	}
	if err := sameRecipe(dir, rec, c); err != nil {
		return nil, err
	}
	if status.State != "done" {
		return Resume(dir, c, o)
	}
	sum, err := ReadSummary(dir)
	if err == nil && sum == nil {
		err = &DataError{fmt.Errorf("%s is done, and has no %s", dir, summaryFile)}
	}
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(o.Messages, "%s is done (%d steps)\n", dir, status.Steps)
	sum.Run = filepath.Clean(dir)
	return sum, nil
}

// runIn trains and evaluates a recipe in a folder that holds no run.
func runIn(dir string, rec *recipes.Loaded, o Options) (*Summary, error) {
	if !o.Ranks.Lead() {
		return runInto(rec, o, "", nil)
	}
	if err := onlyBegun(dir); err != nil {
		return nil, err
	}
	made := !exists(dir)
	f, err := folder.CreateAt(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	defer func() {
		if made && !exists(f.File(statusFile)) { // nothing has begun: what is left is empty
			os.Remove(f.File(heartbeatFile))
			os.Remove(f.File("lock"))
			os.Remove(dir)
		}
	}()
	return runInto(rec, o, f.File(heartbeatFile), func() (*folder.Folder, error) { return f, nil })
}

// onlyBegun refuses a folder that holds something else than the beginning of a run, which a process leaves that is
// killed before its run.json.
func onlyBegun(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	var others []string
	for _, e := range entries {
		name := e.Name()
		begun := slices.Contains([]string{"lock", heartbeatFile, messagesFile, MetricsFile, environmentFile}, name) ||
			strings.HasPrefix(name, "recipe.") || strings.HasPrefix(name, "events.out.tfevents.") ||
			strings.HasPrefix(name, "data.") || strings.HasPrefix(name, ".")
		if !begun && len(others) < 3 {
			others = append(others, name)
		}
	}
	if len(others) > 0 {
		return &RecipeError{"run", fmt.Errorf("--run-dir %s holds other files (%s); want a folder of the run's own",
			dir, strings.Join(others, ", "))}
	}
	return nil
}

// sameRecipe refuses to go on with the run of another recipe, and says in what the two differ.
func sameRecipe(dir string, rec *recipes.Loaded, c recipes.Catalog) error {
	theirs, err := recipes.Load(filepath.Join(dir, ResolvedFile), nil, c)
	if err != nil {
		return err
	}
	places := placeKeys(theirs)
	var said []string
	for _, change := range overlay.Diff(theirs.Result, rec.Result) {
		if slices.Contains(places, change.Key) { // the data are compared, not where they are
			continue
		}
		said = append(said, fmt.Sprintf("%s is %s there and %s here", change.Key, orNone(change.A), orNone(change.B)))
	}
	if len(said) == 0 {
		return nil
	}
	if len(said) > 5 {
		said = append(said[:5], fmt.Sprintf("%d more", len(said)-5))
	}
	return &RecipeError{rec.File, fmt.Errorf("%s holds the run of another recipe: %s; another --run-dir begins "+
		"a run of its own, %s goes on with the one there",
		dir, strings.Join(said, ", "), called.Line("resume", dir))}
}

func orNone(value string) string {
	if value == "" {
		return "absent"
	}
	return value
}
