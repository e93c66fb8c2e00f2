package command

import (
	"strings"
	"testing"
)

// A hint at a wrong --set is the text that is right, on the command line as in a file.
func TestSetListHint(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{"evaluate.knn.k=1,20", `evaluate.knn.k=1,20: wants a list of integers, found the string "1,20": write [1,20]`},
		{"optimizer.lars.rate=.1", `optimizer.lars.rate=.1: wants a float, found the string ".1": write 0.1`},
		{"seed=18446744073709551615", "18446744073709551615 is out of range: wants an integer from " +
			"-9223372036854775808 to 9223372036854775807"},
		{"views.blur=.5", "write 0.5"},
		{"views.crop_area=0.2,1", "write [0.2,1]"},
		{"train.probe=True", `wants true or false, found the string "True": write true`},
		{"memory_limit=100", `"100" is not an amount of memory: want a number and a unit`},
	} {
		status, out, errs := call("show", "quickstart.toml", "--set", c.set)
		if status != 2 || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("--set %s: status %d, want 2; got %s, want %q", c.set, status, errs, c.want)
		}
	}
}
