package report

import (
	"bufio"
	"fmt"
	"io"

	"selfsup/graph/ir"
)

// Dot draws a program in Graphviz's language: inputs, state and constants as boxes, operations as ellipses grouped by
// scope, updates as dashed edges back to the state.
func Dot(w io.Writer, p *ir.Program) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, "digraph program {\n  rankdir=TB;\n  node [fontsize=10];")
	for i, buf := range p.Bufs {
		switch buf.Class {
		case ir.Input, ir.Const:
			fmt.Fprintf(b, "  n%d [shape=box,style=rounded,label=%q];\n", i, fmt.Sprintf("%s\n%v", buf.Name, buf.Type))
		case ir.State:
			fmt.Fprintf(b, "  n%d [shape=box,style=filled,fillcolor=lightgrey,label=%q];\n", i,
				fmt.Sprintf("%s\n%v", buf.Name, buf.Type))
		default:
			if buf.Viewed >= 0 {
				fmt.Fprintf(b, "  n%d [shape=plaintext,label=%q];\n  n%d -> n%d [style=dotted];\n", i,
					fmt.Sprint(buf.Type), buf.Viewed, i)
			}
		}
	}
	for _, in := range p.Instrs {
		fmt.Fprintf(b, "  n%d [label=%q];\n", in.Out, fmt.Sprintf("%s\n%s\n%v", in.Spec.Name(), in.Scope,
			p.Bufs[in.Out].Type))
		for _, x := range in.In {
			fmt.Fprintf(b, "  n%d -> n%d;\n", x, in.Out)
		}
	}
	for _, u := range p.Updates {
		fmt.Fprintf(b, "  n%d -> n%d [style=dashed,constraint=false];\n", u.New, u.State)
	}
	for i, o := range p.Outputs {
		fmt.Fprintf(b, "  out%d [shape=box,style=bold,label=%q];\n  n%d -> out%d;\n", i, o.Name, o.Buf, i)
	}
	fmt.Fprintln(b, "}")
	return b.Flush()
}
