package setting

import (
	"strings"
	"testing"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{
		"2GiB": 2 << 30, "1.5 GiB": 3 << 29, " 800MB ": 800e6, "1KB": 1000, "3KiB": 3072, "0.5MiB": 1 << 19, "1GB": 1e9,
		"none": 0, "1e3MB": 1e9, "0B": 0, "17B": 17, "100kB": 100_000, "2TiB": 2 << 40,
	} {
		got, err := ParseSize(text)
		if err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		"": "not an amount", "2": "a unit", "GiB": "not an amount", "2 gib": "a unit", "twoGiB": "not an amount",
		"-1GiB": "at least a byte", "0MB": "at least a byte",
		"NaNGB": "at least a byte", "1e40GiB": "at most", "1.5XB": "not an amount", "1GiB0": "a unit",
	} {
		if got, err := ParseSize(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is %d (%v), want an error that says %q", text, got, err, says)
		}
	}
}

func TestString(t *testing.T) {
	for s, want := range map[Size]string{0: "none", 2 << 30: "2GiB", 3 << 29: "1536MiB", 800e6: "800MB", 1000: "1KB",
		1: "1B", 1025: "1025B", 3 << 40: "3TiB"} {
		if s.String() != want {
			t.Errorf("%d is %q, want %q", int64(s), s, want)
		}
		if back, err := ParseSize(s.String()); err != nil || back != s {
			t.Errorf("%d is %q, which is %d (%v)", int64(s), s, back, err)
		}
	}
}

func TestIn(t *testing.T) {
	for _, c := range []struct {
		s    Size
		like string
		want string
	}{
		{45_250_000, "30MB", "46MB"}, {45_250_000, "30MiB", "44MiB"}, {45_250_000, "30000KB", "46MB"},
		{45_250_001, "30001KB", "45251KB"}, {45_250_000, "1KiB", "44190KiB"},
		{2_310_000_000, "2GB", "2.4GB"}, {2_310_000_000, "2GiB", "2.2GiB"}, {3 << 30, "1GiB", "3.0GiB"},
		{17, "1B", "17B"}, {30_000_000, "1MB", "30MB"}, {5 << 40, "1TiB", "5.0TiB"},
	} {
		like, err := ParseSize(c.like)
		if err != nil {
			t.Fatal(err)
		}
		got := c.s.In(like)
		if got != c.want {
			t.Errorf("%d in the unit of %s is %s, want %s", int64(c.s), c.like, got, c.want)
		}
		if back, err := ParseSize(got); err != nil || back < c.s {
			t.Errorf("%s is read as %d (%v), want at least %d", got, int64(back), err, int64(c.s))
		}
	}
}
