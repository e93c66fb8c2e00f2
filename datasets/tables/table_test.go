package tables

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
	"selfsup/internal/shared"
)

func TestTable(t *testing.T) {
	const small = "size,colour,kind\n1,red,a\n2,blue,b\n3,NA,a\n?,red,b\n"
	for _, c := range []struct {
		name    string
		file    string
		change  func(*Table)
		want    string // columns, then rows of the training set with their labels
		skipped string
		message string
	}{
		{name: "inferred, missing values, classes", file: small,
			want: "size 2±0.82 1 missing; colour [blue red] 1 missing | 1 1 =0; 2 0 =1; 3 NaN =0; NaN 1 =1"},
		{name: "regression", file: "x,y\n1,0.5\n2,-1e3\n", change: func(s *Table) {
			s.Target, s.Regression = "y", true
		}, want: "x 1.5±0.5 | 1 =0.5; 2 =-1000"},
		{name: "unlabelled", file: "x,y\n1,2\n", change: func(s *Table) { s.Target = "" },
			want: "x 1±0; y 2±0 | 1 2 =-1"},
		{name: "numbers that are categories", file: "x,kind\n10,a\n9,a\n", change: func(s *Table) {
			s.Categorical = []string{"x"}
		}, want: "x [10 9] | 0 =0; 1 =0"},
		{name: "ignored", file: "id,x,kind\nq,1,a\n", change: func(s *Table) { s.Ignore = []string{"id"} },
			want: "x 1±0 | 1 =0"},
		{name: "quotes, byte order mark, line ends", file: "\xef\xbb\xbfx,kind\r\n1,\"a, \"\"b\"\"\nc\"\r\n",
			want: "x 1±0 | 1 =0"},
		{name: "other separator", file: "x;kind\n1;a\n", change: func(s *Table) { s.Separator = ";" },
			want: "x 1±0 | 1 =0"},
		{name: "ragged row left out", file: "x,kind\n1,a\n2\n3,b,c\n", change: func(s *Table) { s.MaxSkipped = 2 },
			want:    "x 1±0 | 1 =0",
			skipped: "t.csv:3:1: 1 fields, want the 2 of the header; t.csv:4:5: 3 fields, want the 2 of the header"},
		{name: "ragged row", file: "x,kind\n1,a\n2\n", message: "t.csv:3:1: 1 fields, want the 2 of the header"},
		{name: "bad number", file: "x,kind\n1,a\n2,a\n 3x,a\n",
			message: `t.csv:4:1: column "x": " 3x" is no number, and 2 of 3 values are`},
		{name: "bad number in a declared column", file: "y,x,kind\n0,1,a\n0,0x10,a\n", change: func(s *Table) {
			s.Numeric = []string{"x"}
		}, message: `t.csv:3:3: column "x": "0x10" is no number`},
		{name: "no inf", file: "x,kind\n1,a\n2,a\ninf,a\n", message: `"inf" is no number`},
		{name: "overflow", file: "x,kind\n1,a\n2,a\n1e400,a\n", message: `"1e400" is no number`},
		{name: "target missing", file: "x,kind\n1,a\n2,\n", message: `t.csv:3:3: the target "kind" is missing`},
		{name: "target no number", file: "x,kind\n1,a\n", change: func(s *Table) { s.Regression = true },
			message: `t.csv:2:3: the target "kind" is "a", want a number`},
		{name: "no such target", file: "x,y\n1,a\n", message: `no column "kind", the header has ["x" "y"]`},
		{name: "no features", file: "kind\na\n", message: "leave no features"},
		{name: "twice the same name", file: "x,x,kind\n", message: `t.csv:1:3: a second column "x"`},
		{name: "no name", file: "x,,kind\n1,2,a\n",
			message: `t.csv:1:3: column 2 has no name, and values; name it in the header, or pass over it ` +
				`with ignore = [""]`},
		{name: "column without values", file: "x,y,kind\n1,,a\n", message: `column "y" has no value`},
		{name: "two roles", file: small, change: func(s *Table) {
			s.Numeric, s.Ignore = []string{"size"}, []string{"size"}
		},
			message: `column "size" is in numeric and in ignore`},
		{name: "open quote", file: "x,kind\n1,\"a\n", message: "t.csv:2:6: extraneous or missing \" in " +
			"quoted-field; want a quote in a field to be written twice"},
		{name: "open quote over lines", file: "x,kind\n1,\"a\n2,b\n",
			message: "t.csv:3:5: extraneous or missing \" in quoted-field (of the row that begins in line 2)"},
		{name: "bad quote", file: "x,kind\n1,a\"b\n", message: "t.csv:2:4: bare \" in non-quoted-field"},
		{name: "no rows", file: "x,kind\n", change: func(s *Table) { s.Categorical = []string{"x"} },
			message: "t.csv: no rows below the header"},
		{name: "empty", file: "", message: "the file is empty"},
		{name: "not UTF-8", file: "x,kind\n1,a\n2,\xe9t\xe9\n",
			message: "t.csv:3:3: bytes e9 74 e9 0a at byte 13 are not UTF-8"},
		{name: "too large", file: small, change: func(s *Table) { s.Memory = 10 },
			message: "unpacks to more than memory = 10B"},
		{name: "no path", change: func(s *Table) { s.Train = "" }, message: "train is empty"},
		{name: "bad separator", file: small, change: func(s *Table) { s.Separator = "ab" },
			message: `separator = "ab", want one character`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filetest.Tree(t, map[string][]byte{"t.csv": []byte(c.file)})
			s := NewTable()
			s.Train, s.Target, s.TestFraction = "t.csv", "kind", 0
			if c.change != nil {
				c.change(s)
			}
			p, err := s.Open(datasets.Env{BaseDir: dir})
			if !filetest.Opens(t, err, c.message) {
				return
			}
			if got := rowsText(t, p.Train.(datasets.RowSet)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if got := strings.ReplaceAll(datasets.ListSkips(p.Skipped, 9), dir+"/", ""); got != c.skipped {
				t.Errorf("skipped %s, want %s", got, c.skipped)
			}
		})
	}
}

