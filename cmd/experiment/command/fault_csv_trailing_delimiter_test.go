package command

import (
	"strings"
	"testing"
)

// Tables whose rows end with a separator more than the header, or that have no rows, and fields in quotes.
func TestFaultCSVTrailingDelimiter(t *testing.T) {
	const rows = "0,0.0,a\n1,1.5,b\n2,3.0,a\n3,4.5,b\n4,6.0,a\n5,7.5,b\n"
	tableWords(t, "separator more", "x,y,label\n"+strings.ReplaceAll(rows, "\n", ",\n"), "", 0, "columns   2\n",
		"fields    passed over: every row ends with an empty one more than the header has")
	tableWords(t, "field more", "x,y,label\n"+strings.ReplaceAll(rows, "\n", ",9\n"), "", 3,
		"t.csv:2:9: 4 fields, want the 3 of the header; so it is in all 6 rows")
	tableWords(t, "header alone", "x,y,label\n", "", 3, "t.csv: no rows below the header")
	const quoted = "\"0\",0.0,\"a, \"\"b\"\"\"\n1,\"1.5\",c\n2,3.0,\"a, \"\"b\"\"\"\n3,4.5,c\n4,6.0,\"a, " +
		"\"\"b\"\"\"\n5,7.5,c\n"
	tableWords(t, "quoted", "\"x\",\"y\",\"label\"\n"+quoted, "", 0, "class a, \"b\"  2 + 1",
		"column x      number, mean ")
}
