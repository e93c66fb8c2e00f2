// Package setting holds what the settings of recipes everywhere are made of: spans of training, sizes of memory, and
// errors that name a key.
package setting

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Unit is the unit of a Length: steps, epochs or a share of the training.
type Unit uint8

const (
	Step  Unit = iota // optimiser steps
	Epoch             // passes over the training set
	Share             // hundredths of the whole training
)

// Length is a span of training. The zero value is no time at all.
type Length struct {
	Count float64 // finite, not negative; whole for steps
	Unit  Unit
}

// Steps is n optimiser steps.
func Steps(n int) Length { return Length{float64(n), Step} }

// Epochs is n passes over the training set; half passes are fine.
func Epochs(n float64) Length { return Length{n, Epoch} }

// Percent is n hundredths of the whole training.
func Percent(n float64) Length { return Length{n, Share} }

// maxCount keeps every length far inside of an int, whatever the size of an epoch.
const maxCount = 1e9

// Steps is the length in optimiser steps, rounded to the nearest and at least 1 unless the length is zero. total is the
// number of steps of the whole training; only percentages need it. perEpoch is the number of steps of one epoch.
func (l Length) Steps(perEpoch, total int) int {
	n := l.Count
	switch l.Unit {
	case Epoch:
		n *= float64(perEpoch)
	case Share:
		n *= float64(total) / 100
	}
	if l.Count > 0 {
		n = max(1, math.Round(n))
	}
	return int(n)
}

// Relative says that the length depends on the length of the training, so that it cannot itself be that length.
func (l Length) Relative() bool { return l.Unit == Share }

// IsZero says that the length is no time at all.
func (l Length) IsZero() bool { return l.Count == 0 }

// String is "1 epoch", "500 steps", "2.5%"; ParseLength reads it back to the same Length.
func (l Length) String() string {
	n := strconv.FormatFloat(l.Count, 'f', -1, 64)
	switch {
	case l.Unit == Share:
		return n + "%"
	case l.Unit == Epoch && l.Count == 1:
		return "1 epoch"
	case l.Unit == Epoch:
		return n + " epochs"
	case l.Count == 1:
		return "1 step"
	}
	return n + " steps"
}

// ParseLength reads "60 epochs", "0.5 epochs", "500 steps" or "5%".
func ParseLength(text string) (Length, error) {
	t := strings.TrimSpace(text)
	end := strings.IndexFunc(t, func(r rune) bool { return !strings.ContainsRune("0123456789.+-_", r) })
	if end < 0 {
		end = len(t)
	}
	number, unit := strings.ReplaceAll(t[:end], "_", ""), strings.TrimSpace(t[end:])
	n, err := strconv.ParseFloat(number, 64)
	var l Length
	switch unit {
	case "epoch", "epochs":
		l = Length{n, Epoch}
	case "step", "steps":
		l = Length{n, Step}
	case "%":
		l = Length{n, Share}
	case "":
		if err == nil {
			return Length{}, fmt.Errorf("%q has no unit: want %q, %q or %q", text, number+" epochs", number+" steps",
				number+"%")
		}
		fallthrough
	default:
		return Length{},
			fmt.Errorf(`%q is not a length: want a number and a unit, as "60 epochs", "500 steps" or "5%%"`, text)
	}
	switch {
	case err != nil:
		return Length{},
			fmt.Errorf(`%q is not a length: want a number and a unit, as "60 epochs", "500 steps" or "5%%"`, text)
	case n < 0:
		return Length{}, fmt.Errorf("%q is negative", text)
	case n > maxCount:
		return Length{}, fmt.Errorf("%q is too long: want at most %d", text, int64(maxCount))
	case l.Unit == Step && n != math.Trunc(n):
		return Length{}, fmt.Errorf("%q: steps are whole numbers", text)
	case l.Unit == Share && n > 100:
		return Length{}, fmt.Errorf("%q is more than the whole training: want at most 100%%", text)
	}
	return Length{n + 0, l.Unit}, nil // -0 + 0 is 0
}

// UnmarshalTOML reads a string as ParseLength does. The integer 0 is no time at all; any other number lacks its unit.
func (l *Length) UnmarshalTOML(x any) error {
	switch x := x.(type) {
	case string:
		parsed, err := ParseLength(x)
		if err == nil {
			*l = parsed
		}
		return err
	case int64:
		if x == 0 {
			*l = Length{}
			return nil
		}
		return fmt.Errorf(`%d has no unit: want "%d epochs", "%d steps" or "%d%%"`, x, x, x, x)
	case float64:
		return fmt.Errorf(`%g has no unit: want "%g epochs" or "%g%%"`, x, x, x)
	}
	return fmt.Errorf(`wants a length such as "60 epochs", "500 steps" or "5%%", found %v`, x)
}

// MarshalText writes String.
func (l Length) MarshalText() ([]byte, error) {
	if math.IsNaN(l.Count) || math.IsInf(l.Count, 0) || l.Count < 0 {
		return nil, fmt.Errorf("length of %v: want a finite count of 0 or more", l.Count)
	}
	return []byte(l.String()), nil
}
