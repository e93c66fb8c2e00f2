package report

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// fake is a Progress with a clock and, if width is not 0, a terminal of its own.
func fake(width int) (*Progress, *bytes.Buffer, *time.Time) {
	var b bytes.Buffer
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return &Progress{w: &b, live: width > 0, width: func() int { return width }, now: func() time.Time { return now }},
		&b, &now
}

func TestProgressLive(t *testing.T) {
	p, b, now := fake(30)
	p.Show(Status{Epoch: 0.5, Epochs: 2, Step: 1, Steps: 4, Loss: 1.5})
	if got, want := b.String(), "\r\x1b[Kepoch 0.5/2  step 1/4  loss 1"; got != want {
		t.Errorf("on 30 columns: got %q, want %q", got, want)
	}
	shown := func() int { return strings.Count(b.String(), "step") }
	*now = now.Add(99 * time.Millisecond)
	if p.Show(Status{Step: 2, Steps: 4}); shown() != 1 {
		t.Error("redrawn after 99 ms, want at most ten times a second")
	}
	*now = now.Add(time.Millisecond)
	if p.Show(Status{Step: 2, Steps: 4}); shown() != 2 {
		t.Error("not redrawn after 100 ms")
	}
	if p.Show(Status{Step: 4, Steps: 4}); shown() != 3 {
		t.Error("the last step is not shown")
	}
	b.Reset()
	p.Say("kNN %d%%", 81)
	if got, want := b.String(), "\r\x1b[KkNN 81%\n"; got != want {
		t.Errorf("a message over the line: got %q, want %q", got, want)
	}
	b.Reset()
	if p.Clear(); b.Len() > 0 {
		t.Errorf("clearing what is cleared wrote %q", b)
	}
	for _, width := range []int{1, 2, 3, 1000} {
		p, b, _ := fake(width)
		p.Show(Status{Step: 1, Steps: 2, Note: "größer"})
		line := []rune(strings.TrimPrefix(b.String(), "\r\x1b[K"))
		if len(line) >= width || strings.ContainsRune(string(line), '\uFFFD') {
			t.Errorf("%d columns: line of %d characters %q", width, len(line), string(line))
		}
	}
}

func TestProgressPlain(t *testing.T) {
	p, b, now := fake(0)
	var at []int
	lines := 0
	for step := 1; step <= 200; step++ { // 2 s a step, 10 steps an epoch of 20 s
		p.Show(Status{Epoch: float64(step) / 10, Epochs: 20, Step: step, Steps: 200})
		if n := strings.Count(b.String(), "\n"); n > lines {
			lines = n
			at = append(at, step)
		}
		*now = now.Add(2 * time.Second)
	}
	// Every 30 s, in which an epoch goes by, and the last step.
	if want := []int{16, 31, 46, 61, 76, 91, 106, 121, 136, 151, 166, 181, 196, 200}; !slices.Equal(at, want) {
		t.Errorf("lines at steps %v, want %v", at, want)
	}
	if strings.ContainsAny(b.String(), "\r\x1b") {
		t.Errorf("control characters outside of a terminal: %q", b)
	}

	p, b, now = fake(0)
	for step := range 10 { // epochs of 60 s: one line each
		p.Show(Status{Epoch: float64(step+1) / 2, Step: step + 1, Steps: 100})
		*now = now.Add(30 * time.Second)
	}
	if got := strings.Count(b.String(), "\n"); got != 5 {
		t.Errorf("%d lines in five epochs of a minute, want 5:\n%s", got, b)
	}
}

func TestStatusText(t *testing.T) {
	got := Status{
		Epoch: 3.25, Epochs: 60, Step: 36, Steps: 660, Loss: 4.56789, Rate: 0.0123456, ImagesPerSecond: 1234.5,
		DataWait: 0.034,
		Left:     61500 * time.Millisecond, Note: "knn k=20 top1 0.8100",
	}.String()
	want := "epoch 3.2/60  step 36/660  loss 4.5679  left 1m2s  1234 images/s  wait 3%  lr 0.0123  knn k=20 top1 0.8100"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A file is no terminal, whatever TERM says.
func TestProgressOfFile(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if NewProgress(f).live || NewProgress(&bytes.Buffer{}).live {
		t.Error("live on what is no terminal")
	}
}

// What goes on outside of the training is a plain line every 30 seconds, with how far it is.
func TestDoing(t *testing.T) {
	var out strings.Builder
	p := NewProgress(&out)
	at := time.Unix(0, 0)
	p.now = func() time.Time { return at }
	for i := range 100 {
		p.Doing("reading photos", i, 100)
		at = at.Add(time.Second)
	}
	p.Doing("evaluating trained: linear", 0, 0)
	at = at.Add(31 * time.Second)
	p.Doing("evaluating trained: linear", 0, 0)
	want := "reading photos: 30 of 100, 30s\nreading photos: 60 of 100, 1m0s\nreading photos: 90 of 100, 1m30s\n" +
		"evaluating trained: linear, 31s\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
