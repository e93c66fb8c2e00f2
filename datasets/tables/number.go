package tables

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// numberFormat is how a table writes numbers.
type numberFormat struct {
	decimal   string // . or ,
	thousands string // between groups of three digits: "" none
}

// parse reads a decimal number whose square is finite, and whether a percent sign follows it, which does not change
// its value. A minus sign may be U+2212; a space between groups of digits may be one that does not break.
func (f numberFormat) parse(s string) (v float64, percent, ok bool) {
	s = strings.TrimSpace(s)
	if p, has := strings.CutSuffix(s, "%"); has {
		s, percent = strings.TrimSpace(p), true
	}
	if strings.ContainsAny(s, "xXpPnNiI_") { // hexadecimal, nan, inf, underscores
		return 0, false, false
	}
	s = strings.ReplaceAll(s, "\u2212", "-")
	if f.thousands != "" {
		if s, ok = f.ungroup(s); !ok {
			return 0, false, false
		}
	}
	if f.decimal == "," {
		if strings.Contains(s, ".") {
			return 0, false, false
		}
		s = strings.Replace(s, ",", ".", 1)
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, percent, err == nil && math.Abs(v) < 1e150
}

// ungroup takes the thousands separators out of a number. It fails where they do not stand before groups of three
// digits.
func (f numberFormat) ungroup(s string) (string, bool) {
	switch f.thousands {
	case " ":
		s = strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(s)
	case "'":
		s = strings.ReplaceAll(s, "\u2019", "'")
	}
	if !strings.Contains(s, f.thousands) {
		return s, true
	}
	end := strings.IndexAny(s, f.decimal+"eE")
	if end < 0 {
		end = len(s)
	}
	whole, rest := s[:end], s[end:]
	groups := strings.Split(strings.TrimLeft(whole, "+-"), f.thousands)
	for i, g := range groups {
		if len(g) != 3 && (i > 0 || len(g) < 1 || len(g) > 3) {
			return "", false
		}
	}
	return strings.ReplaceAll(whole, f.thousands, "") + rest, !strings.Contains(rest, f.thousands)
}

// otherFormats are those that values are tried in where the recipe's format reads none of them, the likelier first.
var otherFormats = []numberFormat{{".", ""}, {".", ","}, {",", ""}, {",", "."}, {",", " "}, {".", " "}, {".", "'"},
	{",", "'"}}

// settings says what to set for a format.
func (f numberFormat) settings() string {
	s := fmt.Sprintf("decimal = %q", f.decimal)
	if f.thousands == "" {
		return s
	}
	if f.decimal == "." {
		return fmt.Sprintf("thousands = %q", f.thousands)
	}
	return fmt.Sprintf("%s and thousands = %q", s, f.thousands)
}

// likeNumber reports a word of digits with marks and signs alone: a number of another format, an amount of money, a
// date, a time.
func likeNumber(word string) bool {
	digits := 0
	for _, r := range word {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case strings.ContainsRune("+-.,'’_:/()%eE\u2212\u2013", r), unicode.IsSpace(r), unicode.Is(unicode.Sc, r):
		default:
			return false
		}
	}
	return digits > 0
}
