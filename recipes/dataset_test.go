package recipes_test

import (
	"strings"
	"testing"

	"selfsup/recipes"
)

// What a recipe says of a source of files is what the resolved recipe says, also where the settings are shared by
// several sources.
func TestDatasetsResolve(t *testing.T) {
	for name, sets := range map[string][]string{
		"folder": {`root="pictures"`, "class_depth=2", "max_skipped=3", `memory="2GiB"`, "verify=false",
			"split_seed=5", "test_fraction=0.25", "resize=64"},
		"shards": {`train=["s-{000..009}.tar"]`, `test=["v.tar"]`, `label="json.kind"`, `classes=["a","b"]`,
			`image="left.jpg"`, `memory="100KB"`, "max_pixels=1000"},
		"cifar10":  {`path="cifar-10-binary.tar.gz"`, `memory="none"`},
		"cifar100": {`path="c"`, `labels="coarse"`},
		"stl10":    {`path="stl10_binary"`, `train="train+unlabeled"`, `memory="3GiB"`},
	} {
		t.Run(name, func(t *testing.T) {
			all := []string{`dataset="` + name + `"`}
			for _, s := range sets {
				all = append(all, "dataset."+name+"."+s)
			}
			r, err := recipes.Load("quickstart.toml", all, recipes.Builtin())
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range sets {
				key, value, _ := strings.Cut(s, "=")
				if want := key + " = " + strings.ReplaceAll(value, ",", ", "); !strings.Contains(r.Resolved,
					"\n"+want+"\n") {
					t.Errorf("want %s in\n%s", want, r.Resolved)
				}
			}
			if again := reload(t, r.Resolved); again.Resolved != r.Resolved {
				t.Errorf("the resolved recipe resolves to\n%s\nwant\n%s", again.Resolved, r.Resolved)
			}
		})
	}
	if _, err := recipes.Load("quickstart.toml", []string{`dataset="folder"`, `dataset.folder.memory="much"`},
		recipes.Builtin()); err == nil || !strings.Contains(err.Error(), "is not an amount of memory") {
		t.Errorf("memory = much: got %v", err)
	}
}
