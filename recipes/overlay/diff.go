package overlay

import (
	"encoding/json"
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

// MarshalJSON writes key, a, b, origin_a and origin_b, all text; those of a recipe without the key are empty.
func (c Change) MarshalJSON() ([]byte, error) {
	from := func(value string, o Origin) string {
		if value == "" {
			return ""
		}
		return o.String()
	}
	return json.Marshal(struct {
		Key     string `json:"key"`
		A       string `json:"a"`
		B       string `json:"b"`
		OriginA string `json:"origin_a"`
		OriginB string `json:"origin_b"`
	}{c.Key, c.A, c.B, from(c.A, c.OriginA), from(c.B, c.OriginB)})
}

// Diff lists the settings in which b differs from a, in the order of the recipe. Where they choose differently, the
// choice comes first, then the keys that only a has, then those that only b has.
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
			list = append(list, Change{Key: l.Key, A: l.Value, B: o.Value, OriginA: l.Origin, OriginB: o.Origin})
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

// DiffText renders changes as an aligned table without colour, with the names of the two recipes as headings, in at
// most width columns; 0: in as many as it needs. No change gives "".
//
//	key                        simclr.toml     warmer.toml  from
//	method.simclr.temperature  0.2          -> 0.5          simclr.toml:21 -> warmer.toml:4
//
// Where the table is too wide, a change takes lines of its own: its key, then each value and where it is from.
func DiffText(nameA, nameB string, changes []Change, width int) string {
	if len(changes) == 0 {
		return ""
	}
	text := diffTable(nameA, nameB, changes)
	for _, line := range strings.Split(text, "\n") {
		if width > 0 && utf8.RuneCountInString(line) > width {
			return diffLines(nameA, nameB, changes, width)
		}
	}
	return text
}

func diffTable(nameA, nameB string, changes []Change) string {
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

// diffLines renders changes below each other.
func diffLines(nameA, nameB string, changes []Change, width int) string {
	var out strings.Builder
	write := func(indent, text string) {
		for _, line := range wrapped(text, width-len(indent)) {
			out.WriteString(indent + line + "\n")
			indent = strings.Repeat(" ", len(indent))
		}
	}
	write("a: ", nameA)
	write("b: ", nameB)
	side := func(indent, value string, from Origin) {
		if value == "" {
			write(indent, "-")
			return
		}
		write(indent, value)
		write("       ", from.String())
	}
	for _, c := range changes {
		out.WriteByte('\n')
		write("", c.Key)
		side("  a: ", c.A, c.OriginA)
		side("  b: ", c.B, c.OriginB)
	}
	return out.String()
}

// wrapped cuts a text into lines of at most width runes, at least 1.
func wrapped(text string, width int) (lines []string) {
	r := []rune(text)
	width = max(width, 1)
	for len(r) > width {
		cut := width
		for i := width; i > width/2; i-- { // rather between words
			if r[i] == ' ' {
				cut = i
				break
			}
		}
		lines = append(lines, strings.TrimRight(string(r[:cut]), " "))
		for r = r[cut:]; len(r) > 0 && r[0] == ' '; {
			r = r[1:]
		}
	}
	return append(lines, string(r))
}
