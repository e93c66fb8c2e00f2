package checkpoint

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A disk that is full while a checkpoint is written: the error says where, how much and that the one before is kept,
// and it is. The kernel's limit of the file size stands for the disk.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv("TEST_FULL"); dir != "" { // the child
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 700, Max: 700}); err != nil {
			t.Fatal(err)
		}
		err := Save(dir, store(), Meta{Step: 9})
		if err == nil {
			t.Fatal("saved")
		}
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		dir  string
		step int
	}{
		{"two checkpoints", saved(t, 2), 2},
		{"after a kill between the renames", func() string {
			dir := saved(t, 2)
			rename(t, dir, last, next)
			return dir
		}(), 2},
	} {
		child := exec.Command(os.Args[0], "-test.run=^TestFullDisk$")
		child.Env = append(os.Environ(), "TEST_FULL="+c.dir)
		out, _ := child.CombinedOutput()
		for _, want := range []string{filepath.Join(c.dir, last), "MB at step 9", "file too large",
			"the checkpoint before it is kept"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s: got %s, want %q", c.name, out, want)
			}
		}
		if _, m, warning, err := Latest(c.dir); err != nil || warning != "" || m.Step != c.step {
			t.Errorf("%s: afterwards step %d, warning %q, %v; want step %d", c.name, m.Step, warning, err, c.step)
		}
		held(t, c.dir, map[string][]byte{last: bitsOf(t, store(), Meta{Step: 2, Seed: store().Seed}),
			previous: bitsOf(t, store(), Meta{Step: 1, Seed: store().Seed})})
	}
}