// rowsText is columns and rows in a line.
func rowsText(t *testing.T, s datasets.RowSet) string {
	var columns, lines []string
	for _, c := range s.Columns() {
		text := fmt.Sprintf("%s %.2g±%.2g", c.Name, c.Mean, c.Std)
		if c.Categories != nil {
			text = fmt.Sprintf("%s %s", c.Name, c.Categories)
		}
		if c.Missing > 0 {
			text += fmt.Sprintf(" %d missing", c.Missing)
		}
		columns = append(columns, text)
	}
	row := make([]float64, len(s.Columns()))
	for i := range s.Len() {
		if err := s.Row(i, row); err != nil {
			t.Fatal(err)
		}
		target := fmt.Sprint(s.Label(i))
		if v := s.Target(i); !math.IsNaN(v) {
			target = fmt.Sprint(v)
		}
		lines = append(lines, strings.Trim(fmt.Sprint(row), "[]")+" ="+target)
	}
	return strings.Join(columns, "; ") + " | " + strings.Join(lines, "; ")
}

// What columns hold, the training rows say: a category of the test alone is unseen, and a bad number there is an error
// with its place.
func TestTableTestFile(t *testing.T) {
	const train = "x,c,kind\n1,u,a\n3,v,b\n"
	for _, c := range []struct{ test, want, message string }{
		{"x,c,kind\n100,w,b\n", "x 2±1; c [u v] | 100 NaN =1", ""},
		{"x,c,kind\nlots,u,b\n", "", `test.csv:2:1: column "x": "lots" is no number`},
		{"x,c,kind\n1,u,z\n", "", `class "z" of the test set is not a class of the training set ["a" "b"]`},
		{"c,x,kind\nu,1,a\n", "", `columns ["c" "x" "kind"], want those of the training file: ["x" "c" "kind"]`},
		{"x,c,kind\n", "", "test.csv: no rows below the header"},
	} {
		s := NewTable()
		s.Train, s.Test, s.Target, s.MaxUnseen = "train.csv", "test.csv", "kind", 1
		p,
			err := s.Open(datasets.Env{BaseDir: filetest.Tree(t, map[string][]byte{"train.csv": []byte(train),
			"test.csv": []byte(c.test)})})
		if c.message != "" {
			if err == nil || !strings.Contains(err.Error(), c.message) {
				t.Errorf("%q: got %v, want %q", c.test, err, c.message)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := rowsText(t, p.Test.(datasets.RowSet)); got != c.want {
			t.Errorf("%q: got %s, want %s", c.test, got, c.want)
		}
		if u := p.Train.(datasets.RowSet).Columns()[1].Unseen; u != 1 {
			t.Errorf("%q: %d unseen, want 1", c.test, u)
		}
	}
}

// A split keeps the share of each class, and the statistics are those of the rows that are left.
func TestTableSplit(t *testing.T) {
	var b strings.Builder
	b.WriteString("x,kind\n")
	for i := range 40 {
		fmt.Fprintf(&b, "%d,%c\n", i, "aaab"[i%4])
	}
	dir := filetest.Tree(t, map[string][]byte{"t.csv": []byte(b.String())})
	open := func(seed uint64) *datasets.Data {
		s := NewTable()
		s.Train, s.Target, s.TestFraction, s.SplitSeed = "t.csv", "kind", 0.3, seed
		p, err := s.Open(datasets.Env{BaseDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := open(1)
	if got := fmt.Sprint(datasets.CountLabels(p.Train, 2), datasets.CountLabels(p.Test, 2)); got != "[21 7] [9 3]" {
		t.Errorf("rows of a and b: %s, want [21 7] [9 3]", got)
	}
	sum, row := 0.0, make([]float64, 1)
	for i := range p.Train.Len() {
		if err := p.Train.(datasets.RowSet).Row(i, row); err != nil {
			t.Fatal(err)
		}
		sum += row[0]
		if want := fmt.Sprintf("t.csv:%d", int(row[0])+2); !strings.HasSuffix(p.Train.Name(i), want) {
			t.Errorf("row %v is named %s", row, p.Train.Name(i))
		}
	}
	if c := p.Train.(datasets.RowSet).Columns()[0]; math.Abs(c.Mean-sum/28) > 1e-9 ||
		math.Abs(c.Standardise(c.Mean+c.Std)-1) > 1e-12 {
		t.Errorf("mean %v of the training rows, want %v", c.Mean, sum/28)
	}
	if same := open(1); rowsText(t, same.Test.(datasets.RowSet)) != rowsText(t, p.Test.(datasets.RowSet)) {
		t.Error("the same seed splits differently")
	}
	if other := open(2); rowsText(t, other.Test.(datasets.RowSet)) == rowsText(t, p.Test.(datasets.RowSet)) {
		t.Error("another seed splits the same")
	}
}

func TestRealTables(t *testing.T) {
	dir := shared.Data(t, "tabular")
	for _, c := range []struct {
		train, test, target, want string
	}{
		{"adult_train.csv.gz", "adult_test.csv.gz", "income", "32561 + 16281 rows, 6 numeric, 8 categorical, 2 " +
			"classes, 6465 missing"},
		{"letter.csv.gz", "", "label", "15998 + 4002 rows, 16 numeric, 0 categorical, 26 classes, 0 missing"},
		{"satellite.csv.gz", "", "label", "5147 + 1288 rows, 36 numeric, 0 categorical, 6 classes, 0 missing"},
		{"breast_cancer.csv", "", "label", "456 + 113 rows, 30 numeric, 0 categorical, 2 classes, 0 missing"},
		{"wine.csv", "", "label", "142 + 36 rows, 13 numeric, 0 categorical, 3 classes, 0 missing"},
		{"iris.csv", "", "label", "120 + 30 rows, 4 numeric, 0 categorical, 3 classes, 0 missing"},
		{"digits8x8.csv.gz", "", "label", "1438 + 359 rows, 64 numeric, 0 categorical, 10 classes, 0 missing"},
		{"penguins.csv", "", "species", "275 + 69 rows, 5 numeric, 2 categorical, 3 classes, 19 missing"},
	} {
		t.Run(c.train, func(t *testing.T) {
			s := NewTable()
			s.Train, s.Target = c.train, c.target
			s.Test = c.test
			p, err := s.Open(datasets.Env{BaseDir: dir})
			if err != nil {
				t.Fatal(err)
			}
			numeric, missing := 0, 0
			for _, col := range p.Train.(datasets.RowSet).Columns() {
				if col.Categories == nil {
					numeric++
				}
			}
			row := make([]float64, len(p.Train.(datasets.RowSet).Columns()))
			for _, part := range []datasets.RowSet{p.Train.(datasets.RowSet), p.Test.(datasets.RowSet)} {
				for i := range part.Len() {
					if err := part.Row(i, row); err != nil {
						t.Fatal(err)
					}
					for _, v := range row {
						if math.IsNaN(v) {
							missing++
						}
					}
				}
			}
			got := fmt.Sprintf("%d + %d rows, %d numeric, %d categorical, %d classes, %d missing", p.Train.Len(),
				p.Test.Len(), numeric,
				len(p.Train.(datasets.RowSet).Columns())-numeric, len(p.Train.Classes()), missing)
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// FuzzTable holds that no file does more than fail, and that what it gives is whole.
func FuzzTable(f *testing.F) {
	for _, s := range []string{"x,kind\n1,a\n2,b\n", "x;kind\n1;a\n", "x,kind\n\"1\n", "x,kind\n1,a\n2\n",
		"x,kind\r\n?,a\r\n\xff,", ",x,kind\n0,\"1.234,5\",a\n1,\u22122%,b\n", "x,kind,\n1,a,\n",
		"x,kind\n\"1,000\",a\n2020-01-02,b\n", "\xef\xbb\xbfkind,kind\n", "\x1f\x8b\x08\x00"} {
		f.Add([]byte(s))
	}
	dir := filetest.QuickDir(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		if err := os.WriteFile(filepath.Join(dir, "t.csv"), in, 0o600); err != nil {
			t.Fatal(err)
		}
		for i, target := range []string{"", "kind", "kind"} {
			s := NewTable()
			if i == 2 {
				s.Decimal, s.Thousands, s.Regression = ",", ".", true
			}
			s.Train, s.Target, s.Memory, s.MaxSkipped = "t.csv", target, 1<<16, 1<<20
			p, took, err := filetest.MemoryToOpen(s.Open, datasets.Env{BaseDir: dir})
			if took > uint64(4<<20+2000*min(len(in), 1<<16)) {
				t.Fatalf("%d bytes took %d bytes of memory (%v)", len(in), took, err)
			}
			if err != nil {
				continue
			}
			row := make([]float64, len(p.Train.(datasets.RowSet).Columns()))
			for i := range p.Train.Len() {
				if err := p.Train.(datasets.RowSet).Row(i, row); err != nil {
					t.Fatal(err)
				}
				for k, col := range p.Train.(datasets.RowSet).Columns() {
					if v := row[k]; math.IsInf(v, 0) || col.Categories != nil && !math.IsNaN(v) &&
						(v < 0 || int(v) >= len(col.Categories)) {
						t.Fatalf("row %d, column %q is %v of %q", i, col.Name, v, col.Categories)
					}
				}
			}
			p.Summary()
		}
	})
}
