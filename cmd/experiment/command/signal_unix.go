//go:build unix

package command

import (
	"os"
	"os/signal"
	"syscall"

	"selfsup/experiment"
)

// saveSignals ask a run to save and stop: what Slurm and mpirun pass on, and a terminal that closes, unless nohup has
// made the run deaf to that.
func saveSignals() []os.Signal {
	list := []os.Signal{syscall.SIGUSR1}
	if !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	return list
}

// keepWriting makes writing to a pipe that nobody reads an error, not the end of the process.
func keepWriting() { signal.Ignore(syscall.SIGPIPE) }

func requestOf(s os.Signal) experiment.Request {
	switch s {
	case os.Interrupt:
		return experiment.Interrupt
	case syscall.SIGTERM:
		return experiment.Terminate
	case syscall.SIGHUP:
		return experiment.Hangup
	}
	return experiment.Requeue
}
