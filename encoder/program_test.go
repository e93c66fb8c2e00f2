package encoder_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The program in examples/neighbours, which carries an encoder in itself, builds without the network and passes its
// tests.
func TestProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	for _, args := range [][]string{{"vet", "."}, {"test", "."}} {
		c := exec.Command("go", args...)
		c.Dir = filepath.Join("..", "examples", "neighbours")
		c.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
}
