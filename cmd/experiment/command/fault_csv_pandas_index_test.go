package command

import "testing"

// A table as DataFrame.to_csv() writes it: the index in front has no name and is passed over, with a word or as the
// recipe says.
func TestFaultCSVPandasIndex(t *testing.T) {
	const file = ",x,y,label\n0,0,0.0,a\n1,1,1.5,b\n2,2,3.0,a\n3,3,4.5,b\n4,4,6.0,a\n5,5,7.5,b\n"
	tableWords(t, "index", file, "", 0, "columns   2\n", "column 1  passed over: it has no name, as the index "+
		"that pandas and R write")
	tableWords(t, "ignored", file, `ignore = [""]`, 0, "columns   2\n")
	tableWords(t, "read and written again", "Unnamed: 0"+file, "", 0, "columns            2\n",
		"column Unnamed: 0  passed over: pandas names")
}
