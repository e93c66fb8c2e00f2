package experiment

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"selfsup/experiment/evaluate"
	"selfsup/experiment/folder"
	"selfsup/experiment/report"
)

// Summary is what a run comes to; `run --json` prints it and the run folder keeps it.
type Summary struct {
	Run             string       `json:"run"` // folder
	Steps           int          `json:"steps"`
	Seconds         float64      `json:"seconds"`           // of the training loop, its evaluations left out
	ImagesPerSecond float64      `json:"images_per_second"` // source images; an image with two views counts once
	DataWait        float64      `json:"data_wait"`         // share of the loop's time that it waited for views
	Loss            float64      `json:"loss"`              // mean of the last steps
	Evaluations     []Evaluation `json:"evaluations"`
	PeakRSSMB       float64      `json:"peak_rss_mb"`
}

// Evaluation is one result of one protocol on one representation.
type Evaluation struct {
	evaluate.Result
	Representation string `json:"representation"` // trained, untrained or pixels

	by evaluate.Protocol
}

// summaryFile is the summary's name in a run folder.
const summaryFile = "summary.json"

func (s *Summary) write(f *folder.Folder) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return folder.WriteAtomic(f.File(summaryFile), append(text, '\n'))
}

// ReadSummary reads the summary of a run folder; nil if the run has none yet.
func ReadSummary(dir string) (*Summary, error) {
	text, err := os.ReadFile(filepath.Join(dir, summaryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	s := new(Summary)
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, summaryFile), err)
	}
	return s, nil
}

// representations in the order of a table's columns.
var representations = []string{"trained", "untrained", "pixels"}

// Table is the summary for people: a row for every protocol and metric, a column for every representation.
func (s *Summary) Table() string {
	var b strings.Builder
	if len(s.Evaluations) > 0 {
		var used []string
		for _, rep := range representations {
			for _, e := range s.Evaluations {
				if e.Representation == rep {
					used = append(used, rep)
					break
				}
			}
		}
		t := report.Table{Header: append([]string{"evaluation"}, used...)}
		rows := map[string][]string{}
		var order []string
		for _, e := range s.Evaluations {
			name := e.Label()
			if rows[name] == nil {
				rows[name] = make([]string, len(used)+1)
				rows[name][0] = name
				order = append(order, name)
			}
			for i, rep := range used {
				if rep == e.Representation {
					rows[name][i+1] = fmt.Sprintf("%.4f", e.Value)
				}
			}
		}
		for _, name := range order {
			t.Rows = append(t.Rows, rows[name])
		}
		b.WriteString(t.String())
		b.WriteByte('\n')
	}
	if s.Steps > 0 {
		fmt.Fprintf(&b, "%d steps in %.1f s, %.0f images/s, %.1f %% of it waiting for data, peak memory %.0f MB\n", s.Steps, s.Seconds, s.ImagesPerSecond, 100*s.DataWait, s.PeakRSSMB)
	}
	fmt.Fprintf(&b, "run folder: %s\n", s.Run)
	return b.String()
}

// Label names the row of a result: knn k=20 top1.
func (e Evaluation) Label() string {
	if e.K > 0 {
		return fmt.Sprintf("%s k=%d %s", e.Protocol, e.K, e.Metric)
	}
	return e.Protocol + " " + e.Metric
}

// Outcome is a result that two runs share.
type Outcome struct {
	Evaluation string  `json:"evaluation"`
	A          float64 `json:"a"`
	B          float64 `json:"b"`
}

// Compare pairs the trained encoders' results of two runs; none if either run has no summary.
func Compare(a, b *Summary) []Outcome {
	if a == nil || b == nil {
		return nil
	}
	var os []Outcome
	for _, x := range a.Evaluations {
		for _, y := range b.Evaluations {
			if x.Representation == "trained" && y.Representation == "trained" && x.Label() == y.Label() {
				os = append(os, Outcome{x.Label(), x.Value, y.Value})
			}
		}
	}
	return os
}

// OutcomeTable prints outcomes with their differences.
func OutcomeTable(os []Outcome) string {
	t := report.Table{Header: []string{"evaluation", "a", "b", "b-a"}}
	for _, o := range os {
		t.Rows = append(t.Rows, []string{o.Evaluation, fmt.Sprintf("%.4f", o.A), fmt.Sprintf("%.4f", o.B), fmt.Sprintf("%+.4f", o.B-o.A)})
	}
	return t.String()
}
