package command

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"selfsup/experiment"
)

// process is the command in a process of its own.
type process struct {
	*exec.Cmd
	root string // folder of its run folders

	mu   sync.Mutex
	text bytes.Buffer
}

// Write takes what the process writes to standard error.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

// said is what the process wrote to standard error so far.
func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// begin starts a tiny run that would take very long.
func begin(t *testing.T, env string, sets ...string) *process {
	t.Helper()
	p := &process{root: t.TempDir()}
	args := append([]string{"run", "quickstart.toml", "--runs", p.root}, tiny...)
	for _, s := range append([]string{`train.length="1000000 steps"`, `train.log="1000 steps"`}, sets...) {
		args = append(args, "--set", s)
	}
	p.Cmd = exec.Command(os.Args[0], args...)
	p.Env = append(os.Environ(), "TEST_AS_COMMAND=1", env)
	p.Stderr = p
	p.start(t)
	return p
}

// start starts the process, which ends with the test.
func (p *process) start(t *testing.T) {
	t.Helper()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill(); p.Wait() })
}

// command is the command with arguments in a process of its own, yet to be started.
func command(args ...string) *process {
	p := &process{Cmd: exec.Command(os.Args[0], args...)}
	p.Env = append(os.Environ(), "TEST_AS_COMMAND=1")
	p.Stderr = p
	return p
}

// until waits for a minute at most.
func (p *process) until(t *testing.T, what string, ready func() bool) {
	t.Helper()
	for began := time.Now(); !ready(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("no %s within a minute: %s", what, p.said())
		}
	}
}

// checkpointed waits for the first two checkpoints, and returns the run folder.
func (p *process) checkpointed(t *testing.T) (dir string) {
	t.Helper()
	p.until(t, "checkpoint", func() bool {
		found, _ := filepath.Glob(filepath.Join(p.root, "*", "checkpoints", "previous"))
		if len(found) == 1 {
			dir = filepath.Dir(filepath.Dir(found[0]))
		}
		return len(found) > 0
	})
	return dir
}

// ended waits for the end and checks the status and parts of what was written to standard error.
func (p *process) ended(t *testing.T, status int, parts ...string) {
	t.Helper()
	// a run that does not end is a failure, not a test without end
	late := time.AfterFunc(2*time.Minute, func() { p.Process.Kill() })
	defer late.Stop()
	p.Wait()
	if got := p.ProcessState.ExitCode(); got != status {
		t.Errorf("status %d, want %d: %s", got, status, p.said())
	}
	for _, part := range parts {
		if !strings.Contains(p.said(), part) {
			t.Errorf("want %q in the messages:\n%s", part, p.said())
		}
	}
}

func checkState(t *testing.T, dir, want string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil || !strings.Contains(string(text), fmt.Sprintf(`"state": %q`, want)) {
		t.Errorf("run.json: %v %s, want the state %s", err, text, want)
	}
}

// A signal ends a run after its step with everything saved, the promised status, and a hint how to resume.
func TestSignals(t *testing.T) {
	for _, c := range []struct {
		signal syscall.Signal
		status int
	}{{syscall.SIGINT, 130}, {syscall.SIGUSR1, 5}, {syscall.SIGTERM, 143}} {
		t.Run(c.signal.String(), func(t *testing.T) {
			p := begin(t, "")
			dir := p.checkpointed(t)
			p.Process.Signal(c.signal)
			p.ended(t, c.status, "resume with: experiment resume "+dir)
			checkState(t, dir, "interrupted")
		})
	}
}

// A second Ctrl-C leaves at once, in the middle of a step of seconds.
func TestSecondInterrupt(t *testing.T) {
	p := begin(t, "", "backbone.convnet.widths=[256,512,512]", "train.batch=256", `train.checkpoint="1 step"`)
	p.until(t, "first step", func() bool {
		found, _ := filepath.Glob(filepath.Join(p.root, "*", "checkpoints", "last"))
		return len(found) > 0
	})
	time.Sleep(300 * time.Millisecond) // into the second step
	go func() {
		for p.Process.Signal(syscall.SIGINT) == nil { // two that are close together can be one
			time.Sleep(50 * time.Millisecond)
		}
	}()
	p.ended(t, 130, "left at once")
	if strings.Contains(p.said(), "resume with") {
		t.Errorf("it waited for the step: %s", p.said())
	}
}

// A run folder is one process's at a time: resuming it meanwhile is refused with the process's number, evaluating and
// exporting are not.
func TestFolderInUse(t *testing.T) {
	p := begin(t, "")
	dir := p.checkpointed(t)
	checkState(t, dir, "running")
	if s, err := experiment.ReadStatus(dir); err != nil || s.Step < 2 || s.Totals.Steps != s.Step ||
		s.Totals.Seconds <= 0 {
		t.Errorf("run.json while it goes on: %+v, %v; want the step of a checkpoint and the time until it", s, err)
	}
	status, _, errs := call("resume", dir)
	if want := fmt.Sprintf("in use by process %d", p.Process.Pid); status != 1 || !strings.Contains(errs, want) {
		t.Errorf("resume: status %d, want 1; want %q in %s", status, want, errs)
	}
	if status, out, errs := call("export", dir, "-o", filepath.Join(t.TempDir(), "encoder.safetensors")); status != 0 {
		t.Errorf("export: status %d %s %s", status, out, errs)
	}
	p.Process.Signal(syscall.SIGTERM)
	p.ended(t, 143)
}
