package recipes

import (
	"os"
	"strings"
	"testing"
)

// The README names every method.
func TestREADMENamesMethods(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range builtinMethods() {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("README.md does not name `%s`; want it in the table of methods", name)
		}
	}
}
