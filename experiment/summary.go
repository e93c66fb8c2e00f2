package experiment

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"selfsup/evaluations"
	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
	"selfsup/experiment/report"
)

// Summary holds the results of a run; `run --json` prints it and the run folder keeps it.
type Summary struct {
	Run   string `json:"run"` // folder
	Steps int    `json:"steps"`
	*Course
	Evaluations []Evaluation      `json:"evaluations"`
	Merged      []string          `json:"merged,omitempty"`   // folders of run1, run2 ... whose features are merged
	Warnings    []Warning         `json:"warnings,omitempty"` // of collapses, each about another number
	TestImages  int               `json:"test_images,omitempty"`
	Samples     string            `json:"samples,omitempty"`    // what they are called; empty: images
	Validation  string            `json:"validation,omitempty"` // what the split that chooses is
	LabelsOf    string            `json:"labels_of,omitempty"`  // set of [evaluate_on] that stands for the run's own
	ChosenBy    *checkpoint.Score `json:"chosen_by,omitempty"`  // why this state is evaluated; nil: it is the last
	Best        *Best             `json:"best,omitempty"`       // the best checkpoint, where there is one
	Weights     string            `json:"weights,omitempty"`    // that are evaluated, in words; empty: of one state
	PeakRSSMB   float64           `json:"peak_rss_mb"`
}

// Course holds the figures that only a training can measure: it is nil in the summary of a checkpoint that was
// evaluated again.
type Course struct {
	Seconds         float64 `json:"seconds"`           // of the training loop, its evaluations left out
	ImagesPerSecond float64 `json:"images_per_second"` // source images; an image with two views counts once
	DataWait        float64 `json:"data_wait"`         // share of the loop's time that it waited for views
	Loss            float64 `json:"loss"`              // mean of the last steps, as metrics.jsonl ends with
}

// Evaluation is one result of one protocol on one representation.
type Evaluation struct {
	evaluations.Result
	Representation string      `json:"representation"`     // trained, projector1 ..., untrained, pixels or raw
	Set            string      `json:"set"`                // that it is of: test, validation or training
	On             string      `json:"on,omitempty"`       // labelled data set that it is of beside the run's own
	Interval       *[2]float64 `json:"interval,omitempty"` // 95 %: of an accuracy Wilson's, of others by bootstrap

	by evaluations.Protocol
}

// Measure is a representation's result by its protocol and metric, such as "knn top1"; of several of a name the first.
func (s *Summary) Measure(representation, name string) (value float64, ok bool) {
	for _, e := range s.Evaluations {
		if e.Representation == representation && e.Protocol+" "+e.Metric == name {
			return e.Value, true
		}
	}
	return 0, false
}

// Best is the best checkpoint and why it is.
type Best struct {
	Step int `json:"step"`
	checkpoint.Score
}

// summaryFile is the summary's name in a run folder.
const summaryFile = "summary.json"

func (s *Summary) write(f *folder.Folder) error {
	return folder.WriteJSON(f.File(summaryFile), s)
}

// ReadSummary reads the summary of a run folder; nil if the run has none yet.
func ReadSummary(dir string) (*Summary, error) {
	return folder.ReadJSON[Summary](filepath.Join(dir, summaryFile))
}

// Table is the summary for people: a row for every protocol and metric, a column for every representation, accuracies
// with the interval that so many test images give. Numbers of notes stand in brackets.
func (s *Summary) Table() string {
	var b strings.Builder
	if len(s.Evaluations) > 0 {
		s.evaluations(&b)
	}
	switch {
	case s.Course == nil:
		fmt.Fprintf(&b, "checkpoint of step %d, peak memory %.0f MB\n", s.Steps, s.PeakRSSMB)
	case s.Steps > 0:
		fmt.Fprintf(&b, "%d steps in %.1f s, %.0f %s/s, %.1f %% of it waiting for data, peak memory %.0f MB\n",
			s.Steps, s.Seconds, s.ImagesPerSecond, s.noun(), 100*s.DataWait, s.PeakRSSMB)
	}
	for _, w := range s.Warnings {
		fmt.Fprintf(&b, "warning: step %d: %s\n", w.Step, w.Text)
	}
	fmt.Fprintf(&b, "run folder: %s\n", s.Run)
	return b.String()
}

