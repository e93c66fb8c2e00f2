package setting

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes; 0 is "none".
type Size int64

// units in the order in which String prefers them.
var units = []struct {
	name  string
	bytes Size
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"KB", 1e3},
	{"kB", 1e3}, {"B", 1}}

const wantSize = `want a number and a unit, B, KiB, MiB, GiB, TiB, KB, MB or GB, as "2GiB", or "none"`

// ParseSize reads "2GiB", "1.5 GB", "0B" or "none".
func ParseSize(text string) (Size, error) {
	t := strings.TrimSpace(text)
	if t == "none" || t == "0B" {
		return 0, nil
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(t, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		switch bytes := n * float64(u.bytes); {
		case err != nil:
			return 0, fmt.Errorf("%q is not an amount of memory: %s", text, wantSize)
		case !(bytes >= 1) || bytes > 1<<60 || math.IsNaN(bytes):
			return 0, fmt.Errorf("%q: want at least a byte and at most %s", text, Size(1<<60))
		default:
			return Size(bytes), nil
		}
	}
	return 0, fmt.Errorf("%q is not an amount of memory: %s", text, wantSize)
}

// String is exact, in the largest unit that gives a whole number; Parse reads it back to the same Size.
func (s Size) String() string {
	if s == 0 {
		return "none"
	}
	for _, u := range units {
		if s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// In is the amount in the unit of another, rounded up so that Parse reads at least s back: a whole number, of units
// from GB on with a decimal.
func (s Size) In(like Size) string {
	spelled := like.String()
	for _, u := range units {
		if !strings.HasSuffix(spelled, u.name) {
			continue
		}
		decimals, step := 0, float64(u.bytes)
		if u.bytes >= 1e9 {
			decimals, step = 1, step/10
		}
		return strconv.FormatFloat(math.Ceil(float64(s)/step)*step/float64(u.bytes), 'f', decimals, 64) + u.name
	}
	return s.String()
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) error {
	n, err := ParseSize(string(text))
	if err == nil {
		*s = n
	}
	return err
}

// MarshalText implements encoding.TextMarshaler.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
