package op

import (
	"fmt"
	"strings"

	"selfsup/internal/callsite"
)

// Caller is the line that errors of a graph name: the user's, as mine/method.go:31. That is the nearest line of a
// method, or of a package outside this module. A head or a backbone of this module on the way is named too, as
// mine/method.go:31, in heads/mlp.go:20. A test counts as its user. What called graph.Build has no part in it.
func Caller() string {
	near := "" // the nearest line outside the graph packages
	for _, f := range callsite.Stack() {
		if f.Is("graph.Build") {
			break
		}
		asked := f.Of("methods.(*Batch)") || f.Of("methods.EncoderOf") // what a method asks, on its behalf
		if f.In("graph") && !f.Test() || asked || strings.HasPrefix(f.Package, "gorgonia.org/") {
			continue
		}
		at := f.String()
		if near == "" {
			near = at
		}
		if f.Test() || !f.Own() || f.In("methods") {
			if at == near {
				return at
			}
			return fmt.Sprintf("%s, in %s", at, near)
		}
	}
	return near
}
