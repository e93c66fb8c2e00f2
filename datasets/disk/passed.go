package disk

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// What a source does not read is counted and named: nobody should learn from the result that images were left out.

// PassedOver counts files that are not read, by the ends of their names. The zero value is none.
type PassedOver map[string]*passedKind

type passedKind struct {
	files int
	first string
}

// Add counts a file.
func (p *PassedOver) Add(name, end string) {
	if *p == nil {
		*p = PassedOver{}
	}
	end = strings.ToLower(end)
	if k := (*p)[end]; k != nil {
		k.files++
		return
	}
	(*p)[end] = &passedKind{1, name}
}

// Join adds what another one counted.
func (p *PassedOver) Join(o PassedOver) {
	for _, end := range slices.Sorted(maps.Keys(o)) {
		k := o[end]
		p.Add(k.first, end)
		(*p)[end].files += k.files - 1
	}
}

// String lists the kinds, the most frequent first: 12 .heic (such as a/1.HEIC), 1 without an extension (such as
// LICENSE).
func (p PassedOver) String() string {
	kinds := slices.SortedFunc(maps.Keys(p), func(a, b string) int {
		return cmp.Or(cmp.Compare(p[b].files, p[a].files), strings.Compare(a, b))
	})
	var said []string
	for i, end := range kinds {
		if i == 8 {
			said = append(said, fmt.Sprintf("and %d kinds more", len(kinds)-i))
			break
		}
		name := end
		if end == "" {
			name = "without an extension"
		}
		said = append(said, fmt.Sprintf("%d %s (such as %s)", p[end].files, name, p[end].first))
	}
	return strings.Join(said, ", ")
}

// Notes says what was passed over; none if nothing was.
func (p PassedOver) Notes() []string {
	if len(p) == 0 {
		return nil
	}
	return []string{"files that are not read: " + p.String()}
}

// FirstFew names the first five, after a word; nothing where there are none.
func FirstFew(word string, names []string) string {
	const few = 5
	switch n := len(names); {
	case n == 0:
		return ""
	case n > few:
		return fmt.Sprintf("%s%s and %d more", word, strings.Join(names[:few], ", "), n-few)
	}
	return word + strings.Join(names, ", ")
}
