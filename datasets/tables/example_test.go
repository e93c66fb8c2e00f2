package tables

import (
	"fmt"
	"os"
	"path/filepath"

	"selfsup/datasets"
)

func ExampleTable() {
	dir, err := os.MkdirTemp("", "table")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	os.WriteFile(filepath.Join(dir, "t.csv"), []byte("size,colour,kind\n1,red,a\n3,?,b\n"), 0o600)
	t := NewTable()
	t.Train, t.Target, t.TestFraction = "t.csv", "kind", 0
	data, err := t.Open(datasets.Env{BaseDir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	row := make([]float64, 2)
	data.Train.(datasets.RowSet).Row(1, row)
	fmt.Println(data.Train.(datasets.RowSet).Columns()[0].Standardise(row[0]), row[1],
		data.Train.Classes()[data.Train.Label(1)])
	fmt.Print(datasets.FormatSummary(data.Summary()))
	// Output:
	// 1 NaN b
	// train          2
	// test           none
	// classes        2
	// class a        1 + 0
	// class b        1 + 0
	// columns        2
	// column size    number, mean 2, deviation 1
	// column colour  1 categories, 1 missing
}
