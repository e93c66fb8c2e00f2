package disk

import (
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	for _, c := range []struct{ pattern, want, message string }{
		{"a.tar", "a.tar", ""},
		{"a-{008..011}.tar", "a-008.tar a-009.tar a-010.tar a-011.tar", ""},
		{"{a,b}{1..2}", "a1 a2 b1 b2", ""},
		{"{9..11}", "9 10 11", ""},
		{"{0..9999999999}", "", "more than 1048576 numbers"},
		{"{0..999999}{0..999999}", "", "more than 1048576 names"},
		{"{3..1}", "", "want a number and one not below it"},
		{"{a", "", "{ without }"},
		{"{a{b}}", "", "one inside another"},
		{"[", "", "syntax error in pattern"},
	} {
		got, err := Expand(c.pattern)
		if strings.Join(got, " ") != c.want || (err == nil) != (c.message == "") || err != nil &&
			!strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: got %q (%v), want %q %s", c.pattern, got, err, c.want, c.message)
		}
	}
}
