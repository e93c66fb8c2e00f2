package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 9, 12, 5, 7, 0, time.UTC)

func TestCreate(t *testing.T) {
	root := filepath.Join(t.TempDir(), "deep", "runs")
	seen := map[string]bool{}
	for range 3 {
		f, err := Create(root, "quickstart", noon)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if name := filepath.Base(f.Path); !regexp.MustCompile(`^quickstart-20260309-120507-[0-9a-f]{4}$`).MatchString(
			name) || seen[name] {
			t.Errorf("run folder %q: want quickstart-20260309-120507- and 4 hex digits of its own", name)
		}
		seen[filepath.Base(f.Path)] = true
		if got, want := f.File("run.json"), filepath.Join(f.Path, "run.json"); got != want {
			t.Errorf("File(run.json) = %q, want %q", got, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); err == nil || !strings.Contains(err.Error(), "is a file, want a run's folder") {
		t.Errorf("Open(file): got %v", err)
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of no folder: got %v, want %v", err, fs.ErrNotExist)
	}
}

// A folder is held by one process at a time, and free again when that one closes it or is killed.
func TestLock(t *testing.T) {
	if dir := os.Getenv("TEST_HOLD"); dir != "" { // the child
		f, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("held")
		io.Copy(io.Discard, os.Stdin)
		f.Close()
		return
	}
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		end  func(*exec.Cmd, io.Closer) error
	}{
		{"closed", func(_ *exec.Cmd, in io.Closer) error { return in.Close() }},
		{"killed", func(c *exec.Cmd, _ io.Closer) error { return c.Process.Kill() }},
	} {
		child := exec.Command(os.Args[0], "-test.run=^TestLock$")
		child.Env = append(os.Environ(), "TEST_HOLD="+dir)
		in, err := child.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, len("held"))); err != nil {
			t.Fatal(err)
		}
		_, err = Open(dir)
		if want := fmt.Sprintf("in use by process %d", child.Process.Pid); err == nil || !strings.Contains(err.Error(),
			want) {
			t.Errorf("%s: Open while held: got %v, want %q", c.name, err, want)
		}
		if err := c.end(child, in); err != nil {
			t.Fatal(err)
		}
		child.Wait()
		f, err := Open(dir)
		if err != nil {
			t.Fatalf("%s: Open afterwards: %v", c.name, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Errorf("%s: a second Close: %v", c.name, err)
		}
	}
}

func TestWriteAtomic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.json")
	for _, want := range []string{"old", "", "new and longer"} {
		if err := WriteAtomic(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("file holds %q, %v; want %q", got, err, want)
		}
	}
	onlyFile(t, path)
	err := WriteAtomic(filepath.Join(t.TempDir(), "none", "run.json"), []byte("12345"))
	if err == nil || !strings.Contains(err.Error(), "run.json, 5 bytes: ") {
		t.Errorf("into no folder: got %v, want path and bytes", err)
	}
}

// A write that fails half-way leaves the old file and nothing else.
func TestReplaceFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	err := Replace(path, func(w io.Writer) error {
		w.Write(make([]byte, 1<<16))
		return full
	})
	if !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Errorf("file holds %q, want the old bytes", got)
	}
	onlyFile(t, path)
}

func onlyFile(t *testing.T, path string) {
	t.Helper()
	var names []string
	files, err := os.ReadDir(filepath.Dir(path))
	for _, f := range files {
		names = append(names, f.Name())
	}
	if want := []string{filepath.Base(path)}; err != nil || !slices.Equal(names, want) {
		t.Errorf("folder holds %v, %v; want %v", names, err, want)
	}
}

// What a killed process left beside a file is removed; what is being written stays, and so does what Replace has not
// written.
func TestRemoveStale(t *testing.T) {
	if !holds {
		t.Skip("this system has no locks that end with a process")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	stale, others := filepath.Join(dir, ".x.123"), []string{".x.12a", ".x.", ".xy.12", ".x.swp", "x.12"}
	for _, name := range append(others, filepath.Base(stale)) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".x.7"), 0o777); err != nil {
		t.Fatal(err)
	}
	err := Replace(path, func(w io.Writer) error {
		if err := RemoveStale(path); err != nil {
			return err
		}
		_, err := io.WriteString(w, "new")
		return err
	})
	if got, _ := os.ReadFile(path); err != nil || string(got) != "new" {
		t.Errorf("the file being written: %q, %v", got, err)
	}
	if _, err := os.Stat(stale); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the stale file is there: %v", err)
	}
	for _, name := range append(others, ".x.7") {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if err := RemoveStale(filepath.Join(dir, "nowhere", "x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
