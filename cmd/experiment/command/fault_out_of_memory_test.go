package command

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// within runs the command in a process of its own that may map so many KiB of addresses, and returns its status and
// what it wrote.
func within(t *testing.T, kib int, args ...string) (status int, text string) {
	t.Helper()
	line := append([]string{"-c", fmt.Sprintf(`ulimit -v %d; exec "$0" "$@"`, kib), os.Args[0]}, args...)
	c := exec.Command("sh", line...)
	c.Env = append(os.Environ(), "TEST_AS_COMMAND=1", "GOMAXPROCS=2")
	out, err := c.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(out)
}

// A run that needs more memory than there is ends with one line that says how much, what of it, what the limit is and
// what would help, status 1; nothing has been taken and no run folder made.
func TestFaultOutOfMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("how much memory is left is known on Linux alone")
	}
	photos := pictures(t, 10, 0, "a", "b", "c")
	fault := onFolder(photos, `backbone="convnet"`, "backbone.convnet.widths=[8,16]", "method.simclr.projector=[32,16]",
		`train.length="2 steps"`)
	tinyNet := []string{"--set", `backbone="convnet"`, "--set", "backbone.convnet.widths=[8]", "--set", "train.batch=4",
		"--set", `train.length="2 steps"`, "--set", "evaluate.linear=false"}
	noEvaluation := []string{"--set", "evaluate.knn=false", "--set", "evaluate.linear=false"}
	for _, c := range []struct {
		name string
		kib  int
		args []string
		want []string
	}{
		{"the step", 6_000_000, append(append([]string{"--set", "views.crop=2500"}, fault...), noEvaluation...),
			[]string{"the training step ", "GB (temporaries ", "a smaller train.batch (8) or views.crop (2500) " +
				"needs less"}},
		{"the step and the evaluation", 6_000_000, append([]string{"--set", "views.crop=2500"}, fault...),
			[]string{"evaluation can be left out (evaluate.knn = false"}},
		{"the evaluation", 2_150_000, append([]string{"--set", "views.crop=224"}, tinyNet...),
			[]string{"evaluation can be left out (evaluate.knn = false)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			runs := t.TempDir()
			status, text := within(t, c.kib, append([]string{"run", "quickstart.toml", "--runs", runs}, c.args...)...)
			if status != failed || strings.Count(text, "\n") != 1 ||
				!strings.Contains(text, "quickstart.toml: the run needs ") ||
				!strings.Contains(text, "the limit on its address space (ulimit -v) leaves ") {
				t.Errorf("status %d:\n%.2000s", status, text)
			}
			for _, w := range c.want {
				if !strings.Contains(text, w) {
					t.Errorf("want %q in\n%.2000s", w, text)
				}
			}
			if made, err := os.ReadDir(runs); err != nil || len(made) > 0 {
				t.Errorf("%d run folders, %v", len(made), err)
			}
		})
	}
	t.Run("without the evaluation", func(t *testing.T) {
		args := append(append([]string{"run", "quickstart.toml", "--runs", t.TempDir(), "--set", "views.crop=224"},
			tinyNet...), noEvaluation...)
		if status, text := within(t, 2_150_000, args...); status != done {
			t.Errorf("status %d:\n%.2000s", status, text)
		}
	})
}
