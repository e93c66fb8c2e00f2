package command

import (
	"os"
	"strconv"

	"golang.org/x/term"
)

// width is how many columns an answer may take: what COLUMNS says, else those of the terminal that it goes to; 0: as
// many as it likes.
func (a *app) width() int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if f, ok := a.out.Writer.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return 0
}
