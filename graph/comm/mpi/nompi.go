//go:build !linux && !darwin

package mpi

import (
	"fmt"
	"runtime"

	"selfsup/graph/comm"
)

// Open joins the other ranks of a job that was noticed.
func Open(j comm.Job) (comm.Comm, error) {
	return nil, fmt.Errorf("mpi: %s says that this is one of several processes, and on %s MPI cannot be opened here: "+
		"want linux or darwin", j.By, runtime.GOOS)
}
