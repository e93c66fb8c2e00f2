package golden

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every fixture says its own name, and those that no test of the module reads are listed by group. A test reads a
// fixture by its whole name, or by the name within the group where its package goes through the group by Each.
func TestGoldenCounterparts(t *testing.T) {
	read := readers(t, filepath.Join(Dir(t), "..", ".."))
	groups, err := filepath.Glob(filepath.Join(Dir(t), "*", "*.json"))
	if err != nil || len(groups) == 0 {
		t.Fatalf("no fixtures in %s: %v", Dir(t), err)
	}
	last := ""
	for _, path := range groups {
		group := filepath.Base(filepath.Dir(path))
		if group == last {
			continue
		}
		last = group
		var waiting []string
		n := 0
		for _, name := range Names(t, group) {
			if f := Load(t, name); f.Name != name {
				t.Errorf("%s says that it is %q", name, f.Name)
			}
			if read(name) {
				n++
			} else {
				waiting = append(waiting, strings.TrimPrefix(name, group+"/"))
			}
		}
		fmt.Println(summary("golden "+group+": counterparts", n, "none yet", waiting))
	}
	for name, want := range map[string]bool{
		"layers/conv2d_basic": true, "layers/dino_head": true, "models/mae": true, "losses/dino": true,
		"losses/nothing": false, "layers/ntxent": false,
	} {
		if read(name) != want {
			t.Errorf("a test reads %s: %v, want %v", name, !want, want)
		}
	}
}

// readers tells which fixtures the tests below a folder read.
func readers(t *testing.T, root string) func(name string) bool {
	t.Helper()
	folders := map[string]string{} // the tests of a folder that read fixtures
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		if strings.HasSuffix(path, "counterparts_test.go") { // names fixtures and reads them for their names alone
			return nil
		}
		text, err := os.ReadFile(path)
		folders[filepath.Dir(path)] += string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return func(name string) bool {
		group, short, _ := strings.Cut(name, "/")
		for _, text := range folders {
			if !strings.Contains(text, "golden.") {
				continue
			}
			if strings.Contains(text, `"`+name+`"`) {
				return true
			}
			if strings.Contains(text, `golden.Each(t, "`+group+`"`) && strings.Contains(text, `"`+short+`"`) {
				return true
			}
		}
		return false
	}
}