// evaluations prints the table, its notes, and what was measured on and chosen by what.
func (s *Summary) evaluations(b *strings.Builder) {
	var used []string // in the order in which they were evaluated
	for _, e := range s.Evaluations {
		if !slices.Contains(used, e.Representation) {
			used = append(used, e.Representation)
		}
	}
	t := report.Table{Header: append([]string{"evaluation"}, used...)}
	var order, notes []string
	rows := map[string][]string{}
	for _, e := range s.Evaluations {
		name := e.Label()
		if rows[name] == nil {
			rows[name] = make([]string, len(used)+1)
			rows[name][0] = name
			order = append(order, name)
		}
		cell := fmt.Sprintf("%.4f", e.Value)
		if e.Deviation > 0 {
			cell += fmt.Sprintf(" ± %.4f", e.Deviation)
		}
		if e.Interval != nil {
			cell += fmt.Sprintf(" (%.3f-%.3f)", e.Interval[0], e.Interval[1])
		}
		for _, note := range e.Notes {
			at := slices.Index(notes, note)
			if at < 0 {
				at, notes = len(notes), append(notes, note)
			}
			cell += fmt.Sprintf(" [%d]", at+1)
		}
		rows[name][slices.Index(used, e.Representation)+1] = cell
	}
	for _, name := range order {
		t.Rows = append(t.Rows, rows[name])
	}
	b.WriteString(t.String())
	for i, dir := range s.Merged {
		fmt.Fprintf(b, "run%d: %s\n", i+1, dir)
	}
	for i, note := range notes {
		fmt.Fprintf(b, "[%d] %s\n", i+1, note)
	}
	if s.TestImages > 0 {
		text := ""
		if slices.ContainsFunc(s.Evaluations, func(e Evaluation) bool { return e.Interval != nil }) {
			text = "; in brackets the 95 % interval (Wilson) that so many leave open"
		}
		if slices.ContainsFunc(s.Evaluations, func(e Evaluation) bool { return e.Interval != nil && !e.Accuracy }) {
			text += ", of numbers that are no accuracies by bootstrap"
		}
		fmt.Fprintf(b, "test: %d %s, looked at once%s\n", s.TestImages, s.noun(), text)
	}
	for _, on := range setsIn(s.Evaluations)[1:] {
		i := slices.IndexFunc(s.Evaluations, func(e Evaluation) bool { return e.On == on && e.Images > 0 })
		if i >= 0 {
			fmt.Fprintf(b, "on %s: %d test images\n", on, s.Evaluations[i].Images)
		}
	}
	if s.LabelsOf != "" {
		fmt.Fprintf(b, "labels: of [evaluate_on.%s], training and test images\n", s.LabelsOf)
	}
	for _, line := range []string{s.Validation, s.strengths(), s.others()} {
		if line != "" {
			fmt.Fprintln(b, line)
		}
	}
	fmt.Fprintln(b, s.stateLine())
	if s.Weights != "" {
		fmt.Fprintf(b, "weights: %s\n", s.Weights)
	}
	b.WriteByte('\n')
}

// stateLine says which state of the run was evaluated, and what chose the best one.
func (s *Summary) stateLine() string {
	switch {
	case s.ChosenBy != nil:
		return fmt.Sprintf("state: step %d, chosen by %s %.4f", s.Steps, s.ChosenBy.Evaluation, s.ChosenBy.Value)
	case s.Best != nil:
		return fmt.Sprintf("state: step %d, the last; checkpoints/best is step %d, chosen by %s %.4f", s.Steps,
			s.Best.Step, s.Best.Evaluation, s.Best.Value)
	}
	return fmt.Sprintf("state: step %d, the last", s.Steps)
}

