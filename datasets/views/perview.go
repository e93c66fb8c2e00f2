package views

import (
	"fmt"
	"strconv"
	"strings"
)

// PerView is a setting that is one number for every view, or a list with a number for each: `solarize = [0.0, 0.2]`.
// Its length is 0 (meaning 0), 1, or the number of views.
type PerView []float64

// At is the setting of a view, counted from 0; 0 for one that a list has no number for.
func (p PerView) At(view int) float64 {
	switch len(p) {
	case 0:
		return 0
	case 1:
		return p[0]
	}
	if view >= len(p) {
		return 0
	}
	return p[view]
}

// any tells whether a view has a setting above 0.
func (p PerView) any() bool {
	for _, v := range p {
		if v > 0 {
			return true
		}
	}
	return false
}

// UnmarshalTOML reads a number or a list of numbers.
func (p *PerView) UnmarshalTOML(v any) error {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	} else if len(list) == 0 {
		return fmt.Errorf("an empty list, want a number or a number for each view")
	}
	out := make(PerView, len(list))
	for i, e := range list {
		switch e := e.(type) {
		case float64:
			out[i] = e
		case int64:
			out[i] = float64(e)
		default:
			return fmt.Errorf("%v (%T), want a number or a list with a number for each view", e, e)
		}
	}
	*p = out
	return nil
}

// MarshalTOML writes what UnmarshalTOML reads: a number, or a list for more than one.
func (p PerView) MarshalTOML() ([]byte, error) {
	if len(p) < 2 {
		return []byte(number(p.At(0))), nil
	}
	s := make([]string, len(p))
	for i, v := range p {
		s[i] = number(v)
	}
	return []byte("[" + strings.Join(s, ", ") + "]"), nil
}

// number is the shortest TOML float that reads back as v.
func number(v float64) string {
	s := strconv.FormatFloat(v, 'g', -1, 64)
	if strings.ContainsAny(s, ".eIN") {
		return strings.ToLower(s)
	}
	return s + ".0"
}
