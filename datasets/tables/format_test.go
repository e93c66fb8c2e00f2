package tables

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
)

func TestNumberFormat(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		decimal, thousands, in string
		want                   float64 // NaN: no number
		percent                bool
	}{
		{".", "", "1.5", 1.5, false}, {".", "", " -2e3 ", -2000, false}, {".", "", "\u22122.5", -2.5, false},
		{".", "", "1e\u22122", 0.01, false},
		{".", "", "5%", 5, true}, {".", "", "5 %", 5, true}, {".", "", "%", nan, true}, {".", "", "1,000", nan, false},
		{".", "", "0,5", nan, false},
		{".", "", "1_000", nan, false}, {".", "", "0x10", nan, false}, {".", "", "1e200", nan, false},
		{".", "", "inf", nan, false}, {".", "", "", nan, false},
		{".", ",", "1,000", 1000, false}, {".", ",", "-1,234,567.25", -1234567.25, false},
		{".", ",", "999", 999, false}, {".", ",", "1,00", nan, false},
		{".", ",", "1000,000", nan, false}, {".", ",", ",000", nan, false}, {".", ",", "1.5,000", nan, false},
		{".", ",", "1,,000", nan, false}, {".", ",", "12,345%", 12345, true},
		{",", "", "0,5", 0.5, false}, {",", "", "-1,5e2", -150, false}, {",", "", "0.5", nan, false},
		{",", "", "1,2,3", nan, false},
		{",", ".", "1.234,5", 1234.5, false}, {",", ".", "1.234", 1234, false}, {",", ".", "0.5", nan, false},
		{",", " ", "1 234,5", 1234.5, false}, {",", " ", "1\u00a0234,5", 1234.5, false},
		{",", " ", "1\u202f234\u202f567", 1234567, false},
		{".", "'", "1'000.5", 1000.5, false}, {".", "'", "1\u2019000", 1000, false},
	} {
		got, percent, ok := numberFormat{c.decimal, c.thousands}.parse(c.in)
		if ok == math.IsNaN(c.want) || ok && (got != c.want || percent != c.percent) {
			t.Errorf("decimal %q, thousands %q: %q is %v, percent %v, %v; want %v, %v", c.decimal, c.thousands, c.in,
				got, percent, ok, c.want, c.percent)
		}
	}
}

// column is a table of one feature and the target.
func column(values ...string) string {
	var b strings.Builder
	b.WriteString("x;kind\n")
	for i, v := range values {
		fmt.Fprintf(&b, "%s;%c\n", v, "ab"[i%2])
	}
	return b.String()
}

// many is n values made of a pattern with one number.
func many(n int, pattern string) (values []string) {
	for i := range n {
		values = append(values, fmt.Sprintf(pattern, i+10))
	}
	return values
}

