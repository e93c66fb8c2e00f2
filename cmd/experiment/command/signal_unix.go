//go:build unix

package command

import (
	"os"
	"syscall"
)

// saveSignals ask a run to save and stop: what Slurm and mpirun pass on.
var saveSignals = []os.Signal{syscall.SIGUSR1}
