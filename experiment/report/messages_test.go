package report

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every message goes to the file with its time, also those of a second process and those that a terminal shows live.
func TestMessages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.txt")
	now := time.Date(2026, 1, 2, 3, 4, 5, 6e8, time.UTC)
	for _, text := range []string{"one %d\n", "two\nlines %d"} {
		m, err := OpenMessages(path)
		if err != nil {
			t.Fatal(err)
		}
		m.now = func() time.Time { return now }
		m.Say(text, 1)
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Hour)
	}
	want := "2026-01-02T03:04:05Z one 1\n2026-01-02T04:04:05Z two\n2026-01-02T04:04:05Z lines 1\n"
	if got := readFile(t, path); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}

	m, err := OpenMessages(path)
	if err != nil {
		t.Fatal(err)
	}
	m.f.Close()
	if m.Say("lost"); m.Close() == nil {
		t.Error("a message that is not written: no error")
	}
	if _, err := OpenMessages(filepath.Dir(path)); err == nil {
		t.Error("a folder as the file: no error")
	}
}

// What a person sees on a terminal or elsewhere is in the file too: messages, and the plain lines whether or not the
// line is live.
func TestProgressIsLogged(t *testing.T) {
	for _, width := range []int{0, 80} {
		path := filepath.Join(t.TempDir(), "log.txt")
		p, b, now := fake(width)
		var err error
		if p.Log, err = OpenMessages(path); err != nil {
			t.Fatal(err)
		}
		p.Say("begun")
		for step := 1; step <= 8; step++ { // 20 s a step, 2 steps an epoch
			p.Show(Status{Epoch: float64(step) / 2, Epochs: 4, Step: step, Steps: 8})
			*now = now.Add(20 * time.Second)
		}
		if err := p.Log.Close(); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, line := range strings.Split(strings.TrimSpace(readFile(t, path)), "\n") {
			_, text, _ := strings.Cut(line, " ")
			got = append(got, strings.Join(strings.Fields(text)[:min(4, len(strings.Fields(text)))], " "))
		}
		want := "begun,epoch 1.5/4 step 3/8,epoch 2.5/4 step 5/8,epoch 3.5/4 step 7/8,epoch 4.0/4 step 8/8"
		if strings.Join(got, ",") != want {
			t.Errorf("width %d: file has %q, want %s", width, got, want)
		}
		if live := bytes.Count(b.Bytes(), []byte("\x1b[K")); (live >= 8) != (width > 0) {
			t.Errorf("width %d: the line is drawn %d times", width, live)
		}
	}
}