// What looks like a number and is none is never silently a category: the error names the column, a value, its place
// and what to set, and what it says to set works.
func TestTableNumberWords(t *testing.T) {
	for _, c := range []struct {
		name   string
		file   string
		change func(*Table)
		want   string // of the summary's line on column x
		errs   string
	}{
		{name: "thousands", file: column(many(20, "%d,000")...),
			errs: `t.csv:2:1: column "x": "10,000" is no number with decimal = "." and thousands = ""; all 20 ` +
				`values are with thousands = "," (or decimal = "," where that is meant): set that`},
		{name: "thousands, set", file: column(many(20, "%d,000")...), change: func(s *Table) { s.Thousands = "," },
			want: "number, mean 19500, deviation 5766.3"},
		{name: "thousands of few values", file: column("1,000", "2,000", "1,000", "2,000"),
			errs: `all 4 values are with thousands = ","`},
		{name: "thousands among smaller numbers", file: column("999", "1,000", "998", "997"),
			errs: `t.csv:3:1: column "x": "1,000" is no number`},
		{name: "decimal comma", file: column("0,5", "1,5", "12,25"),
			errs: `all 3 values are with decimal = ",": set that`},
		{name: "decimal comma, set", file: column("0,5", "1,5", "2,5"), change: func(s *Table) { s.Decimal = "," },
			want: "number, mean 1.5, deviation 0.8165"},
		{name: "both", file: column("1.234,5", "2.000,0"),
			errs: `all 2 values are with decimal = "," and thousands = ".": set that`},
		{name: "both, set", file: column("1.234,5", "1.232,5"), change: func(s *Table) {
			s.Decimal, s.Thousands = ",", "."
		}, want: "number, mean 1233.5, deviation 1"},
		{name: "spaces", file: column("1\u202f234,5", "2\u202f000,0"),
			errs: `all 2 values are with decimal = "," and thousands = " "`},
		{name: "decimal point in a file that is said to have commas", file: column("0.5", "1.5"),
			change: func(s *Table) { s.Decimal = "," }, errs: `all 2 values are with decimal = "."`},
		{name: "minus", file: column("\u22121", "\u22122", "3"), want: "number, mean 0, deviation 2.1602"},
		{name: "percent", file: column("5%", "7 %", "9%"), want: "number in percent, mean 7, deviation 1.633"},
		{name: "percent of some", file: column("5%", "7", "9%"),
			errs: `column "x": 2 of 3 numbers have a percent sign, want all or none`},
		{name: "money", file: column(many(12, "$%d.50")...),
			errs: `column "x": "$10.50" looks like a number and is none, and 12 of 12 values differ`},
		{name: "money, declared", file: column(many(12, "$%d.50")...), change: func(s *Table) {
			s.Numeric = []string{"x"}
		}, errs: `12 samples are refused, max_skipped allows 0`},
		{name: "thousands, declared", file: column(many(20, "%d,000")...), change: func(s *Table) {
			s.Numeric = []string{"x"}
		}, errs: `all 20 values are with thousands = ","`},
		{name: "dates", file: column(many(12, "2020-01-%d")...), errs: `"2020-01-10" looks like a number and is none`},
		{name: "dates, ignored by what the error says", file: strings.ReplaceAll(column(many(12, "2020-01-%d;1")...),
			"x;kind", "x;y;kind"), change: func(s *Table) { s.Ignore = []string{"x"} }},
		{name: "money, categorical by what the error says", file: column(many(12, "$%d.50")...),
			change: func(s *Table) { s.Categorical = []string{"x"} }, want: "12 categories"},
		{name: "ranges that repeat are categories", file: column(append(many(6, "%d-99"), many(6, "%d-99")...)...),
			want: "6 categories"},
		{name: "words with digits are categories", file: column(many(12, "room %d")...), want: "12 categories"},
		{name: "commas, categorical", file: column("0,5", "1,5"), change: func(s *Table) {
			s.Categorical = []string{"x"}
		}, want: "2 categories"},
		{name: "regression on decimal commas", file: "x;kind\n1;0,5\n2;1,5\n", change: func(s *Table) {
			s.Regression = true
		},
			errs: `column "kind": "0,5" is no number with decimal = "." and thousands = ""; all 2 values are ` +
				`with decimal = ","`},
		{name: "regression on percents", file: "x;kind\n1;5%\n2;7%\n", change: func(s *Table) { s.Regression = true },
			want: "number, mean 1.5, deviation 0.5"},
		{name: "decimal", change: func(s *Table) { s.Decimal = ";" }, errs: `decimal = ";", want "." or ","`},
		{name: "thousands of two letters", change: func(s *Table) { s.Thousands = ", " },
			errs: `thousands = ", ", want one of`},
		{name: "one mark for two", change: func(s *Table) { s.Thousands = "." },
			errs: `thousands = "." is the mark of decimals too`},
	} {
		s := NewTable()
		s.Train, s.Target, s.TestFraction, s.Separator = "t.csv", "kind", 0, ";"
		if c.change != nil {
			c.change(s)
		}
		p, err := s.Open(datasets.Env{BaseDir: filetest.Tree(t, map[string][]byte{"t.csv": []byte(c.file)})})
		if c.errs != "" {
			if err == nil || !strings.Contains(err.Error(), c.errs) {
				t.Errorf("%s: got %v, want %q", c.name, err, c.errs)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := datasets.FormatSummary(p.Summary()); c.want != "" &&
			!strings.Contains(got, "column x      "+c.want) &&
			!strings.Contains(got, "column x  "+c.want) {
			t.Errorf("%s: want %q in\n%s", c.name, c.want, got)
		}
	}
}

// Files as other programs write them: an index without a name, a separator more at the end of every row.
func TestTableOfOtherPrograms(t *testing.T) {
	for _, c := range []struct {
		name, file, want, passed, message string
		change                            func(*Table)
	}{
		{name: "pandas", file: ",x,kind\n0,5,a\n1,7,b\n", want: "x 6±1 | 5 =0; 7 =1",
			passed: "column 1 passed over: it has no name, as the index that pandas and R write"},
		{name: "R, names of rows in quotes", file: "\"\",\"x\",\"kind\"\n\"one\",5,\"a\"\n\"two\",7,\"b\"\n",
			want: "x 6±1 | 5 =0; 7 =1", passed: "column 1 passed over: it has no name, as the index that pandas " +
				"and R write"},
		{name: "pandas, said to be ignored", file: ",x,kind\n0,5,a\n1,7,b\n", change: func(s *Table) {
			s.Ignore = []string{""}
		}, want: "x 6±1 | 5 =0; 7 =1"},
		{name: "pandas, written twice", file: "Unnamed: 0,x,kind\n0,5,a\n1,7,b\n", want: "x 6±1 | 5 =0; 7 =1",
			passed: "column Unnamed: 0 passed over: pandas names a column without a name so; it is an index"},
		{name: "the same, wanted", file: "Unnamed: 0,x,kind\n0,5,a\n1,7,b\n", change: func(s *Table) {
			s.Numeric = []string{"Unnamed: 0"}
		}, want: "Unnamed: 0 0.5±0.5; x 6±1 | 0 5 =0; 1 7 =1"},
		{name: "ignored and not there", file: "x,kind\n5,a\n", change: func(s *Table) { s.Ignore = []string{""} },
			message: `no column "", the header has ["x" "kind"]`},
		{name: "numeric without a name", file: ",kind\n5,a\n", change: func(s *Table) { s.Numeric = []string{""} },
			message: "numeric has a column without a name"},
		{name: "a separator more in every row", file: "x,kind\n5,a,\n7,b,\n", want: "x 6±1 | 5 =0; 7 =1",
			passed: "fields passed over: every row ends with an empty one more than the header has"},
		{name: "in the header too", file: "x,kind,\n5,a,\n7,b,\n", want: "x 6±1 | 5 =0; 7 =1",
			passed: "column 3 passed over: it has neither a name nor values"},
		{name: "a column without a name and values at the end", file: "x,kind,\n5,a,\n7,b,1\n",
			message: "t.csv:1:8: column 3 has no name, and values"},
		{name: "a separator more in some rows", file: "x,kind\n5,a,\n7,b\n",
			message: "t.csv:2:5: 3 fields, want the 2 of the header"},
		{name: "a field more in every row", file: "x,kind\n1,5,a\n2,7,b\n",
			message: "t.csv:2:5: 3 fields, want the 2 of the header; so it is in all 2 rows"},
		{name: "another separator", file: "x,kind\n5;a\n7;b\n", message: "t.csv:2:1: 1 fields, want the 2 of " +
			"the header; so it is in all 2 rows"},
		{name: "header alone", file: "x,kind\n", message: "t.csv: no rows below the header"},
		{name: "empty lines below the header", file: "x,kind\n\n\n", message: "t.csv: no rows below the header"},
		{name: "quoted fields", file: "\"x\",\"kind\"\n\"5\",\"a, \"\"b\"\"\"\n\"7\",\"c\"\n",
			want: "x 6±1 | 5 =0; 7 =1"},
		{name: "a quote in a field", file: "x,kind\n5,3\" disk\n",
			message: `t.csv:2:4: bare " in non-quoted-field; want a quote in a field to be written twice, and ` +
				`the field in quotes: "5"" disk"`},
		{name: "a quote behind a backslash", file: "x,kind\n5,\"3\\\" disk\"\n",
			message: `want a quote in a field to be written twice`},
	} {
		s := NewTable()
		s.Train, s.Target, s.TestFraction = "t.csv", "kind", 0
		if c.change != nil {
			c.change(s)
		}
		p, err := s.Open(datasets.Env{BaseDir: filetest.Tree(t, map[string][]byte{"t.csv": []byte(c.file)})})
		if c.message != "" {
			if err == nil || !strings.Contains(err.Error(), c.message) {
				t.Errorf("%s: got %v, want %q", c.name, err, c.message)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := rowsText(t, p.Train.(datasets.RowSet)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
		passed := ""
		for _, f := range p.Summary() {
			if strings.HasPrefix(f.Value, "passed over") {
				passed += f.Key + " " + f.Value
			}
		}
		if passed != c.passed {
			t.Errorf("%s: passed over %q, want %q", c.name, passed, c.passed)
		}
	}
}
