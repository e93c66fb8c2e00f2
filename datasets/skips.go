package datasets

import (
	"fmt"
	"strings"
)

// Skip is an image left out, and why.
type Skip struct {
	Name string
	Err  error
}

// ListSkips names the first few.
func ListSkips(s []Skip, few int) string {
	var b strings.Builder
	for i, k := range s {
		if i == few {
			fmt.Fprintf(&b, "; and %d more", len(s)-few)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %v", k.Name, k.Err)
	}
	return b.String()
}

// Tolerate returns an error where more samples were refused than the limit.
func Tolerate(skipped []Skip, limit int) error {
	if len(skipped) <= limit {
		return nil
	}
	return fmt.Errorf("%d samples are refused, max_skipped allows %d: %s", len(skipped), limit, ListSkips(skipped, 3))
}
