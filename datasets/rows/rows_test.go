package rows

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/feed/feedtest"
	"selfsup/datasets/sampling"
	"selfsup/datasets/tables"
)

func table(t *testing.T) *datasets.Data {
	t.Helper()
	file := filepath.Join(t.TempDir(), "t.csv")
	if err := os.WriteFile(file, []byte("x,c,y\n1,red,a\n2,blue,b\n3,,a\n4,red,b\n,blue,a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := tables.NewTable()
	s.Train, s.Target, s.TestFraction = file, "y", 0
	d, err := s.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Numbers are scaled by the training rows, categories are places, what is missing has its own place; a part of the
// rows is the same rows.
func TestRows(t *testing.T) {
	d := table(t)
	train := d.Train.(datasets.RowSet)
	third := float32(math.Sqrt2 * math.Erfinv(2*(1.5/4)-1)) // the mean rank of 2 among 1..4
	std := float32(train.Columns()[0].Std)
	for _, c := range []struct {
		numbers string
		row     int
		want    []float32
	}{
		{"standard", 0, []float32{(1 - 2.5) / std, 1, 0}},
		{"standard", 2, []float32{(3 - 2.5) / std, 2, 0}},
		{"standard", 4, []float32{0, 0, 1}}, // the number is missing, and the last element says so
		{"quantile", 1, []float32{third, 0, 0}},
		{"none", 3, []float32{4, 1, 0}},
	} {
		tab, err := New(Settings{Numbers: c.numbers}, train)
		if err != nil {
			t.Fatal(err)
		}
		m := tab.Training(d.Train)
		if f, _ := m.Field("view0"); !slices.Equal(f.Shape, []int{3}) || !slices.Equal(f.Of, []int{0, 3, 0}) ||
			!slices.Equal(f.Gaps, []int{0}) {
			t.Errorf("view0 is %+v, want two columns of a number, which may be missing, and of 3 categories", f)
		}
		near := func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-6 }
		if got := feedtest.One(t, m, "view0", c.row, feed.Key{}).F32; !slices.EqualFunc(got, c.want, near) {
			t.Errorf("%s: row %d is %v, want %v", c.numbers, c.row, got, c.want)
		}
		part := tab.Training(sampling.Part(d.Train, []int32{3, int32(c.row)}))
		if got := feedtest.One(t, part, "view0", 1, feed.Key{}).F32; !slices.EqualFunc(got, c.want, near) {
			t.Errorf("%s: row 1 of a part is %v, want %v", c.numbers, got, c.want)
		}
	}
	tab, err := New(Defaults(), train)
	if err != nil {
		t.Fatal(err)
	}
	for row, want := range map[int][]float32{2: {0, 0, 1, 0}, 4: {1, 0, 0, 1}} {
		if got := feedtest.One(t, tab.Evaluation(d.Train), feed.Raw, row, feed.Key{}).F32; !slices.Equal(got[1:],
			want) {
			t.Errorf("raw of row %d ends in %v, want %v: indicators of the category and of a missing number", row,
				got[1:], want)
		}
	}
}

// The marginal draws each column from some training row, by seed, step and row alone.
func TestMarginal(t *testing.T) {
	d := table(t)
	tab, err := New(Settings{Numbers: "none"}, d.Train.(datasets.RowSet))
	if err != nil {
		t.Fatal(err)
	}
	m, different := tab.Training(d.Train), 0
	compare := func(a, b []float32) int {
		if slices.Equal(a, b) {
			return 0
		}
		return 1
	}
	seen := map[[3]float32]bool{}
	for step := range 200 {
		key := feed.Key{Seed: 3, Step: step, Row: 1}
		got := feedtest.One(t, m, "marginal", 0, key).F32
		if again := feedtest.One(t, m, "marginal", 4, key).F32; !slices.Equal(got, again) {
			t.Fatalf("step %d: %v, and for another sample %v", step, got, again)
		}
		seen[[3]float32(got)] = true
		different += compare(got, feedtest.One(t, m, "marginal1", 0, key).F32)
	}
	if !seen[[3]float32{1, 2, 0}] || !seen[[3]float32{4, 0, 0}] || !seen[[3]float32{0, 1, 1}] {
		t.Errorf("combinations that no row has are missing among %v", seen)
	}
	if seen[[3]float32{1, 2, 1}] || seen[[3]float32{0, 1, 0}] {
		t.Errorf("a number and what says that it is missing are of two rows in %v", seen)
	}
	if different < 100 {
		t.Errorf("marginal1 differs from marginal in %d of 200 steps, want draws of its own", different)
	}
	_, err = m.Worker([]string{"view1"})
	if err == nil || !strings.Contains(err.Error(),
		`rows of a table have no field "view1": nothing in a row is random, so that it has one view; methods `+
			`for rows, such as scarf, make a second of marginal; they have view0, marginal, target, raw`) {
		t.Errorf("a second view: %v", err)
	}
}
