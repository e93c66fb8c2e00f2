package optest

import (
	"fmt"

	"selfsup/graph/op"
)

func gramCases() (cs []Case) {
	for _, s := range [][2]int{{1, 1}, {1, 33}, {17, 1}, {9, 5}, {33, 65}, {65, 130}, {130, 40}} {
		cs = append(cs,
			Case{Name: fmt.Sprintf("gram/rows %v", s), In: []Input{normal(s[0], s[1])}, Build: one(op.Gram)},
			Case{Name: fmt.Sprintf("gram/columns %v", s), In: []Input{normal(s[0], s[1])}, Build: one(op.ColumnGram)})
	}
	return cs
}
