package memory

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Size{
		"2GiB": 2 << 30, "1.5 GiB": 3 << 29, " 800MB ": 800e6, "1KB": 1000, "3KiB": 3072, "0.5MiB": 1 << 19, "1GB": 1e9, "none": 0, "1e3MB": 1e9, "0B": 0, "17B": 17, "100kB": 100_000, "2TiB": 2 << 40,
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		"": "not an amount", "2": "a unit", "GiB": "not an amount", "2 gib": "a unit", "twoGiB": "not an amount", "-1GiB": "at least a byte", "0MB": "at least a byte",
		"NaNGB": "at least a byte", "1e40GiB": "at most", "1.5XB": "not an amount", "1GiB0": "a unit",
	} {
		if got, err := Parse(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is %d (%v), want an error that says %q", text, got, err, says)
		}
	}
}

func TestString(t *testing.T) {
	for s, want := range map[Size]string{0: "none", 2 << 30: "2GiB", 3 << 29: "1536MiB", 800e6: "800MB", 1000: "1KB", 1: "1B", 1025: "1025B", 3 << 40: "3TiB"} {
		if s.String() != want {
			t.Errorf("%d is %q, want %q", int64(s), s, want)
		}
		if back, err := Parse(s.String()); err != nil || back != s {
			t.Errorf("%d is %q, which is %d (%v)", int64(s), s, back, err)
		}
	}
	if got := (Size(1<<20) + 1).RoundUp(); got != 2<<20 {
		t.Errorf("rounds up to %s, want 2MiB", got)
	}
}
