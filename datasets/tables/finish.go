package tables

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"selfsup/datasets"
)

// finish numbers categories and classes by sorted name, and measures the training rows. test may be nil.
func (s *Table) finish(train, test *rows) error {
	if train.Len() == 0 {
		return errors.New("no rows are left for the training")
	}
	if test != nil && test.Len() == 0 {
		return errors.New("the test set has no rows")
	}
	parts := []*rows{train}
	if test != nil {
		parts = append(parts, test)
	}
	for k := range train.columns {
		if train.words[k] == nil {
			c := &train.columns[k]
			if measure(c, train.cells[k]); c.Missing == 0 && test != nil {
				if c.Unseen = missing(test.cells[k]); c.Unseen > 0 {
					first := slices.IndexFunc(test.cells[k], math.IsNaN)
					c.FirstUnseen = test.Name(first) + " no number"
				}
			}
			if err := s.checkUnseen(c, test); err != nil {
				return err
			}
			continue
		}
		train.columns[k].Categories = train.words[k].used(train.cells[k])
		for _, p := range parts {
			words := slices.Clone(p.cells[k])
			unseen, first := p.words[k].renumber(p.cells[k], train.columns[k].Categories)
			if p == test && unseen > 0 {
				train.columns[k].Unseen = unseen
				train.columns[k].FirstUnseen = unseenAt(test.Name(first), p.words[k].words[int(words[first])])
			}
		}
		train.columns[k].Missing = missing(train.cells[k])
		if err := s.checkUnseen(&train.columns[k], test); err != nil {
			return err
		}
	}
	if test != nil {
		test.columns = train.columns
	}
	if train.labels == nil {
		return nil
	}
	var tested []string
	if test != nil {
		tested = test.labels.used(test.target)
	}
	classes, err := datasets.ClassNames(train.labels.used(train.target), tested)
	if err != nil {
		return err
	}
	for _, p := range parts {
		p.labels.renumber(p.target, classes)
		p.classes, p.class = classes, make([]int32, p.Len())
		for i, t := range p.target {
			p.class[i] = int32(t)
		}
		p.target = nil
	}
	return nil
}

// unseenAt is a word and its place.
func unseenAt(at, word string) string { return fmt.Sprintf("%s %.40q", at, word) }

// checkUnseen refuses a column of which too many test rows hold what no training row has. test may be nil.
func (s *Table) checkUnseen(c *datasets.Column, test *rows) error {
	if test == nil {
		return nil
	}
	return s.limitUnseen(c.Name, c.Unseen, test.Len(), c.FirstUnseen)
}

func (s *Table) limitUnseen(column string, unseen, rows int, first string) error {
	if float64(unseen) <= s.MaxUnseen*float64(rows) {
		return nil
	}
	return fmt.Errorf("column %q: %d of %d test rows hold what no training row has, the first at %s; max_unseen = %v "+
		"allows a share of that; is the column of numbers, or the test file of another table?", column, unseen, rows,
		first, s.MaxUnseen)
}

// used is the words that cells hold, sorted.
func (d *dictionary) used(cells []float64) []string {
	seen := make([]bool, len(d.words))
	for _, v := range cells {
		if !math.IsNaN(v) {
			seen[int(v)] = true
		}
	}
	words := []string{}
	for i, w := range d.words {
		if seen[i] {
			words = append(words, w)
		}
	}
	slices.Sort(words)
	return words
}

// renumber turns numbers of words into places in a sorted list; NaN where it lacks the word, how often that was, and
// where first.
func (d *dictionary) renumber(cells []float64, list []string) (unseen, first int) {
	to := make([]float64, len(d.words))
	for i, w := range d.words {
		to[i] = math.NaN()
		if k, ok := slices.BinarySearch(list, w); ok {
			to[i] = float64(k)
		}
	}
	for i, v := range cells {
		if math.IsNaN(v) {
			continue
		}
		if cells[i] = to[int(v)]; math.IsNaN(cells[i]) {
			if unseen++; unseen == 1 {
				first = i
			}
		}
	}
	return unseen, first
}

func missing(cells []float64) (n int) {
	for _, v := range cells {
		if math.IsNaN(v) {
			n++
		}
	}
	return n
}

// measure computes mean and deviation (over n, as scikit-learn's StandardScaler) in one pass (Welford 1962).
func measure(c *datasets.Column, cells []float64) {
	var n, squares float64
	for _, v := range cells {
		if math.IsNaN(v) {
			c.Missing++
			continue
		}
		n++
		d := v - c.Mean
		c.Mean += d / n
		squares += d * (v - c.Mean)
	}
	if n > 0 {
		c.Std = math.Sqrt(squares / n)
	}
}

// Facts describes the columns.
func (r *rows) Facts() []datasets.Fact {
	fs := []datasets.Fact{{Key: "columns", Value: fmt.Sprint(len(r.columns))}}
	for _, c := range r.columns {
		unit := "number"
		if c.Percent {
			unit = "number in percent"
		}
		text := fmt.Sprintf("%s, mean %.5g, deviation %.5g", unit, c.Mean, c.Std)
		if c.Categories != nil {
			text = fmt.Sprintf("%d categories", len(c.Categories))
		}
		if c.Missing > 0 {
			text += fmt.Sprintf(", %d missing", c.Missing)
		}
		switch {
		case c.Unseen > 0 && c.Categories == nil:
			text += fmt.Sprintf(", %d of the test missing and none of the training: they are the mean; the first at %s",
				c.Unseen, c.FirstUnseen)
		case c.Unseen > 0:
			text += fmt.Sprintf(", %d of the test unseen, the first at %s", c.Unseen, c.FirstUnseen)
		}
		fs = append(fs, datasets.Fact{Key: "column " + c.Name, Value: text})
	}
	return append(fs, r.passed...)
}
