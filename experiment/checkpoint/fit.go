package checkpoint

import (
	"fmt"
	"sort"
	"strings"

	"selfsup/graph"
)

// Fit compares what a checkpoint holds with what a graph builds, and names every entry that differs, is missing or is
// left over.
func Fit(where string, have *graph.Store, want []graph.Leaf) error {
	var bad []string
	known := map[string]bool{}
	for _, w := range want {
		known[w.Name] = true
		switch e := have.Get(w.Name); {
		case e == nil:
			bad = append(bad, fmt.Sprintf("%s is missing, this recipe builds %v", w.Name, w.Type))
		case !e.Shape.Equal(w.Shape) || e.DType != w.DType:
			bad = append(bad, fmt.Sprintf("%s is %v, this recipe builds %v", w.Name, e.Type, w.Type))
		case e.Kind != w.Kind:
			bad = append(bad, fmt.Sprintf("%s is a %v, this recipe builds a %v", w.Name, e.Kind, w.Kind))
		}
	}
	for _, name := range have.Names() {
		if !known[name] {
			bad = append(bad, name+" is not in this recipe")
		}
	}
	if bad == nil {
		return nil
	}
	sort.Strings(bad)
	more := ""
	if len(bad) > 5 {
		more = fmt.Sprintf("; and %d more", len(bad)-5)
		bad = bad[:5]
	}
	return fmt.Errorf("checkpoint: %s: %s%s", where, strings.Join(bad, "; "), more)
}