// strengths says which penalties were chosen.
func (s *Summary) strengths() string {
	var names, said []string
	for _, e := range s.Evaluations {
		if e.Settings["l2_of"] != nil && e.Metric == "top1" {
			if !slices.Contains(names, e.Protocol) {
				names = append(names, e.Protocol)
			}
			said = append(said, fmt.Sprintf("%v (%s)", e.Settings["l2"], e.Representation))
		}
	}
	if said == nil {
		return ""
	}
	return fmt.Sprintf("%s: l2 chosen on the validation split: %s", strings.Join(names, ", "), strings.Join(said, ", "))
}

// others says which accuracies are of training images, and of how many.
func (s *Summary) others() string {
	var said []string
	for _, e := range s.Evaluations {
		text := fmt.Sprintf("%s of %d", e.Label(), e.Images)
		if e.Accuracy && e.Set == onTraining && !slices.Contains(said, text) {
			said = append(said, text)
		}
	}
	if said == nil {
		return ""
	}
	return fmt.Sprintf("without labels: %s training %s; in brackets the 95 %% interval (Wilson)", strings.Join(said,
		", "), s.noun())
}

// noun is what the samples are called.
func (s *Summary) noun() string { return cmp.Or(s.Samples, "images") }

// describeSets says what evaluations measured on and chose by, and gives accuracies their intervals.
func (s *Setup) describeSets(sum *Summary) {
	if noun := s.Noun(); noun != "images" {
		sum.Samples = noun
	}
	if s.main != nil {
		sum.LabelsOf = s.main.name
	}
	for i, e := range sum.Evaluations {
		if e.Bootstrap != nil {
			sum.Evaluations[i].Interval = e.Bootstrap
		}
		if e.Accuracy && e.Set == onTraining {
			low, high := evaluations.Wilson(e.Value, e.Images)
			sum.Evaluations[i].Interval = &[2]float64{low, high}
		}
		if e.Set == onOther && e.Accuracy {
			low, high := evaluations.Wilson(e.Value, e.Images)
			sum.Evaluations[i].Interval = &[2]float64{low, high}
		}
		if e.Set == onTest && e.On != "" {
			if e.Accuracy {
				low, high := evaluations.Wilson(e.Value, e.Images)
				sum.Evaluations[i].Interval = &[2]float64{low, high}
			}
			continue
		}
		if e.Set != onTest {
			continue
		}
		sum.TestImages, sum.Validation = max(sum.TestImages, s.Tested.Len()), s.splitNote()
		if ofPixels(e.by) {
			sum.TestImages = s.Data.Test.Len() // whose masks or boxes are what is tested on
		}
		if e.Accuracy {
			low, high := evaluations.Wilson(e.Value, cmp.Or(e.Images, sum.TestImages))
			sum.Evaluations[i].Interval = &[2]float64{low, high}
		}
	}
}

// Label names the row of a result: knn k=20 top1; what was measured on the validation split says so: validation knn
// k=20 top1.
func (e Evaluation) Label() string {
	parts := []string{e.Protocol}
	if e.Set == onValidation {
		parts = []string{onValidation, e.Protocol}
	}
	if e.K > 0 {
		parts = append(parts, fmt.Sprintf("k=%d", e.K))
	}
	if e.Metric != e.Protocol {
		parts = append(parts, e.Metric)
	}
	if e.On != "" {
		parts = append(parts, "on", e.On)
	}
	return strings.Join(parts, " ")
}

// better reports whether the result is better than another value of its label.
func (e Evaluation) better(than float64) bool {
	switch {
	case e.Ideal != nil:
		return math.Abs(e.Value-*e.Ideal) < math.Abs(than-*e.Ideal)
	case e.Lower:
		return e.Value < than
	}
	return e.Value > than
}
