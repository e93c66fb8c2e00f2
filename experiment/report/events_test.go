package report

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The bytes of an event file: its first record is what TensorFlow writes, whose length and checksum are known from any
// of its files.
func TestEventBytes(t *testing.T) {
	dir := t.TempDir()
	e, err := OpenEvents(dir, 0, func() time.Time { return time.Unix(1, 500e6) })
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Write([]Field{{"step", 300}, {"loss", 1.5}, {"note", "no number"}, {"n", 2}}); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) != 1 || !strings.HasPrefix(filepath.Base(files[0]), "events.out.tfevents.1.") {
		t.Fatalf("files %v", files)
	}
	got := []byte(readFile(t, files[0]))
	const clock = "\x09\x00\x00\x00\x00\x00\x00\xf8\x3f" // 1.5 s
	first := "\x18\x00\x00\x00\x00\x00\x00\x00\xa3\x7fK\"" + clock + "\x1a\x0dbrain.Event:2"
	second := clock + "\x10\xac\x02" + "\x2a\x17" + "\x0a\x0b\x0a\x04loss\x15\x00\x00\xc0\x3f" +
		"\x0a\x08\x0a\x01n\x15\x00\x00\x00\x40"
	if !bytes.HasPrefix(got, []byte(first)) || len(got) != len(first)+4+12+len(second)+4 ||
		!bytes.Contains(got, []byte(second)) {
		t.Errorf("got\n%q, want\n%q, a checksum, 12 bytes,\n%q, a checksum", got, first, second)
	}
}

// Files of later processes sort behind those before, also where the clock stands still or goes back.
func TestEventNames(t *testing.T) {
	dir := t.TempDir()
	var all []string
	for _, at := range []int64{1700000100, 1700000100, 1600000000, 1700000500} {
		e, err := OpenEvents(dir, 3, func() time.Time { return time.Unix(at, 0) })
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, filepath.Base(e.f.Name()))
		e.Close()
		if err := e.Write(nil); err == nil {
			t.Error("writing into a closed file: no error")
		}
	}
	host, _ := os.Hostname()
	want := "events.out.tfevents.1700000100.H events.out.tfevents.1700000101.H events.out.tfevents.1700000102.H " +
		"events.out.tfevents.1700000500.H"
	if got := strings.Join(all, " "); got != strings.ReplaceAll(want, "H", host) {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := OpenEvents(filepath.Join(dir, "none"), 0, time.Now); err == nil || !strings.Contains(err.Error(),
		"events: ") {
		t.Errorf("in no folder: got %v", err)
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		v  any
		x  float64
		ok bool
	}{{3, 3, true}, {float32(0.5), 0.5, true}, {2.5, 2.5, true}, {math.Inf(1), math.Inf(1), true}, {"3", 0, false},
		{nil, 0, false}, {true, 0, false}} {
		if x, ok := number(c.v); x != c.x || ok != c.ok {
			t.Errorf("number(%v) = %v, %v; want %v, %v", c.v, x, ok, c.x, c.ok)
		}
	}
}
