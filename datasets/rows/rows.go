// Package rows turns rows of a table into the fields of a batch.
//
// view0 [K+M] is the row itself: nothing is random in it, so that there is no second view; what is done to a row is
// the method's business. Numbers are scaled; a category is its place in the column's list, and one more for what is
// missing or was not seen in training. A number that is missing is 0, and one of the M elements behind the K columns
// says so: there is one for every column of numbers that some training row misses. marginal [K+M], and marginal1 and
// so on as draws of their own, has every column from a row of its own, drawn from the training rows: the empirical
// marginal distribution that SCARF and VIME corrupt with. target [] is the number to predict, NaN where there is none.
package rows

import (
	"fmt"
	"math"
	"sort"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/sampling"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// Settings is the [rows] table of a recipe.
type Settings struct {
	overlay.Optional
	// standard: mean 0 and deviation 1 | quantile: the normal score of the rank (of a large table among 100,000 rows)
	// | none
	Numbers string `toml:"numbers"`
}

// quantile is the scaling that needs the training rows.
const quantile = "quantile"

// rankedRows is how many training rows ranks are among, at most: of a larger table rows at even distances. The error
// of a rank is then about a thousandth.
const rankedRows = 100_000

// Defaults scales numbers to mean 0 and deviation 1.
func Defaults() Settings { return Settings{Numbers: "standard"} }

// Validate checks the settings.
func (s *Settings) Validate() error {
	switch s.Numbers {
	case "standard", quantile, "none":
		return nil
	}
	return setting.Bad("numbers", "%q: want \"standard\", \"quantile\" or \"none\"", s.Numbers)
}

// Table is the columns of a table as encoders see them; it implements feed.Kind.
type Table struct {
	settings Settings
	columns  []datasets.Column
	ranks    [][]float64 // of a number's column, the training values in order; only for quantiles
	of       []int       // categories of a column and one for none; 0: a number, or an indicator of one that is missing
	gaps     []int       // columns of numbers that training rows miss; their indicators are behind the columns
	train    datasets.RowSet
}

// New reads what it needs of the training rows.
func New(s Settings, train datasets.RowSet) (*Table, error) {
	t := columnsOnly(s, train.Columns())
	t.train = train
	if s.Numbers != quantile {
		return t, nil
	}
	t.ranks = make([][]float64, len(t.columns))
	row := make([]float64, len(t.columns))
	ranked := min(train.Len(), rankedRows)
	for place := range ranked {
		i := place * train.Len() / ranked
		if err := train.Row(i, row); err != nil {
			return nil, fmt.Errorf("rows: %s: %w", train.Name(i), err)
		}
		for k, v := range row {
			if t.of[k] == 0 && !math.IsNaN(v) {
				t.ranks[k] = append(t.ranks[k], v)
			}
		}
	}
	for _, r := range t.ranks {
		sort.Float64s(r)
	}
	return t, nil
}

// Of is the table of columns whose training rows are not there: an encoder sees a row of it as of theirs. Ranks need
// the training rows, and so does marginal.
func Of(s Settings, columns []datasets.Column) (*Table, error) {
	if s.Numbers == quantile {
		return nil, fmt.Errorf("rows: numbers = %q scales by ranks among the training rows, which are not there; "+
			"want \"standard\" or \"none\"", s.Numbers)
	}
	return columnsOnly(s, columns), nil
}

func columnsOnly(s Settings, columns []datasets.Column) *Table {
	t := &Table{settings: s, columns: columns}
	for _, c := range t.columns {
		n := 0
		if c.Categories != nil {
			n = len(c.Categories) + 1
		}
		t.of = append(t.of, n)
	}
	for k, c := range t.columns {
		if c.Categories == nil && c.Missing > 0 {
			t.gaps, t.of = append(t.gaps, k), append(t.of, 0)
		}
	}
	return t
}

// Columns describes the columns as the training rows have them.
func (t *Table) Columns() []datasets.Column { return t.columns }

// Noun implements feed.Kind.
func (t *Table) Noun() string { return "rows" }

// Training implements feed.Kind.
func (t *Table) Training(set datasets.Labelled) feed.Maker { return newMaker(t, set) }

// Evaluation implements feed.Kind: view0 as in training; raw has the numbers and an indicator for every category.
func (t *Table) Evaluation(set datasets.Labelled) feed.Maker { return newMaker(t, set) }

// write puts a row as an encoder sees it.
func (t *Table) write(dst []float32, row []float64) {
	for c, v := range row {
		dst[c] = t.scale(c, v)
	}
	for i, c := range t.gaps {
		dst[len(row)+i] = indicator(row[c])
	}
}

// indicator is 1 for what is missing.
func indicator(v float64) float32 {
	if math.IsNaN(v) {
		return 1
	}
	return 0
}

// scale turns a value of a column into what an encoder sees.
func (t *Table) scale(k int, v float64) float32 {
	missing := math.IsNaN(v)
	switch {
	case t.of[k] > 0 && missing:
		return float32(t.of[k] - 1)
	case t.of[k] > 0:
		return float32(v)
	case missing:
		return 0
	}
	switch t.settings.Numbers {
	case "standard":
		return float32(t.columns[k].Standardise(v))
	case quantile:
		return float32(normalScore(t.ranks[k], v))
	}
	return float32(v)
}

// normalScore is the normal quantile of the mean rank of v among sorted values, at most that of half a rank from the
// ends.
func normalScore(sorted []float64, v float64) float64 {
	n := len(sorted)
	if n == 0 {
		return 0
	}
	below := sort.SearchFloat64s(sorted, v)
	upTo := sort.Search(n, func(i int) bool { return sorted[i] > v })
	share := (float64(below) + float64(upTo)) / 2 / float64(n)
	half := 0.5 / float64(n)
	return math.Sqrt2 * math.Erfinv(2*min(max(share, half), 1-half)-1)
}

// width is the number of values of the field raw.
func (t *Table) width() (n int) {
	for _, of := range t.of {
		n += max(of, 1)
	}
	return n
}

// maker makes fields of a set of rows, which may be part of a table's.
type maker struct {
	*Table
	set   datasets.RowSet
	place []int32 // of the samples among the set's rows; nil: each is its own
}

func newMaker(t *Table, set datasets.Labelled) *maker {
	whole, place := sampling.Whole(set)
	return &maker{t, whole.(datasets.RowSet), place}
}

const target = "target"

// Fields implements feed.Maker.
func (m *maker) Fields() []string { return []string{feed.View(0), feed.Marginal(0), target, feed.Raw} }

// Field implements feed.Maker.
func (m *maker) Field(name string) (feed.Field, error) {
	_, drawn := feed.MarginalNumber(name)
	switch {
	case name == feed.View(0) || drawn && m.train != nil:
		return feed.Field{Name: name, Shape: []int{len(m.of)}, Of: m.of, Gaps: m.gaps}, nil
	case name == target:
		return feed.Field{Name: name}, nil
	case name == feed.Raw:
		return feed.Field{Name: name, Shape: []int{m.width()}}, nil
	}
	why := ""
	if _, view := feed.Numbered(name, "view"); view {
		why =
			"nothing in a row is random, so that it has one view; methods for rows, such as scarf, make a second of " +
				feed.Marginal(0)
	}
	return feed.Field{}, &feed.UnknownField{Name: name, Kind: "rows of a table", Has: m.Fields(), Why: why}
}

// Worker implements feed.Maker.
func (m *maker) Worker(names []string) (feed.Worker, error) {
	for _, name := range names {
		if _, err := m.Field(name); err != nil {
			return nil, err
		}
	}
	n := len(m.columns)
	return &worker{maker: m, names: names, row: make([]float64, n), other: make([]float64, n),
		mixed: make([]float64, n)}, nil
}

type worker struct {
	*maker
	names             []string
	row, other, mixed []float64
}

// Make implements feed.Worker.
func (w *worker) Make(to []feed.Slot, i int, key feed.Key) error {
	if w.place != nil {
		i = int(w.place[i])
	}
	if err := w.set.Row(i, w.row); err != nil {
		return err
	}
	for k, name := range w.names {
		n, drawn := feed.MarginalNumber(name)
		switch {
		case drawn:
			if err := w.draw(to[k].F32, n, key); err != nil {
				return err
			}
		case name == target:
			to[k].F32[0] = float32(w.set.Target(i))
		case name == feed.Raw:
			w.raw(to[k].F32)
		default:
			w.write(to[k].F32, w.row)
		}
	}
	return nil
}

// draw takes each column from a training row of its own; n tells draws of one row apart.
func (w *worker) draw(dst []float32, n int, key feed.Key) error {
	name := "rows/marginal"
	if n > 0 {
		name = fmt.Sprint(name, n)
	}
	r := datasets.NewRand(key.Seed, name, uint64(key.Step), uint64(key.Row))
	for c := range w.mixed {
		if err := w.train.Row(r.Intn(w.train.Len()), w.other); err != nil {
			return err
		}
		w.mixed[c] = w.other[c]
	}
	w.write(dst, w.mixed)
	return nil
}

// raw writes numbers as they are scaled, a 1 at the place of a category among those of its column, and behind them the
// indicators of numbers that are missing.
func (w *worker) raw(dst []float32) {
	at := 0
	for c, v := range w.row {
		x := w.scale(c, v)
		if w.of[c] == 0 {
			dst[at] = x
			at++
			continue
		}
		clear(dst[at : at+w.of[c]])
		dst[at+int(x)] = 1
		at += w.of[c]
	}
	for _, c := range w.gaps {
		dst[at] = indicator(w.row[c])
		at++
	}
}
