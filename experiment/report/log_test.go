package report

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestLogLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	l, err := OpenLog(path, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range [][]Field{
		{{"step", 1}, {"epoch", 0.25}, {"loss", 1e-7}},
		{{"step", 2}, {"loss", math.NaN()}, {"rate", math.Inf(1)}, {"norm", float32(math.Inf(-1))}},
		{{`a "key"`, "text"}, {"step", 3}},
	} {
		if err := l.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Write([]Field{{"step", 4}, {"bad", func() {}}}); err == nil || !strings.Contains(err.Error(),
		"metrics: bad: ") {
		t.Errorf("a value that is no JSON: got %v, want its key", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	want := `{"step":1,"epoch":0.25,"loss":1e-7}
{"step":2,"loss":null,"rate":null,"norm":null}
{"a \"key\"":"text","step":3}
`
	if got := readFile(t, path); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// What a resumed run finds: lines up to its step stay, all else goes, and it writes on behind them.
func TestLogResumes(t *testing.T) {
	const one, two, three = `{"step":1,"loss":3}` + "\n", `{"step":2,"loss":2}` + "\n", `{"step":3,"loss":1}` + "\n"
	for _, c := range []struct {
		name, before, kept string
		loss               float64
		ended              bool
	}{
		{"no file", "", "", 0, false},
		{"all of it", one + two, one + two, 2, false},
		{"later steps", one + two + three, one + two, 2, false},
		{"evaluation of the same step", two + `{"step":2,"knn":0.5}` + "\n", two + `{"step":2,"knn":0.5}` + "\n", 2,
			false},
		{"torn line", one + `{"step":2,"lo`, one, 3, false},
		{"torn before its newline", one + strings.TrimSuffix(two, "\n"), one, 3, false},
		{"torn line of zeros", one + "\x00\x00\x00", one, 3, false},
		{"line without a step", one + "{}\n" + two, one + two, 2, false},
		{"the end's evaluation, which comes again", one + `{"step":1,"knn":0.4}` + "\n" + two + `{"step":2,"knn":0.5}` +
			"\n", one + `{"step":1,"knn":0.4}` + "\n" + two, 2, true},
	} {
		path := filepath.Join(t.TempDir(), "metrics.jsonl")
		if c.before != "" {
			if err := os.WriteFile(path, []byte(c.before), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		l, err := OpenLog(path, 2, c.ended)
		if err != nil {
			t.Fatal(err)
		}
		if l.Loss != c.loss {
			t.Errorf("%s: the newest loss is %v, want %v", c.name, l.Loss, c.loss)
		}
		if err := l.Write([]Field{{"step", 3}}); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if got, want := readFile(t, path), c.kept+`{"step":3}`+"\n"; got != want {
			t.Errorf("%s: %q becomes %q, want %q", c.name, c.before, got, want)
		}
	}
}

// A line reaches the file on its own, without Flush; a writer that fails is told by the next call.
func TestLogFlushesItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	l, err := OpenLog(path, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	l.wait = 5 * time.Millisecond
	for step := range 2 {
		if err := l.Write([]Field{{"step", step}}); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(5 * time.Second); strings.Count(readFile(t, path),
			"\n") <= step; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("line %d is not in the file after 5 s", step)
			}
		}
	}
	l.f.Close()
	l.Write([]Field{{"step", 2}})
	if err := l.Flush(); err == nil {
		t.Error("flushing into a closed file: no error")
	}
	if err := l.Write([]Field{{"step", 3}}); err == nil {
		t.Error("writing after a failed flush: no error")
	}
}
