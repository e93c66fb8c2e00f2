package experiment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"selfsup/experiment/folder"
	"selfsup/experiment/report/page"
	"selfsup/recipes/overlay"
)

// ReportFile is the page of a run, in its folder.
const ReportFile = "report.html"

// PageRun is a run as a page shows it, as far as its folder tells: state, results, and curves with at most so many
// points each, which are means where there are more lines of metrics. Nothing is computed that takes time.
func PageRun(p Past, points int) (page.Run, error) {
	r := page.Run{Name: filepath.Base(filepath.Clean(p.Run)), State: p.State, Step: p.Step, Steps: p.Steps,
		About: aboutRun(p.Settings)}
	if p.State == Unreadable {
		r.Warnings = []string{p.Error}
		return r, nil
	}
	status, err := ReadStatus(p.Run)
	if err != nil {
		return r, err
	}
	for _, w := range status.Warnings {
		r.Warnings = append(r.Warnings, fmt.Sprintf("step %d: %s", w.Step, w.Text))
	}
	if status.Error != "" {
		r.Warnings = append(r.Warnings, status.Error)
	}
	sum, err := ReadSummary(p.Run)
	if err != nil {
		return r, err
	}
	r.Facts = append(r.Facts, sum.facts()...)
	for _, e := range status.Lineage {
		r.Facts = append(r.Facts, e.String())
	}
	if machine := machineOf(p.Run); machine != "" {
		r.Facts = append(r.Facts, machine)
	}
	for _, e := range p.Evaluations {
		r.Results = append(r.Results, page.Result{Label: e.Label(), Representation: e.Representation,
			Value: page.Number(e.Value), Interval: e.Interval, Deviation: e.Deviation, Notes: e.Notes})
	}
	r.Lines, err = readCurves(filepath.Join(p.Run, MetricsFile), points)
	return r, err
}

// FolderSheets are the pictures that a run's method drew into its folder with its last checkpoint, see
// methods.Objective.Pictures.
func FolderSheets(dir string) (list []page.Sheet, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.png"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		list = append(list, page.Sheet{Title: strings.TrimSuffix(filepath.Base(f), ".png"),
			Data: page.DataURI("png", b), Text: "Drawn by the method with the last checkpoint."})
	}
	return list, nil
}

// Written is the settings of a run that somebody wrote, in place of a default; nil: none.
func Written(settings []overlay.Written) *page.Differences {
	d := &page.Differences{}
	for _, s := range settings {
		if s.Origin == "default" || s.Origin == "paper default" {
			continue
		}
		d.Keys = append(d.Keys, s.Key)
		d.Values, d.Origin = append(d.Values, []string{s.Value}), append(d.Origin, []string{s.Origin})
	}
	if len(d.Keys) == 0 {
		return nil
	}
	return d
}

// writeReport writes the page of a run into its folder, without what only "experiment report" computes. It takes
// milliseconds.
func writeReport(f *folder.Folder) error {
	p, err := past(f.Path, time.Now())
	if err != nil {
		return err
	}
	r, err := PageRun(p, pagePoints)
	if err != nil {
		return err
	}
	sheets, err := FolderSheets(f.Path)
	if err != nil {
		return err
	}
	if len(sheets) > 0 {
		r.Pictures = &page.Pictures{Sheets: sheets}
	}
	own := &page.Page{Title: r.Name, Runs: []page.Run{r}, Differences: Written(p.Settings)}
	var b bytes.Buffer
	if err := page.Write(&b, own); err != nil {
		return err
	}
	return folder.WriteAtomic(f.File(ReportFile), b.Bytes())
}

// pagePoints is how many points a curve of a page of one run has at most: more than a chart has columns.
const pagePoints = 1500

// aboutRun names what a recipe chooses: the table that is there once of several.
func aboutRun(settings []overlay.Written) string {
	values := map[string]string{}
	for _, s := range settings {
		values[s.Key] = strings.Trim(s.Value, `"`)
	}
	var said []string
	for _, key := range []string{"method", "backbone", "dataset", "optimizer"} {
		if v := values[key]; v != "" {
			said = append(said, v)
		}
	}
	if v := values["train.length"]; v != "" {
		said = append(said, v)
	}
	if v := values["seed"]; v != "" {
		said = append(said, "seed "+v)
	}
	return strings.Join(said, ", ")
}

// facts say how a finished run went and which of its states was evaluated; none of a run that goes on.
func (s *Summary) facts() (list []string) {
	if s == nil {
		return nil
	}
	if s.Course != nil {
		list = append(list, fmt.Sprintf("%d steps in %.1f s, %.0f %s/s, %.1f %% of it waiting for data", s.Steps,
			s.Seconds, s.ImagesPerSecond, s.noun(), 100*s.DataWait))
	}
	if s.TestImages > 0 {
		list = append(list, fmt.Sprintf("test: %d %s, looked at once", s.TestImages, s.noun()))
	}
	for _, line := range []string{s.Validation, s.strengths(), s.others(), s.stateLine()} {
		if line != "" {
			list = append(list, line)
		}
	}
	if s.Weights != "" {
		list = append(list, "weights: "+s.Weights)
	}
	return append(list, fmt.Sprintf("peak memory %.0f MB", s.PeakRSSMB))
}

