package experiment

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"selfsup/evaluations"
)

// Results are finished runs side by side: a row for every recipe and accuracy, over the seeds that it was run with.
type Results struct {
	rows    []*resultRow
	against string // recipe that the others are compared with; "": none
}

// resultRow is one accuracy of one recipe.
type resultRow struct {
	recipe, evaluation, test string
	images                   int
	seeds                    []int64
	hits                     map[string]map[int64]Bits // by representation and seed
}

// ReadResults reads run folders that are done. Runs of one name are seeds of one recipe, and may differ in nothing
// else. against names the recipe that the others are compared with.
func ReadResults(dirs []string, against string) (*Results, error) {
	t := &Results{against: against}
	recipe, first := map[string]string{}, map[string]string{} // by name: the text without its seed, and the folder
	for _, dir := range dirs {
		h, err := ReadHits(dir)
		if err == nil && h == nil {
			err = fmt.Errorf("%s has no %s: it is not done, or has no accuracy on a test set", dir, hitsFile)
		}
		if err != nil {
			return nil, &DataError{err}
		}
		text, err := os.ReadFile(filepath.Join(dir, ResolvedFile))
		if err != nil {
			return nil, &DataError{err}
		}
		var head struct {
			Name string
			Seed int64
		}
		if _, err := toml.Decode(string(text), &head); err != nil {
			return nil, &DataError{fmt.Errorf("%s: %w", filepath.Join(dir, ResolvedFile), err)}
		}
		rest := strings.Replace(string(text), fmt.Sprintf("seed = %d\n", head.Seed), "", 1)
		if recipe[head.Name] == "" {
			recipe[head.Name], first[head.Name] = rest, dir
		} else if recipe[head.Name] != rest {
			return nil, &DataError{fmt.Errorf("%s and %s are both called %s and differ in more than the seed; "+
				"give one of the recipes another name", first[head.Name], dir, head.Name)}
		}
		if err := t.add(dir, head.Name, head.Seed, h); err != nil {
			return nil, &DataError{err}
		}
	}
	if against != "" && !slices.ContainsFunc(t.rows, func(r *resultRow) bool { return r.recipe == against }) {
		return nil, &DataError{fmt.Errorf("--against %s: none of the runs is called that", against)}
	}
	return t, nil
}

// add takes up the accuracies of a run.
func (t *Results) add(dir, recipe string, seed int64, h *Hits) error {
	for _, o := range h.Of {
		if !strings.HasSuffix(o.Evaluation, " top1") {
			continue
		}
		row := t.row(recipe, o.Evaluation)
		if row == nil {
			row = &resultRow{recipe: recipe, evaluation: o.Evaluation, test: h.Test, images: h.Images}
			row.hits = map[string]map[int64]Bits{}
			t.rows = append(t.rows, row)
		}
		if row.test != h.Test {
			return fmt.Errorf("%s: the test set of %s is another than that of its other seeds", dir, recipe)
		}
		if !slices.Contains(row.seeds, seed) {
			row.seeds = append(row.seeds, seed)
		}
		if row.hits[o.Representation] == nil {
			row.hits[o.Representation] = map[int64]Bits{}
		}
		if row.hits[o.Representation][seed] != nil {
			return fmt.Errorf("%s: there are two runs of %s with seed %d; want one", dir, recipe, seed)
		}
		row.hits[o.Representation][seed] = o.Right
	}
	return nil
}

func (t *Results) row(recipe, evaluation string) *resultRow {
	for _, r := range t.rows {
		if r.recipe == recipe && r.evaluation == evaluation {
			return r
		}
	}
	return nil
}

// Markdown prints the table: mean and standard deviation over seeds, the 95 % interval (Wilson) that so many test
// images leave open, and whether the trained encoder is better than what stands beside it.
func (t *Results) Markdown() string {
	var b strings.Builder
	baseline := t.baseline()
	heads := []string{"recipe", "seeds", "evaluation", "trained", "untrained", baseline,
		"trained less untrained", "trained less " + baseline}
	if t.against != "" {
		heads = append(heads, "less "+t.against)
	}
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
	for _, r := range t.rows {
		slices.Sort(r.seeds)
		cells := []string{r.recipe, strings.Trim(strings.Join(strings.Fields(fmt.Sprint(r.seeds)), ", "), "[]"),
			r.evaluation}
		own := r.baseline()
		for _, rep := range []string{"trained", "untrained", own} {
			cells = append(cells, r.accuracy(rep))
		}
		trained := r.hits["trained"]
		cells = append(cells, difference(trained, r.hits["untrained"]), difference(trained, r.hits[own]))
		if t.against != "" {
			cell := ""
			if o := t.row(t.against, r.evaluation); o != nil && o != r && o.test == r.test {
				cell = difference(trained, o.hits["trained"])
			}
			cells = append(cells, cell)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	b.WriteString(`
Accuracies are means over the seeds, ± their standard deviation, in brackets the 95 % interval (Wilson) that the number of test images leaves open.
Differences are paired by test image: p is McNemar's exact test of one seed, and of several its extension to an image's hits summed over seeds;
it speaks of other test images, the deviation and the count of seeds speak of other seeds.
`)
	return b.String()
}

// baseline heads the column of the samples themselves: pixels, of other kinds of data raw.
func (t *Results) baseline() string {
	names := map[string]bool{}
	for _, r := range t.rows {
		names[r.baseline()] = true
	}
	if len(names) > 1 {
		return "pixels or raw"
	}
	if names["raw"] {
		return "raw"
	}
	return "pixels"
}

// baseline names the samples themselves as the row's runs do.
func (r *resultRow) baseline() string {
	if r.hits["raw"] != nil {
		return "raw"
	}
	return "pixels"
}

// accuracy is the mean over seeds with its deviation and interval.
func (r *resultRow) accuracy(representation string) string {
	var values []float64
	for _, seed := range r.seeds {
		if bits := r.hits[representation][seed]; bits != nil {
			n := 0
			for _, right := range bits {
				if right {
					n++
				}
			}
			values = append(values, float64(n)/float64(r.images))
		}
	}
	if values == nil {
		return ""
	}
	var mean, squares float64
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	low, high := evaluations.Wilson(mean, r.images)
	deviation := ""
	if len(values) > 1 {
		deviation = fmt.Sprintf(" ± %.3f", math.Sqrt(squares/float64(len(values)-1)))
	}
	return fmt.Sprintf("%.3f%s (%.3f-%.3f)", mean, deviation, low, high)
}

// difference compares a with b over the seeds that both have.
func difference(a, b map[int64]Bits) string {
	var images []int
	seeds, ahead, total := 0, 0, 0
	for seed, x := range a {
		y := b[seed]
		if y == nil {
			continue
		}
		if images == nil {
			images = make([]int, len(x))
		}
		one := 0
		for i := range x {
			if x[i] != y[i] {
				d := 1
				if y[i] {
					d = -1
				}
				images[i] += d
				one += d
			}
		}
		seeds++
		if total += one; one > 0 {
			ahead++
		}
	}
	if seeds == 0 {
		return ""
	}
	p := evaluations.PairedExact(images)
	said := fmt.Sprintf("p = %.2g", p)
	if p < 1e-4 {
		said = "p < 0.0001"
	}
	return fmt.Sprintf("%+.3f, %s, ahead in %d of %d", float64(total)/float64(seeds*len(images)), said, ahead, seeds)
}
