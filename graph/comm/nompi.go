//go:build !linux && !darwin

package comm

import (
	"fmt"
	"runtime"
)

func openMPI(j Job) (Comm, error) {
	return nil, fmt.Errorf("comm: %s says that this is one of several processes, and on %s MPI cannot be opened here: "+
		"want linux or darwin", j.By, runtime.GOOS)
}
