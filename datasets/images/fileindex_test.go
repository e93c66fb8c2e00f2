package images

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
)

// links makes n names of one small picture in as many classes, in folders of two levels.
func links(t testing.TB, n, classes int) string {
	t.Helper()
	dir := t.TempDir()
	b := filetest.Encoded(t, "x.png", filetest.Picture(2, 3, filetest.Red, false))
	var first string
	for i := range n {
		folder := filepath.Join(dir, fmt.Sprintf("n%08d", i%classes), fmt.Sprint("part", i/classes%3))
		if i < 3*classes {
			if err := os.MkdirAll(folder, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		name := filepath.Join(folder, fmt.Sprintf("n%08d_%07d.png", i%classes, i))
		var err error
		if i%30_000 == 0 { // a file system bounds the names of a file
			first, err = name, os.WriteFile(name, b, 0o666)
		} else {
			err = os.Link(first, name)
		}
		if err != nil {
			t.Skipf("%d names cannot be made here: %v", n, err)
		}
	}
	return dir
}

// A folder that is decoded on demand takes less than 100 bytes for a file, its name included. TEST_FILES=1000000 opens
// that many in place of 20,000.
func TestFolderTakesLittleMemory(t *testing.T) {
	n := 20_000
	if v := os.Getenv("TEST_FILES"); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	const classes = 100
	s := NewFolder()
	s.Train, s.Memory, s.Verify = links(t, n, classes), 0, false
	before := filetest.Heap()
	began := time.Now()
	d, err := s.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	each := float64(filetest.Heap()-before) / float64(n)
	t.Logf("%d files in %v, %.1f bytes each; %d MB of memory from the system at the most", n, took, each, m.HeapSys>>20)
	if each >= 100 || each < 12 {
		t.Errorf("%.1f bytes a file, want at least 12 and less than 100", each)
	}
	seen := map[string]bool{}
	for _, set := range []datasets.Set{d.Train.(datasets.Set), d.Test.(datasets.Set)} {
		var img datasets.Image
		last := ""
		for i := range set.Len() {
			name := set.Name(i)
			class := filepath.Base(filepath.Dir(filepath.Dir(name)))
			if got := set.Classes()[set.Label(i)]; got != class || name <= last {
				t.Fatalf("file %d is %s of class %s, after %s", i, name, got, last)
			}
			if i%997 == 0 {
				if err := set.Image(i, &img); err != nil || img.H != 2 || img.W != 3 || img.Pix[0] != filetest.Red.R {
					t.Fatalf("%s: %+v, %v", name, img, err)
				}
				seen[name] = true
			}
			last = name
		}
	}
	if got := d.Train.Len() + d.Test.Len(); got != n || d.Test.Len() != n/5 || len(seen) < n/1000 {
		t.Errorf("%d files, %d of them for the test, want %d and %d", got, d.Test.Len(), n, n/5)
	}
	runtime.KeepAlive(d)
}
