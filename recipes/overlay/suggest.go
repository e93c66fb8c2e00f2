package overlay

import (
	"sort"
	"strings"
)

// Nearest gives up to three of names that word may be a slip of, the likeliest first.
func Nearest(word string, names []string) []string {
	type guess struct {
		name string
		cost int
	}
	var list []guess
	w := plain(word)
	for _, name := range names {
		n := plain(name)
		cost := edits(w, n)
		short := min(len(w), len(n))
		switch {
		case w == n:
			cost = 0
		case cost <= max(1, len(w)/3) && cost < short:
		case short >= 3 && (strings.HasPrefix(n, w) || strings.HasPrefix(w, n) || strings.HasSuffix(n, w)):
			cost = 3 + len(n)/4 // an abbreviation, behind plain slips
		default:
			continue
		}
		list = append(list, guess{name, cost})
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].cost < list[j].cost })
	var best []string
	for _, g := range list {
		if len(best) < 3 && g.cost <= list[0].cost+1 {
			best = append(best, g.name)
		}
	}
	return best
}

// plain drops what people vary: case, underscores, hyphens.
func plain(s string) string {
	if len(s) > 64 {
		s = s[:64]
	}
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(s))
}

// edits is the number of insertions, deletions, replacements and swaps of neighbours between a and b (optimal string
// alignment).
func edits(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			differ := 1
			if a[i-1] == b[j-1] {
				differ = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+differ)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// didYouMean is "did you mean a, b or c?".
func didYouMean(names []string) string { return "did you mean " + list(names, "or") + "?" }

func list(names []string, last string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " " + last + " " + names[len(names)-1]
}
