package recipes_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/tables"
	"selfsup/datasets/texts"
	"selfsup/recipes"
)

// A source whose data lie where a setting says names these settings: a run goes on with data that moved.
func TestSourcesSayWhereTheirDataAre(t *testing.T) {
	places := []string{"root", "train", "test", "path", "train_images", "train_labels", "test_images", "test_labels"}
	catalog := recipes.Builtin()
	all, err := catalog.Describe("datasets")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		located, _ := catalog.Datasets[d.Name]().(datasets.Located)
		for _, s := range d.Settings {
			if !slices.Contains(places, s.Name) || d.Name == "stl10" && s.Name == "train" ||
				d.Name == "sotu" && s.Name == "test" { // those are names of parts
				continue
			}
			if located == nil || !slices.Contains(located.PathKeys(), s.Name) {
				t.Errorf("dataset.%s: %s says where data are, and PathKeys does not name it", d.Name, s.Name)
			}
		}
	}
}

// Names of samples, without their roots, stay when the data move.
func TestMovedDataKeepTheirNames(t *testing.T) {
	names := func(source datasets.Source) (names []string) {
		d, err := source.Open(datasets.Env{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range d.Train.Len() {
			names = append(names, d.Relative(d.Train.Name(i)))
		}
		return names
	}
	open := map[string]func(dir string) datasets.Source{
		"table": func(dir string) datasets.Source {
			s := tables.NewTable()
			s.Train, s.Target = filepath.Join(dir, "t.csv"), "y"
			return s
		},
		"text": func(dir string) datasets.Source {
			s := texts.NewText()
			s.Train = filepath.Join(dir, "t.txt")
			return s
		},
	}
	for kind, source := range open {
		var got [2][]string
		for k := range got {
			dir := t.TempDir()
			for name, text := range map[string]string{
				"t.csv": "x,y\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n7,a\n8,b\n9,a\n10,b\n",
				"t.txt": "one\ntwo\nthree\nfour\nfive\nsix\nseven\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			got[k] = names(source(dir))
		}
		if !slices.Equal(got[0], got[1]) {
			t.Errorf("%s: names are %q, and %q where the data moved to", kind, got[0], got[1])
		}
	}
}
