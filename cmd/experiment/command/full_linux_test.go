package command

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"selfsup/experiment/checkpoint"
)

// A disk that fills up in the middle of a run stops it with the path and the size that did not fit, and the checkpoint
// before still loads. The kernel's limit of the file size, set from outside while the run goes on, stands for the disk.
func TestDiskFillsUp(t *testing.T) {
	p := begin(t, "TEST_FULL_DISK=1")
	dir := p.checkpointed(t)
	if err := unix.Prlimit(p.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 8 << 10, Max: 8 << 10},
		nil); err != nil {
		t.Fatal(err)
	}
	p.ended(t, 1, "checkpoint: "+filepath.Join(dir, "checkpoints", "last")+", 0.0", " MB at step ", "file too large",
		"the checkpoint before it is kept")
	checkState(t, dir, "failed")
	if _, m, warning, err := checkpoint.Latest(filepath.Join(dir, "checkpoints")); err != nil || warning != "" ||
		m.Step < 2 {
		t.Errorf("afterwards step %d, warning %q, %v; want a whole checkpoint", m.Step, warning, err)
	}
	if status, _, errs := call("eval", dir); status != 0 {
		t.Errorf("eval: status %d: %s", status, errs)
	}
}
