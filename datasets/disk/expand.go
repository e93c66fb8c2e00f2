package disk

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Expand is the files that a pattern names, in order: {a,b} and {007..012} each in turn as in a shell, then * ? [...]
// in sorted order. A name without * ? [...] is kept whether there is such a file or not.
func Expand(pattern string) ([]string, error) {
	names, err := braces(pattern)
	if err != nil {
		return nil, fmt.Errorf("pattern %s: %w", pattern, err)
	}
	var files []string
	for _, name := range names {
		if !strings.ContainsAny(name, "*?[") {
			files = append(files, name)
			continue
		}
		found, err := filepath.Glob(name)
		if err != nil {
			return nil, fmt.Errorf("pattern %s: %w", name, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("pattern %s matches no file", name)
		}
		files = append(files, found...)
	}
	return files, nil
}

// maxExpansion bounds what a pattern may name.
const maxExpansion = 1 << 20

// braces expands the first pair, and the rest in each result.
func braces(pattern string) ([]string, error) {
	before, rest, open := strings.Cut(pattern, "{")
	if !open {
		return []string{pattern}, nil
	}
	inside, after, closed := strings.Cut(rest, "}")
	if !closed || strings.Contains(inside, "{") {
		return nil, errors.New("{ without }, or one inside another")
	}
	tails, err := braces(after)
	if err != nil {
		return nil, err
	}
	middles := strings.Split(inside, ",")
	if from, to, isRange := strings.Cut(inside, ".."); isRange {
		if middles, err = numbers(from, to); err != nil {
			return nil, err
		}
	}
	if len(middles)*len(tails) > maxExpansion {
		return nil, fmt.Errorf("more than %d names", maxExpansion)
	}
	var names []string
	for _, m := range middles {
		for _, t := range tails {
			names = append(names, before+m+t)
		}
	}
	return names, nil
}

// numbers is from .. to, as wide as from where that begins with 0.
func numbers(from, to string) ([]string, error) {
	a, errA := strconv.ParseUint(from, 10, 63)
	b, errB := strconv.ParseUint(to, 10, 63)
	if errA != nil || errB != nil || a > b {
		return nil, fmt.Errorf("{%s..%s}, want a number and one not below it", from, to)
	}
	if b-a >= maxExpansion {
		return nil, fmt.Errorf("{%s..%s} has more than %d numbers", from, to, maxExpansion)
	}
	width := 0
	if strings.HasPrefix(from, "0") || len(from) == len(to) {
		width = len(from)
	}
	var names []string
	for v := a; v <= b; v++ {
		names = append(names, fmt.Sprintf("%0*d", width, v))
	}
	return names, nil
}
