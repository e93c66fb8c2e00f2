package datasets

import (
	"errors"
	"fmt"
	"strings"
)

// Fact is one line of a summary.
type Fact struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// factual is a set that can say more of its kind.
type factual interface{ Facts() []Fact }

// summary is what can be said of data of any kind: the number of samples and classes of both sets, and what the
// training set adds.
func summary(d *Data) []Fact {
	train, test := d.Train, d.Test
	fs := []Fact{{"train", fmt.Sprint(train.Len())}, {"test", "none"}}
	if test != nil {
		fs[1].Value = fmt.Sprint(test.Len())
	}
	if n := len(d.Skipped); n > 0 {
		fs = append(fs, Fact{"left out", fmt.Sprintf("%d: %s", n, ListSkips(d.Skipped, 3))})
	}
	for _, note := range d.Notes {
		fs = append(fs, Fact{"note", note})
	}
	if classes := train.Classes(); len(classes) > 0 {
		fs = append(fs, Fact{"classes", fmt.Sprint(len(classes))})
		a, b := CountLabels(train, len(classes)), CountLabels(test, len(classes))
		for i, name := range classes {
			fs = append(fs, Fact{"class " + name, fmt.Sprintf("%d + %d", a[i], b[i])})
		}
	}
	if s, ok := train.(Shaped); ok {
		fs = append(fs, sizes(s, train.Len())...)
	}
	if s, ok := train.(Set); ok {
		if err := Varied(s); errors.As(err, new(*ConstantError)) { // what is damaged, data verify names
			fs = append(fs, Fact{"pixels", err.Error()})
		}
	}
	if s, ok := train.(factual); ok {
		fs = append(fs, s.Facts()...)
	}
	return fs
}

// sizes describes images without decoding them.
func sizes(s Shaped, n int) []Fact {
	var height, width, channels Span
	for i := range n {
		h, w, c := s.Shape(i)
		height.Add(h)
		width.Add(w)
		channels.Add(c)
	}
	return []Fact{{"width", width.String() + " pixels"}, {"height", height.String() + " pixels"},
		{"channels", channels.String()}}
}

// FormatSummary is a summary as aligned lines for people.
func FormatSummary(fs []Fact) string {
	width := 0
	for _, f := range fs {
		width = max(width, len(f.Key))
	}
	var b strings.Builder
	for _, f := range fs {
		fmt.Fprintf(&b, "%-*s  %s\n", width, f.Key, f.Value)
	}
	return b.String()
}

// Span is a range of whole numbers, as text.
type Span struct{ lo, hi int }

// Add widens the range to v.
func (s *Span) Add(v int) {
	if s.hi == 0 {
		s.lo, s.hi = v, v
	}
	s.lo, s.hi = min(s.lo, v), max(s.hi, v)
}

func (s Span) String() string {
	if s.lo == s.hi {
		return fmt.Sprint(s.lo)
	}
	return fmt.Sprintf("%d to %d", s.lo, s.hi)
}
