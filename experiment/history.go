package experiment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"selfsup/experiment/report"
	"selfsup/recipes"
	"selfsup/recipes/overlay"
)

// Past is a run folder as a list of runs shows it.
type Past struct {
	Run         string       `json:"run"`   // folder
	State       string       `json:"state"` // see Status; "killed" where it says running and no process does
	Step        int          `json:"step"`  // at the newest checkpoint
	Steps       int          `json:"steps"`
	Began       time.Time    `json:"began"`
	Sets        []string     `json:"sets"`            // what --set changed, as key=value
	Evaluations []Evaluation `json:"evaluations"`     // of a finished run
	Error       string       `json:"error,omitempty"` // of the run, or why the folder cannot be read

	Settings []overlay.Written `json:"-"` // of its recipe, in the order of the text
	Course   *Course           `json:"-"` // of a finished run
}

// Unreadable is the state of a folder that holds a run of which something is missing or damaged.
const Unreadable = "unreadable"

// stale is the age of a heartbeat from which a run that says running is taken for killed.
const stale = 10 * time.Minute

// History lists the run folders in a folder, the oldest first. A folder that is a run itself is a list of one. What
// cannot be read is listed with the reason.
func History(root string, now time.Time) ([]Past, error) {
	dirs := []string{root}
	if !exists(filepath.Join(root, statusFile)) {
		entries, err := os.ReadDir(root)
		if err != nil {
			return nil, &DataError{fmt.Errorf("runs: %w", err)}
		}
		dirs = nil
		for _, e := range entries {
			if !e.Type().IsRegular() {
				dirs = append(dirs, filepath.Join(root, e.Name()))
			}
		}
	}
	return Pasts(dirs, now), nil
}

// Pasts reads run folders, several at a time, and lists them as History does. Folders of another kind are left out.
func Pasts(dirs []string, now time.Time) []Past {
	read := make([]Past, len(dirs))
	var readers sync.WaitGroup
	var next atomic.Int64
	for range 2 * runtime.GOMAXPROCS(0) { // they wait for the disk
		readers.Add(1)
		go func() {
			defer readers.Done()
			for i := next.Add(1) - 1; i < int64(len(dirs)); i = next.Add(1) - 1 {
				var err error
				if read[i], err = past(dirs[i], now); err != nil {
					read[i].Run, read[i].State, read[i].Error = dirs[i], Unreadable, err.Error()
				}
			}
		}()
	}
	readers.Wait()
	all := slices.DeleteFunc(read, func(p Past) bool { return p.Run == "" })
	slices.SortStableFunc(all, func(a, b Past) int { return a.Began.Compare(b.Began) })
	return all
}

// writings reads the recipes of run folders.
var writings = sync.OnceValue(func() *overlay.Reader { return overlay.NewReader(new(recipes.Recipe)) })

// WithOrigins gives the settings of a run's recipe the origins that they had when the run began, as far as its folder
// tells them.
func WithOrigins(r *recipes.Loaded, dir string) error {
	path := filepath.Join(dir, OriginsFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return &DataError{err}
	}
	written, err := writings().Read(string(text))
	if err != nil {
		return &DataError{fmt.Errorf("%s: %w", path, err)}
	}
	origins := map[string]string{}
	for _, w := range written {
		origins[w.Key] = w.Origin
	}
	for i, l := range r.Result.Leaves {
		if origin := origins[l.Key]; origin != "" {
			r.Result.Leaves[i].Origin = overlay.Told(origin)
		}
	}
	return nil
}

// past reads a run folder as far as it can; its Run is empty if the folder holds no run.
func past(dir string, now time.Time) (p Past, err error) {
	began, beganErr := os.Stat(filepath.Join(dir, ResolvedFile))
	if beganErr == nil {
		p.Began = began.ModTime()
	}
	p.Sets, p.Evaluations = []string{}, []Evaluation{}
	s, err := ReadStatus(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if beganErr != nil {
			return Past{}, nil // of another kind
		}
		return p, fmt.Errorf("%s has no %s: the run has just begun, or was killed at its beginning", dir, statusFile)
	case err != nil:
		return p, err
	case beganErr != nil:
		return p, fmt.Errorf("%s lacks its recipe: %w", dir, beganErr)
	}
	p.Run, p.State, p.Step, p.Steps, p.Error = dir, s.State, s.Step, s.Steps, s.Error
	if p.State == "running" {
		if beat, err := os.Stat(filepath.Join(dir, heartbeatFile)); err != nil || now.Sub(beat.ModTime()) > stale {
			p.State = "killed"
		}
	}
	origins := filepath.Join(dir, OriginsFile)
	text, err := os.ReadFile(origins)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return p, err
	}
	if p.Settings, err = writings().Read(string(text)); err != nil {
		return p, fmt.Errorf("%s: %w", origins, err)
	}
	p.Sets = setsOf(p.Settings)
	sum, err := ReadSummary(dir)
	if sum != nil && sum.Evaluations != nil {
		p.Evaluations, p.Course = sum.Evaluations, sum.Course
	}
	return p, err
}

// setsOf lists what --set changed in a recipe.
func setsOf(settings []overlay.Written) []string {
	sets := []string{}
	for _, s := range settings {
		if s.Origin == "--set" {
			sets = append(sets, s.Key+"="+s.Value)
		}
	}
	all := slices.Clone(sets)
	return slices.DeleteFunc(sets, func(s string) bool { // a key below a choice makes the choice
		key, value, _ := strings.Cut(s, "=")
		choice := key + "." + value + "."
		if value == "true" { // of several
			choice = key + "."
		}
		return slices.ContainsFunc(all, func(other string) bool { return strings.HasPrefix(other, choice) })
	})
}

// HistoryTable prints runs for people: the trained encoder's first result, and what --set changed, below each run where
// there is no room.
func HistoryTable(runs []Past, width int) string {
	if len(runs) == 0 {
		return ""
	}
	t := report.Table{Header: []string{"run", "state", "steps", "result"}}
	for _, p := range runs {
		t.Rows = append(t.Rows, []string{filepath.Base(filepath.Clean(p.Run)), p.State, fmt.Sprintf("%d/%d", p.Step,
			p.Steps), p.Result()})
	}
	lines := strings.Split(strings.TrimRight(t.String(), "\n"), "\n")
	var b strings.Builder
	for i, line := range lines {
		b.WriteString(line)
		if i > 0 && len(runs[i-1].Sets) > 0 {
			sets := strings.Join(runs[i-1].Sets, " ")
			if width == 0 || len([]rune(line))+2+len([]rune(sets)) <= width {
				b.WriteString("  " + sets)
			} else {
				for _, s := range runs[i-1].Sets {
					b.WriteString("\n    " + s)
				}
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Result is the first value of the trained encoder.
func (p Past) Result() string {
	for _, e := range p.Evaluations {
		if e.Representation == "trained" {
			return fmt.Sprintf("%s %.4f", e.Label(), e.Value)
		}
	}
	return "-"
}
