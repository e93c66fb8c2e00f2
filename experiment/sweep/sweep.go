// Package sweep trains the points of a recipe's [sweep], see recipes.LoadSweep. They are frozen in a folder, as recipes
// with everything spelled out, and each is trained once, whoever begins it: a pool of processes on this machine, or the
// tasks of a scheduler's array. There is nothing else to collect: each run has a run folder of its own.
package sweep

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"selfsup/experiment"
	"selfsup/experiment/folder"
	"selfsup/recipes"
	"selfsup/recipes/overlay"
)

// Files of a sweep's folder.
const (
	aboutFile  = "sweep.json"
	pointsFile = "points.tsv"
	sourceFile = "sweep.toml" // the recipe with its [sweep], as it was
	runsDir    = "runs"       // run folders, by point
	claimsDir  = "claims"     // locks, by point: who trains it
	failedDir  = "failed"     // why a point failed, by point
	saidDir    = "messages"   // what the processes of a pool said, by point
)

// Sweep is a folder of frozen points.
type Sweep struct {
	Dir    string
	Points []Point
	about
}

// about is what sweep.json has.
type about struct {
	Name   string   `json:"name"`           // of the recipe
	Recipe string   `json:"recipe"`         // file
	Sets   []string `json:"sets,omitempty"` // of --set
	Paths  string   `json:"paths"`          // folder that relative paths of the points start from
	Count  int      `json:"points"`
}

// Point is a recipe of a sweep.
type Point struct {
	Index  int
	Recipe string // file
	Run    string // folder
	Varies []recipes.Varied
}

// String is the settings of a point in words.
func (p Point) String() string { return recipes.Point{Varies: p.Varies}.String() }

// label is the name of a point's files.
func label(index int) string { return fmt.Sprintf("%04d", index) }

// Expand freezes the points of a sweep in dir: one resolved recipe each, 0000.toml and so on, and points.tsv, which
// says what is varied. A folder that holds the same sweep already stays as it is, one of another sweep is refused.
func Expand(s *recipes.Sweep, dir string) (*Sweep, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	first := s.Points[0]
	a := about{Name: first.Name, Recipe: s.File, Sets: s.Sets, Paths: first.Dir(), Count: len(s.Points)}
	files := map[string][]byte{pointsFile: table(s.Points)}
	for _, src := range first.Result.Files[len(first.Result.Files)-1:] {
		files[sourceFile] = src.Data
	}
	for i, p := range s.Points {
		var text bytes.Buffer
		if err := overlay.Encode(&text, p.Recipe, p.Result); err != nil {
			return nil, err
		}
		files[label(i)+".toml"] = text.Bytes()
	}
	if err := onlyOf(dir, a, files); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	for name, text := range files {
		if err := folder.WriteAtomic(filepath.Join(dir, name), text); err != nil {
			return nil, fmt.Errorf("sweep: %w", err)
		}
	}
	if err := folder.WriteJSON(filepath.Join(dir, aboutFile), a); err != nil { // the last: it is whole
		return nil, fmt.Errorf("sweep: %w", err)
	}
	return Open(dir)
}

// onlyOf refuses a folder that holds something else than this sweep, or the beginning of it.
func onlyOf(dir string, a about, files map[string][]byte) error {
	bad := func(format string, args ...any) error {
		return &experiment.RecipeError{File: a.Recipe, Err: fmt.Errorf("sweep folder %s %s; want a new folder", dir,
			fmt.Sprintf(format, args...))}
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	var was about
	frozen := readJSON(filepath.Join(dir, aboutFile), &was) == nil
	if frozen && (was.Paths != a.Paths || was.Count != a.Count) {
		return bad("has %d points of %s, with paths from %s, and this sweep has %d, from %s", was.Count, was.Recipe,
			was.Paths, a.Count, a.Paths)
	}
	for _, e := range entries {
		name := e.Name()
		text, ours := files[name]
		switch {
		case name == aboutFile || name[0] == '.' || frozen && e.IsDir():
		case !ours:
			return bad("holds %s, which is no part of a sweep of %d points", name, a.Count)
		case !frozen:
		default:
			had, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return fmt.Errorf("sweep: %w", err)
			}
			if !bytes.Equal(settingsOf(had), settingsOf(text)) && name != sourceFile {
				return bad("holds another %s: its points are frozen", name)
			}
		}
	}
	return nil
}

// settingsOf is a recipe's text without the remarks that say where the values are from.
func settingsOf(text []byte) []byte {
	var lines [][]byte
	for _, l := range bytes.Split(text, []byte("\n")) {
		if i := bytes.LastIndex(l, []byte("  # ")); i >= 0 {
			l = l[:i]
		}
		lines = append(lines, l)
	}
	return bytes.Join(lines, []byte("\n"))
}

