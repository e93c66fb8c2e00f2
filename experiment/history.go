package experiment

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"selfsup/experiment/report"
)

// Past is a run folder as a list of runs shows it.
type Past struct {
	Run         string       `json:"run"`   // folder
	State       string       `json:"state"` // see Status; "killed" where it says running and no process does
	Step        int          `json:"step"`  // at the newest checkpoint
	Steps       int          `json:"steps"`
	Began       time.Time    `json:"began"`
	Sets        []string     `json:"sets"`        // what --set changed, as key=value
	Evaluations []Evaluation `json:"evaluations"` // of a finished run
	Error       string       `json:"error,omitempty"`
}

// stale is the age of a heartbeat from which a run that says running is taken for killed.
const stale = 10 * time.Minute

// History lists the run folders in a folder, the oldest first. A folder that is a run itself is a list of one.
func History(root string, now time.Time) ([]Past, error) {
	dirs := []string{root}
	if _, err := os.Stat(filepath.Join(root, statusFile)); err != nil {
		entries, err := os.ReadDir(root)
		if err != nil {
			return nil, &DataError{fmt.Errorf("runs: %w", err)}
		}
		dirs = nil
		for _, e := range entries {
			dirs = append(dirs, filepath.Join(root, e.Name()))
		}
	}
	var all []Past
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, statusFile)); err != nil {
			continue // of another kind
		}
		p, err := past(dir, now)
		if err != nil {
			p = Past{Run: dir, State: "unreadable", Error: err.Error()}
		}
		all = append(all, p)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Began.Before(all[j].Began) })
	return all, nil
}

func past(dir string, now time.Time) (Past, error) {
	s, err := ReadStatus(dir)
	if err != nil {
		return Past{}, err
	}
	p := Past{Run: dir, State: s.State, Step: s.Step, Steps: s.Steps, Error: s.Error, Sets: []string{},
		Evaluations: []Evaluation{}}
	info, err := os.Stat(filepath.Join(dir, ResolvedFile))
	if err != nil {
		return Past{}, err
	}
	p.Began = info.ModTime()
	if p.State == "running" {
		if beat, err := os.Stat(filepath.Join(dir, heartbeatFile)); err != nil || now.Sub(beat.ModTime()) > stale {
			p.State = "killed"
		}
	}
	if p.Sets, err = setsOf(filepath.Join(dir, OriginsFile)); err != nil {
		return Past{}, err
	}
	sum, err := ReadSummary(dir)
	if err != nil {
		return Past{}, err
	}
	if sum != nil && sum.Evaluations != nil {
		p.Evaluations = sum.Evaluations
	}
	return p, nil
}

var (
	originTable = regexp.MustCompile(`^\[+([^\]]+)\]+`)
	originSet   = regexp.MustCompile(`^(\S+) = (.*?)  # --set$`)
)

// setsOf lists what --set changed in a recipe that was written with its origins.
func setsOf(path string) ([]string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return []string{}, nil
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	sets, table := []string{}, ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if m := originTable.FindStringSubmatch(line); m != nil {
			table = m[1] + "."
			if at := strings.LastIndexByte(m[1], '.'); at > 0 && strings.HasSuffix(line, "  # --set") { // a choice
				sets = append(sets, m[1][:at]+"="+m[1][at+1:])
			}
			continue
		}
		if m := originSet.FindStringSubmatch(line); m != nil {
			sets = append(sets, table+m[1]+"="+m[2])
		}
	}
	all := slices.Clone(sets)
	return slices.DeleteFunc(sets, func(s string) bool { // a key below a choice makes the choice
		choice := strings.Replace(s, "=", ".", 1) + "."
		return slices.ContainsFunc(all, func(other string) bool { return strings.HasPrefix(other, choice) })
	}), nil
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
			p.Steps), p.result()})
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

// result is the first value of the trained encoder.
func (p Past) result() string {
	for _, e := range p.Evaluations {
		if e.Representation == "trained" {
			return fmt.Sprintf("%s %.4f", e.Label(), e.Value)
		}
	}
	return "-"
}
