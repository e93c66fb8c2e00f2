package experiment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"strings"
	"time"

	"selfsup/experiment/folder"
	"selfsup/experiment/report"
)

// process is what environment.json has of one process of a run.
type process struct {
	Step int    `json:"step"` // that it began with
	Time string `json:"time"` // when
	report.Environment
}

// recordProcess appends this process to environment.json, and says where it differs from the one before in what can
// change bits.
func (r *run) recordProcess(from int) error {
	at := r.Folder.File(environmentFile)
	all, err := readProcesses(at)
	if err != nil {
		return err
	}
	now := process{from, time.Now().UTC().Format(time.RFC3339), r.environment()}
	if n := len(all); n > 0 {
		if d := now.differs(&all[n-1]); d != "" {
			r.progress.Say("warning: this process goes on with %s: the last bits may differ from those of an "+
				"uninterrupted run", d)
		}
	}
	return folder.WriteJSON(at, append(all, now))
}

// environment is what this process runs in.
func (s *Setup) environment() report.Environment {
	e := report.ReadEnvironment(s.Device.About())
	if s.Ranks != nil {
		e.Ranks, e.MPI = s.Ranks.Size(), s.Ranks.About()
	}
	return e
}

// unlike says where this process differs from the last one of a run folder in what can change bits; empty: in nothing.
func (s *Setup) unlike(f *folder.Folder) string {
	all, err := readProcesses(f.File(environmentFile))
	if err != nil || len(all) == 0 {
		return ""
	}
	now := process{Environment: s.environment()}
	return now.differs(&all[len(all)-1])
}

// readProcesses reads environment.json; of earlier versions that is one object without a step.
func readProcesses(at string) (all []process, err error) {
	text, err := os.ReadFile(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		all = make([]process, 1)
		err = json.Unmarshal(text, &all[0])
	} else if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, &DataError{fmt.Errorf("%s: %w", at, err)}
	}
	return all, nil
}

// differs names what can change bits, and was another in the process before.
func (p *process) differs(was *process) string {
	var said []string
	for _, c := range []struct{ what, now, then string }{
		{"instruction set", p.Kernels, was.Kernels}, {"architecture", p.Arch, was.Arch}, {"GPU", p.Device, was.Device},
		{"driver", p.Driver, was.Driver},
		{"revision", p.Revision, was.Revision}, {"build of the program", p.Binary, was.Binary},
	} {
		if c.now != c.then && c.now != "" && c.then != "" {
			said = append(said, fmt.Sprintf("another %s (%s, was %s)", c.what, c.now, c.then))
		}
	}
	if p.Ranks != was.Ranks { // the samples are the same, their sums differ in the last bits
		said = append(said, fmt.Sprintf("another number of ranks (%d, was %d)", max(p.Ranks, 1), max(was.Ranks, 1)))
	}
	if !maps.Equal(p.Variables, was.Variables) {
		said = append(said, fmt.Sprintf("other variables (%v, were %v)", p.Variables, was.Variables))
	}
	return strings.Join(said, ", ")
}