// table is points.tsv: a line a point, with the columns point, recipe, run and one for each setting that is varied.
func table(points []recipes.Point) []byte {
	var keys []string
	for _, p := range points {
		for _, v := range p.Varies {
			if !slices.Contains(keys, v.Key) {
				keys = append(keys, v.Key)
			}
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "point\trecipe\trun\t%s\n", strings.Join(keys, "\t"))
	for i, p := range points {
		fmt.Fprintf(&b, "%d\t%s.toml\t%s/%s", i, label(i), runsDir, label(i))
		for _, k := range keys {
			value := "-"
			if at := slices.IndexFunc(p.Varies, func(v recipes.Varied) bool { return v.Key == k }); at >= 0 {
				value = strings.NewReplacer("\t", "\\t", "\n", "\\n").Replace(p.Varies[at].Value)
			}
			b.WriteString("\t" + value)
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// Open reads a folder that Expand has written.
func Open(dir string) (*Sweep, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	bad := func(err error) (*Sweep, error) {
		return nil, &experiment.DataError{Err: fmt.Errorf("%s is no sweep's folder: %w", dir, err)}
	}
	s := &Sweep{Dir: dir}
	if err := readJSON(filepath.Join(dir, aboutFile), &s.about); err != nil {
		return bad(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, pointsFile))
	if err != nil {
		return bad(err)
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	keys := strings.Split(lines[0], "\t")
	for i, line := range lines[1:] {
		words := strings.Split(line, "\t")
		if len(words) != len(keys) || words[0] != strconv.Itoa(i) || len(words) < 4 {
			return bad(fmt.Errorf("%s:%d: %q is not point %d with %d columns", pointsFile, i+2, line, i, len(keys)))
		}
		p := Point{Index: i, Recipe: filepath.Join(dir, words[1]), Run: filepath.Join(dir,
			filepath.FromSlash(words[2]))}
		for k, value := range words[3:] {
			if value != "-" {
				p.Varies = append(p.Varies, recipes.Varied{Key: keys[3+k], Value: value})
			}
		}
		s.Points = append(s.Points, p)
	}
	if len(s.Points) != s.Count || s.Count == 0 {
		return bad(fmt.Errorf("%s has %d points, and %s says %d", pointsFile, len(s.Points), aboutFile, s.Count))
	}
	return s, nil
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Load reads the recipe of a point.
func (s *Sweep) Load(p Point, c recipes.Catalog) (*recipes.Loaded, error) {
	r, err := recipes.Load(p.Recipe, nil, c)
	if err == nil {
		r.BaseDir = s.Paths
	}
	return r, err
}

// State is how far a point is.
type State struct {
	Point
	experiment.Past // of its run; State is what a run's is, or "waiting" before there is one
}

// Waiting is the state of a point that nobody has begun.
const Waiting = "waiting"

// States reads how far all points are.
func (s *Sweep) States(now time.Time) []State {
	dirs := make([]string, len(s.Points))
	for i, p := range s.Points {
		dirs[i] = p.Run
	}
	pasts := map[string]experiment.Past{}
	for _, past := range experiment.Pasts(dirs, now) {
		pasts[past.Run] = past
	}
	states := make([]State, len(s.Points))
	for i, p := range s.Points {
		past, begun := pasts[p.Run]
		why, failed := s.failure(p)
		switch {
		case past.State == "done":
		case s.holder(p) != "":
			past.State, past.Error = "running", ""
		case failed && (!begun || past.State == experiment.Unreadable || past.State == "running"):
			past.State, past.Error = "failed", why
		case !begun || past.State == experiment.Unreadable && !exists(filepath.Join(p.Run, "run.json")):
			past.State, past.Error = Waiting, ""
		case past.State == "running":
			past.State = "killed"
		}
		states[i] = State{p, past}
	}
	return states
}

// holder says which process trains a point; empty: none does.
func (s *Sweep) holder(p Point) string {
	if who := folder.Holder(s.file(claimsDir, p)); who != "" {
		return who
	}
	return folder.Holder(filepath.Join(p.Run, "lock"))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// file is the path of a point's file in a folder of the sweep's.
func (s *Sweep) file(of string, p Point) string { return filepath.Join(s.Dir, of, label(p.Index)) }

// done reports whether a point is trained and evaluated.
func (s *Sweep) done(p Point) bool {
	status, err := experiment.ReadStatus(p.Run)
	return err == nil && status.State == "done"
}

// failure is why the newest try of a point failed.
func (s *Sweep) failure(p Point) (why string, failed bool) {
	text, err := os.ReadFile(s.file(failedDir, p))
	return strings.TrimSpace(string(text)), err == nil
}

// fail keeps why a point failed.
func (s *Sweep) fail(p Point, why string) error {
	if err := os.MkdirAll(filepath.Join(s.Dir, failedDir), 0o777); err != nil {
		return err
	}
	return folder.WriteAtomic(s.file(failedDir, p), []byte(why+"\n"))
}

// claimTries and claimWait are how often a claim is tried: a process that only looks holds it for a moment too.
const (
	claimTries = 5
	claimWait  = 50 * time.Millisecond
)

// claim takes a point for this process. A point that another process has is a *folder.InUseError.
func (s *Sweep) claim(p Point) (c *folder.Claim, err error) {
	for range claimTries {
		var used *folder.InUseError
		if c, err = folder.Take(s.file(claimsDir, p)); !errors.As(err, &used) {
			break
		}
		time.Sleep(claimWait)
	}
	if err != nil {
		return nil, fmt.Errorf("point %d: %w", p.Index, err)
	}
	if who := folder.Holder(filepath.Join(p.Run, "lock")); who != "" { // a run that was begun by hand
		return nil, errors.Join(&folder.InUseError{Owner: who}, c.Release())
	}
	if err := os.Remove(s.file(failedDir, p)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, c.Release())
	}
	return c, nil
}

// RunPoint trains and evaluates a point in this process, goes on with it, or gives its summary if it is done. A point
// that another process trains is an error.
func (s *Sweep) RunPoint(index int, c recipes.Catalog, o experiment.Options) (*experiment.Summary, error) {
	p := s.Points[index]
	r, err := s.Load(p, c)
	if err != nil {
		return nil, err
	}
	claim, err := s.claim(p)
	if err != nil {
		return nil, err
	}
	defer claim.Release()
	fmt.Fprintf(o.Messages, "point %d of %s: %s\n", index, s.Dir, p)
	sum, err := experiment.RunAt(p.Run, true, r, c, o)
	var stop *experiment.Stopped
	if err != nil && !errors.As(err, &stop) {
		err = errors.Join(err, s.fail(p, err.Error()))
	}
	return sum, err
}
