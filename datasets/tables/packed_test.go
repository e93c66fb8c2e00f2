package tables

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"selfsup/datasets"
)

const packedTrain = "x,c,y\n1,red,a\n2,blue,b\n3,,a\n4,red,b\n,blue,a\n"
const packedTest = "x,c,y\n5,green,a\n,red,b\n"

// packedTable writes a table's files and returns its settings.
func packedTable(t *testing.T, train, test string) *Table {
	t.Helper()
	s := NewTable()
	s.Train, s.Target = filepath.Join(t.TempDir(), "train.csv"), "y"
	files := map[string]string{s.Train: train}
	if test != "" {
		s.Test = filepath.Join(filepath.Dir(s.Train), "test.csv")
		files[s.Test] = test
	}
	for file, text := range files {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// pack packs a table and opens the file.
func pack(t *testing.T, s *Table) (*datasets.Data, *PackReport, string) {
	t.Helper()
	var b bytes.Buffer
	r, err := s.Pack(datasets.Env{}, &b)
	if err != nil {
		t.Fatal(err)
	}
	if int64(b.Len()) != r.Bytes {
		t.Errorf("%d bytes, the report says %d", b.Len(), r.Bytes)
	}
	file := filepath.Join(filepath.Dir(s.Train), "x.rows")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := (&PackedRows{file}).Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return d, r, file
}

// sameRows compares sets row by row.
func sameRows(t *testing.T, got, want datasets.RowSet) {
	t.Helper()
	if got.Len() != want.Len() || !reflect.DeepEqual(got.Columns(), want.Columns()) ||
		!reflect.DeepEqual(got.Classes(), want.Classes()) {
		t.Fatalf("%d rows of %+v and classes %q, want %d of %+v and %q", got.Len(), got.Columns(), got.Classes(),
			want.Len(), want.Columns(), want.Classes())
	}
	a, b := make([]float64, len(got.Columns())), make([]float64, len(got.Columns()))
	for i := range want.Len() {
		if err := got.Row(i, a); err != nil {
			t.Fatal(err)
		}
		if err := want.Row(i, b); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(a) != fmt.Sprint(b) || got.Label(i) != want.Label(i) || got.Name(i) != want.Name(i) ||
			fmt.Sprint(got.Target(i)) != fmt.Sprint(want.Target(i)) {
			t.Errorf("row %d is %v, %d, %s, %v; want %v, %d, %s, %v", i, a, got.Label(i), got.Name(i), got.Target(i), b,
				want.Label(i), want.Name(i), want.Target(i))
		}
	}
}

// A packed table is the table: rows, columns, classes, names; what a test row has that no training row has is counted
// the same.
func TestPackedIsTheTable(t *testing.T) {
	for name, c := range map[string]struct {
		train, test string
		change      func(*Table)
	}{
		"classes":    {packedTrain, packedTest, func(*Table) {}},
		"regression": {"x,y,c\n1,0.5,p\n2,1.5,q\n", "x,y,c\n,2.5,r\n3,1,p\n", func(s *Table) { s.Regression = true }},
		"no target":  {packedTrain, packedTest, func(s *Table) { s.Target = "" }},
		"no test":    {packedTrain, "", func(s *Table) { s.TestFraction = 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			s := packedTable(t, c.train, c.test)
			c.change(s)
			want, err := s.Open(datasets.Env{})
			if err != nil {
				t.Fatal(err)
			}
			got, _, _ := pack(t, s)
			sameRows(t, got.Train.(datasets.RowSet), want.Train.(datasets.RowSet))
			if want.Test == nil {
				if got.Test != nil {
					t.Error("a test set, want none")
				}
				return
			}
			sameRows(t, got.Test.(datasets.RowSet), want.Test.(datasets.RowSet))
		})
	}
}

// Without a test file about the fraction of the rows is kept for the test, the same rows every time; columns are
// measured over the others.
func TestPackedSplit(t *testing.T) {
	var b strings.Builder
	b.WriteString("x,y\n")
	for i := range 2000 {
		fmt.Fprintf(&b, "%d,%c\n", i, 'a'+i%3)
	}
	s := packedTable(t, b.String(), "")
	d, r, file := pack(t, s)
	if r.Train+r.Test != 2000 || r.Test < 300 || r.Test > 500 {
		t.Errorf("%d training and %d test rows of 2000, want about 400 for the test", r.Train, r.Test)
	}
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, _, file = pack(t, s)
	if again, _ := os.ReadFile(file); !bytes.Equal(first, again) {
		t.Error("the same table gives other bytes")
	}
	train, sum := d.Train.(datasets.RowSet), 0.0
	row := []float64{0}
	for i := range train.Len() {
		if err := train.Row(i, row); err != nil {
			t.Fatal(err)
		}
		sum += row[0]
	}
	if got, want := train.Columns()[0].Mean, sum/float64(train.Len()); math.Abs(got-want) > 1e-9*want {
		t.Errorf("mean %v, want %v of the training rows", got, want)
	}
}

// Rows that are refused are named, counted once and limited; a text that is not UTF-8 is an error with its place.
func TestPackedRefuses(t *testing.T) {
	bad := "x,y\n1,a\n2,b,more\n3,a\n4,\n"
	s := packedTable(t, bad, "")
	s.TestFraction, s.MaxSkipped = 0, 2
	d, r, _ := pack(t, s)
	if r.Refused != 2 || len(r.Skipped) != 2 || d.Train.Len() != 2 ||
		!strings.Contains(datasets.ListSkips(r.Skipped, 3), "train.csv:3:5: 3 fields, want the 2 of the header") ||
		!strings.Contains(datasets.ListSkips(r.Skipped, 3), `train.csv:5:3: the target "y" is missing`) {
		t.Errorf("%+v, want two rows that are named", r)
	}
	for name, c := range map[string]struct {
		text, want string
		skipped    int
	}{
		"a wide row": {bad, "more than max_skipped = 1 rows are refused", 1},
		"bytes":      {"x,y\n1,a\n2,\xff\n", "train.csv:3:3: bytes ff 0a at byte 10 are not UTF-8", 0},
		"a quote":    {"x,y\n1,a\n2,\"b\n", "train.csv", 0},
		"a number among words": {"x,c,y\n1,p,a\n2,q,b\n", `column "c": 2 of 3 test rows hold what no training ` +
			`row has, the first at`, 0},
		"nothing": {"", "the file is empty", 0},
	} {
		test := ""
		if name == "a number among words" {
			test = "x,c,y\n1,17,a\n2,p,b\n3,18,a\n"
		}
		s := packedTable(t, c.text, test)
		s.MaxSkipped = c.skipped
		if test != "" {
			if _, err := s.Open(datasets.Env{}); err == nil || !strings.Contains(err.Error(), c.want) ||
				!strings.Contains(err.Error(), `test.csv:2 "17"`) {
				t.Errorf("%s: got %v, want %q and the first's place", name, err, c.want)
			}
		}
		if _, err := s.Pack(datasets.Env{}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// Any cut, and any flipped bit, of a file is found: when it is opened, or when its row is read.
func TestPackedDamage(t *testing.T) {
	_, _, file := pack(t, packedTable(t, packedTrain, packedTest))
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	check := func(b []byte) error {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := (&PackedRows{file}).Open(datasets.Env{})
		if err != nil {
			return err
		}
		for _, set := range []datasets.Labelled{d.Train, d.Test} {
			row := make([]float64, 2)
			for i := range set.Len() {
				if err := set.(datasets.RowSet).Row(i, row); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := check(good); err != nil {
		t.Fatal(err)
	}
	for n := range good {
		bad := bytes.Clone(good)
		bad[n] ^= 4
		if err := check(bad); err == nil {
			t.Errorf("a bit flipped in byte %d of %d is not found", n, len(good))
		}
		if n%7 == 0 {
			if err := check(good[:n]); err == nil {
				t.Errorf("the first %d of %d bytes open", n, len(good))
			}
		}
	}
}
