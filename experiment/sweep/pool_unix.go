//go:build unix

package sweep

import (
	"os"
	"os/exec"
	"syscall"

	"selfsup/experiment"
)

// alone gives a process a group of its own, so that a terminal's Ctrl-C comes to it through the pool alone, and a file
// to keep open.
func alone(c *exec.Cmd, keep *os.File) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.ExtraFiles = []*os.File{keep}
}

// signal passes a request on.
func signal(p *os.Process, q experiment.Request) {
	_ = p.Signal(map[experiment.Request]os.Signal{
		experiment.Interrupt: os.Interrupt, experiment.Requeue: syscall.SIGUSR1,
		experiment.Terminate: syscall.SIGTERM, experiment.Hangup: syscall.SIGHUP,
	}[q]) // it may have ended
}
