package cudaemu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var runner string // folder of the program, once it is built

// built is the driver and the program that runs testdata's lines of calls, made once.
var built = sync.OnceValues(func() (dirs [2]string, err error) {
	if dirs[0], err = Build(""); err != nil {
		return dirs, err
	}
	if dirs[1], err = os.MkdirTemp("", "cudaemu"); err != nil {
		return dirs, err
	}
	runner = dirs[1]
	c := exec.Command("g++", "-std=c++17", "-O1", "-o", filepath.Join(dirs[1], "run"), "testdata/run.cpp", "-ldl")
	out, err := c.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out)
	}
	return dirs, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(runner)
	os.Exit(code)
}

// session is a program of driver calls: what it does is queued, and done by run.
type session struct {
	t     *testing.T
	dir   string
	lines []string
	wants []int
	env   []string
}

func begin(t *testing.T, modules ...string) *session {
	t.Helper()
	if _, err := built(); errors.Is(err, ErrNoCompiler) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, dir: t.TempDir()}
	for _, m := range modules {
		s.do("module testdata/%s.ptx", m)
	}
	return s
}

// do queues a call that must succeed, fails one that must end with a code.
func (s *session) do(format string, args ...any) { s.fails(0, format, args...) }
func (s *session) fails(code int, format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
	s.wants = append(s.wants, code)
}

// put makes device memory of the values: []float32, []int32, []uint16 ...
func (s *session) put(name string, values any) {
	b, err := binary.Append(nil, binary.LittleEndian, values)
	if err != nil {
		s.t.Fatal(err)
	}
	file := filepath.Join(s.dir, name)
	if err := os.WriteFile(file, b, 0o666); err != nil {
		s.t.Fatal(err)
	}
	s.do("alloc %s %d", name, len(b))
	s.do("write %s %s", name, file)
}

// ptx loads a module from text.
func (s *session) ptx(code int, text string) {
	file := filepath.Join(s.dir, fmt.Sprintf("%d.ptx", len(s.lines)))
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		s.t.Fatal(err)
	}
	s.fails(code, "module %s", file)
}

// read queues a copy to the host; get has its values after run.
func (s *session) read(name string, bytes int) {
	s.do("read %s %s %d", name, filepath.Join(s.dir, name+".out"), bytes)
}
func get[T any](s *session, name string, n int) []T {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name+".out"))
	if err != nil {
		s.t.Fatal(err)
	}
	values := make([]T, n)
	if _, err := binary.Decode(b, binary.LittleEndian, values); err != nil {
		s.t.Fatal(err)
	}
	return values
}

// run does what was queued, compares the results, and returns what was printed behind them, and the reports.
func (s *session) run() (behind []string, reports string) {
	s.t.Helper()
	dirs, err := built()
	if err != nil {
		s.t.Fatal(err)
	}
	c := exec.Command(filepath.Join(dirs[1], "run"))
	c.Env = append(append(os.Environ(), "LD_LIBRARY_PATH="+dirs[0]), s.env...)
	c.Stdin = strings.NewReader(strings.Join(s.lines, "\n") + "\n")
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		s.t.Fatalf("%v\n%s%s", err, out.String(), errs.String())
	}
	got := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(got) != len(s.lines) {
		s.t.Fatalf("%d results of %d calls\n%s", len(got), len(s.lines), errs.String())
	}
	for n, line := range got {
		code, rest, _ := strings.Cut(line, " ")
		behind = append(behind, rest)
		if code != fmt.Sprint(s.wants[n]) {
			s.t.Errorf("%s: result %s, want %d\n%s%s", s.lines[n], code, s.wants[n], rest, errs.String())
		}
	}
	return behind, errs.String()
}

// reports runs and wants every word in the report.
func (s *session) reports(words ...string) {
	s.t.Helper()
	_, report := s.run()
	for _, w := range words {
		if !strings.Contains(report, w) {
			s.t.Errorf("the report lacks %q:\n%s", w, report)
		}
	}
}
