package overlay

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Change is one setting in which two recipes differ.
type Change struct {
	Key              string
	A, B             string // TOML text; empty when only the other recipe has the key
	OriginA, OriginB Origin // zero with an empty value
}

// Diff lists the settings in which b differs from a, in the order of the recipe. Where they choose differently, the choice comes first,
// then the keys that only a has, then those that only b has.
func Diff(a, b *Result) []Change {
	inA, inB := index(a.Leaves), index(b.Leaves)
	var list []Change
	j := 0
	onlyB := func() {
		for ; j < len(b.Leaves); j++ {
			l := b.Leaves[j]
			if _, shared := inA[l.Key]; shared {
				return
			}
			list = append(list, Change{Key: l.Key, B: l.Value, OriginB: l.Origin})
		}
	}
	for _, l := range a.Leaves {
		at, shared := inB[l.Key]
		if !shared {
			list = append(list, Change{Key: l.Key, A: l.Value, OriginA: l.Origin})
			continue
		}
		onlyB()
		j = max(j, at+1)
		if o := b.Leaves[at]; o.Value != l.Value {
			list = append(list, Change{l.Key, l.Value, o.Value, l.Origin, o.Origin})
		}
	}
	onlyB()
	return list
}

func index(leaves []Leaf) map[string]int {
	at := make(map[string]int, len(leaves))
	for i, l := range leaves {
		at[l.Key] = i
	}
	return at
}

// DiffText renders changes as an aligned table without colour, with the names of the two recipes as headings. No change gives "".
//
//	key                        simclr.toml     warmer.toml  from
//	method.simclr.temperature  0.2          -> 0.5          simclr.toml:21 -> warmer.toml:4
func DiffText(nameA, nameB string, changes []Change) string {
	if len(changes) == 0 {
		return ""
	}
	rows := [][4]string{{"key", nameA, "   " + nameB, "from"}}
	for _, c := range changes {
		from := ""
		switch {
		case c.A == "":
			c.A, from = "-", c.OriginB.String()
		case c.B == "":
			c.B, from = "-", c.OriginA.String()
		default:
			from = c.OriginA.String() + " -> " + c.OriginB.String()
		}
		rows = append(rows, [4]string{c.Key, c.A, "-> " + c.B, from})
	}
	var width [3]int
	for _, r := range rows {
		for i := range width {
			width[i] = max(width[i], utf8.RuneCountInString(r[i]))
		}
	}
	var out strings.Builder
	for _, r := range rows {
		line := fmt.Sprintf("%-*s  %-*s %-*s  %s", width[0], r[0], width[1], r[1], width[2], r[2], r[3])
		out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return out.String()
}
