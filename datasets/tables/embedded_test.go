package tables

import (
	"fmt"
	"strings"
	"testing"

	"selfsup/datasets"
)

// The tables that are part of the program have the rows, columns and classes of their sources, no value missing, and
// names that say where a row is.
func TestEmbeddedTables(t *testing.T) {
	for _, c := range []struct {
		source                        datasets.Source
		train, test, columns, classes int
		name                          string
	}{
		{NewLetter(), 15998, 4002, 16, 26, "letter.csv:"},
		{NewSatellite(), 5147, 1288, 36, 6, "satellite.csv:"},
	} {
		d, err := c.source.Open(datasets.Env{BaseDir: "/nowhere"})
		if err != nil {
			t.Fatal(err)
		}
		set := d.Train.(datasets.RowSet)
		got := fmt.Sprint(set.Len(), d.Test.Len(), len(set.Columns()), len(set.Classes()), len(d.Skipped))
		if want := fmt.Sprint(c.train, c.test, c.columns, c.classes, 0); got != want {
			t.Errorf("%s train, test, columns, classes, skipped: got %s, want %s", c.name, got, want)
		}
		for _, col := range set.Columns() {
			if col.Categories != nil || col.Missing > 0 || col.Std == 0 {
				t.Errorf("%s column %+v: want numbers that vary, none missing", c.name, col)
			}
		}
		if name := set.Name(0); !strings.HasPrefix(name, c.name) {
			t.Errorf("row 0 is %s, want %s and its line", name, c.name)
		}
		if datasets.SamplesOf(c.source) != "rows" {
			t.Errorf("%s has %s, want rows", c.name, datasets.SamplesOf(c.source))
		}
	}
}
