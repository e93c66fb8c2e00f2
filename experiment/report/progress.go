package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// Status holds the figures of the progress line.
type Status struct {
	Epoch, Epochs   float64
	Step, Steps     int
	Loss            float64
	Rate            float64 // learning rate
	ImagesPerSecond float64
	Samples         string        // what the images are called; empty: images
	DataWait        float64       // share of the time
	Left            time.Duration // to the end
	Note            string        // the newest evaluation
}

func (s Status) String() string {
	// What a narrow terminal should not cut off comes first.
	line := fmt.Sprintf("epoch %.1f/%g  step %d/%d  loss %.4f  left %s  %.0f %s/s  wait %.0f%%  lr %.3g",
		s.Epoch, math.Round(s.Epochs*10)/10, s.Step, s.Steps, s.Loss, s.Left.Round(time.Second), s.ImagesPerSecond,
		cmp.Or(s.Samples, "images"), 100*s.DataWait, s.Rate)
	if s.Note != "" {
		line += "  " + s.Note
	}
	return line
}

// Progress writes a live line on a terminal, at most ten times a second, and plain lines elsewhere: one an epoch or
// every 30 seconds, whichever is rarer. Messages and plain lines also go to Log.
type Progress struct {
	Log *Messages // nil: nowhere else

	mu    sync.Mutex
	w     io.Writer
	live  bool
	width func() int
	now   func() time.Time
	drawn time.Time // of the live line
	last  time.Time // of the plain lines
	epoch int       // of the last plain line
	shown bool      // the live line is there

	doing string    // what goes on outside of the training
	since time.Time // when it began
	told  time.Time // when a plain line said so last
}

// NewProgress writes to w, live if it is a terminal that can move its cursor; nil: nowhere.
func NewProgress(w io.Writer) *Progress {
	if w == nil {
		w = io.Discard
	}
	p := &Progress{w: w, now: time.Now}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		p.live = true
		p.width = func() int {
			if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
				return n
			}
			return 80
		}
	}
	return p
}

// Show shows a status, if it is time to; the last step's always.
func (p *Progress) Show(s Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, end := p.now(), s.Step == s.Steps
	p.draw(now, end, s.String)
	if p.last.IsZero() {
		p.last = now
	}
	if !end && (int(s.Epoch) == p.epoch || now.Sub(p.last) < 30*time.Second) {
		return
	}
	p.last, p.epoch = now, int(s.Epoch)
	p.Log.Say("%v", s)
	if !p.live {
		fmt.Fprintln(p.w, s)
	}
}

// draw draws the live line, if there is one and it is time to or it must be.
func (p *Progress) draw(now time.Time, must bool, text func() string) {
	if !p.live || !must && now.Sub(p.drawn) < 100*time.Millisecond {
		return
	}
	p.drawn, p.shown = now, true
	line := []rune(text())
	line = line[:min(len(line), max(0, p.width()-1))] // a full line would wrap
	fmt.Fprintf(p.w, "\r\x1b[K%s", string(line))
}

// Doing shows what goes on outside of the training, such as "reading photos", and how far it is; total is 0 where
// nobody knows. Elsewhere than on a terminal it is a line every 30 seconds. Any goroutine may call it, again and again.
func (p *Progress) Doing(what string, done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if what != p.doing {
		p.doing, p.since, p.told = what, now, now
	}
	text := func() string {
		line := what
		if total > 0 {
			line += fmt.Sprintf(": %d of %d", done, total)
		}
		if took := now.Sub(p.since); took >= time.Second {
			line += fmt.Sprintf(", %v", took.Truncate(time.Second))
		}
		return line
	}
	p.draw(now, false, text)
	if now.Sub(p.told) < 30*time.Second {
		return
	}
	p.told = now
	p.Log.Say("%s", text())
	if !p.live {
		fmt.Fprintln(p.w, text())
	}
}

// Say writes a line of its own, above the live line.
func (p *Progress) Say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Log.Say(format, args...)
	p.clear()
	fmt.Fprintf(p.w, format+"\n", args...)
}

// Clear removes the live line.
func (p *Progress) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func (p *Progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}