// machineOf says where the newest process of a run ran.
func machineOf(dir string) string {
	all, err := readProcesses(filepath.Join(dir, environmentFile))
	if err != nil || len(all) == 0 {
		return ""
	}
	p := all[len(all)-1]
	on := p.CPU
	if p.Device != "" {
		on = p.Device + " and " + on
	}
	return fmt.Sprintf("%s, kernels %s, threads %d, %s", on, p.Kernels, p.Threads, p.Go)
}

// curveLine is a line of metrics: its numbers in the order in which they are written.
type curveLine struct {
	names  []string
	values map[string]float64
}

// readCurves reads the curves of a file of metrics: of the training, whose lines have a loss, and of evaluations, which
// where they lack them are given the seconds and the epoch of their step. A line that is being written is left out.
func readCurves(path string, points int) ([]page.Series, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, &DataError{err}
	}
	var training, evaluations []curveLine
	for line := range bytes.Lines(text) {
		l, err := readCurveLine(line)
		if err != nil || l.values["step"] == 0 {
			continue
		}
		if _, trains := l.values[LossOutput]; trains {
			training = append(training, l)
		} else {
			evaluations = append(evaluations, l)
		}
	}
	training, evaluations = newestOfSteps(training), newestOfSteps(evaluations)
	var all []page.Series
	if len(training) > 0 {
		all = append(all, seriesOf("training", training, points))
	}
	if len(evaluations) > 0 {
		for _, l := range evaluations {
			if _, has := l.values["seconds"]; !has {
				l.values["epoch"], l.values["seconds"] = between(training, l.values["step"])
			}
		}
		all = append(all, seriesOf("evaluation", evaluations, points))
	}
	return all, nil
}

// readCurveLine reads the numbers of a line of metrics.
func readCurveLine(line []byte) (l curveLine, err error) {
	l.values = map[string]float64{}
	d := json.NewDecoder(bytes.NewReader(line))
	if _, err := d.Token(); err != nil {
		return l, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return l, err
		}
		value, err := d.Token()
		if err != nil {
			return l, err
		}
		name, _ := key.(string)
		v, number := value.(float64)
		if _, again := l.values[name]; !number || again { // of one name the first: the validation's before the test's
			continue
		}
		l.names, l.values[name] = append(l.names, name), v
	}
	_, err = d.Token()
	return l, err
}

// newestOfSteps keeps the last line of every step: a run that was killed trains steps after its checkpoint again.
func newestOfSteps(lines []curveLine) []curveLine {
	at := map[float64]int{}
	for i, l := range lines {
		at[l.values["step"]] = i
	}
	var kept []curveLine
	for i, l := range lines {
		if at[l.values["step"]] == i {
			kept = append(kept, l)
		}
	}
	slices.SortStableFunc(kept, func(a, b curveLine) int {
		return int(a.values["step"]) - int(b.values["step"])
	})
	return kept
}

// between is the epoch and the seconds of a step, between lines of the training in a straight line; not known where
// there is no such line.
func between(lines []curveLine, step float64) (epoch, seconds float64) {
	i, _ := slices.BinarySearchFunc(lines, step, func(l curveLine, step float64) int {
		return int(l.values["step"]) - int(step)
	})
	if i == len(lines) {
		return math.NaN(), math.NaN()
	}
	high := lines[i].values
	low := map[string]float64{}
	if i > 0 {
		low = lines[i-1].values
	}
	share := (step - low["step"]) / (high["step"] - low["step"])
	at := func(name string) float64 { return low[name] + share*(high[name]-low[name]) }
	return at("epoch"), at("seconds")
}

// seriesOf makes columns of lines, means of several where there are more than points.
func seriesOf(kind string, lines []curveLine, points int) page.Series {
	every := (len(lines) + points - 1) / points
	s := page.Series{Kind: kind, Every: every}
	for _, l := range lines {
		for _, name := range l.names {
			if !slices.Contains([]string{"step", "epoch", "seconds"}, name) && !slices.Contains(s.Names, name) {
				s.Names = append(s.Names, name)
			}
		}
	}
	s.Values = make(page.Columns, len(s.Names))
	for from := 0; from < len(lines); from += every {
		block := lines[from:min(from+every, len(lines))]
		last := block[len(block)-1].values
		s.Step, s.Epoch = append(s.Step, last["step"]), append(s.Epoch, last["epoch"])
		s.Seconds = append(s.Seconds, last["seconds"])
		for k, name := range s.Names {
			sum, n := 0.0, 0
			for _, l := range block {
				if v, has := l.values[name]; has {
					sum, n = sum+v, n+1
				}
			}
			if n == 0 {
				sum = math.NaN()
			}
			s.Values[k] = append(s.Values[k], sum/float64(max(n, 1)))
		}
	}
	return s
}
