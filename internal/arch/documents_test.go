package arch

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	quoted   = regexp.MustCompile("`([^`\n]+)`")
	testName = regexp.MustCompile(`^Test[A-Z]\w*$`)
	pathName = regexp.MustCompile(`^[a-z0-9_.]+(/[a-z0-9_.]+)*/?$`)
)

// ARCHITECTURE.md and CONTRIBUTING.md name folders, files and tests that there are. A path may leave out the folders
// above it.
func TestDocumentsNameWhatThereIs(t *testing.T) {
	var paths []string
	var tests strings.Builder
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path = strings.TrimPrefix(filepath.ToSlash(path), "../..")
		if d.IsDir() {
			paths = append(paths, path+"/")
			return nil
		}
		paths = append(paths, path)
		if strings.HasSuffix(path, "_test.go") {
			b, err := os.ReadFile("../.." + path)
			tests.Write(b)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	is := func(name string) bool {
		for _, p := range paths {
			if strings.HasSuffix(p, "/"+name) || strings.HasSuffix(p, "/"+name+"/") {
				return true
			}
		}
		return false
	}
	for _, document := range []string{"ARCHITECTURE.md", "CONTRIBUTING.md"} {
		text, err := os.ReadFile("../../" + document)
		if err != nil {
			t.Fatal(err)
		}
		named := 0
		for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
			name := strings.TrimPrefix(m[1], "./")
			switch {
			case testName.MatchString(name):
				if !strings.Contains(tests.String(), "func "+name+"(t *testing.T)") {
					t.Errorf("%s: there is no test %s", document, name)
				}
			case pathName.MatchString(name) && strings.ContainsAny(name, "/.") && !strings.HasSuffix(name, "."):
				if !is(name) {
					t.Errorf("%s: there is no %s", document, name)
				}
			default:
				continue
			}
			named++
		}
		if named < 10 {
			t.Errorf("%s names %d paths and tests, want more", document, named)
		}
	}
}
