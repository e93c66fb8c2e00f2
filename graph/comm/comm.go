// Package comm is how the processes of one run talk: the collectives that they do together, which package mpi has over
// MPI, and a Line that puts them in order and sums gradients beside the computing.
package comm

import (
	"fmt"
	"os"
	"strconv"
)

// Comm is what the ranks of a run do together. Every rank calls the same methods in the same order with arrays of the
// same length, one at a time. After an error no other call is of use.
type Comm interface {
	Rank() int // of this process, from 0
	Size() int // ranks in all
	// Sum32 and Sum64 replace x by its sum over the ranks, Max by the largest of each number.
	Sum32(x []float32) error
	Sum64(x []float64) error
	Max(x []float64) error
	// Gather puts the bytes of every rank into dst, in the order of the ranks: as long as src times Size.
	Gather(dst, src []byte) error
	// Scatter32 and Scatter64 put this rank's part of the sum of src over the ranks into dst: as long as src over Size.
	Scatter32(dst, src []float32) error
	Scatter64(dst, src []float64) error
	// Broadcast replaces b by that of rank 0.
	Broadcast(b []byte) error
	Barrier() error
	// Abort ends all ranks with an exit status. It need not return.
	Abort(status int)
	// Close ends the talk in good order; every rank calls it.
	Close() error
	// About names the library: Open MPI v4.1.4.
	About() string
}

// Job is what the environment tells of the job that a launcher started this process in.
type Job struct {
	Launched bool   // as one rank of several
	By       string // the variable that tells so
	Size     int    // ranks; 0: nobody tells before MPI is opened
	Local    int    // of them on this machine; 0: nobody tells
}

// Noticed reads the environment: mpirun of Open MPI sets OMPI_COMM_WORLD_SIZE, srun --mpi=pmix sets PMIX_RANK, and
// launchers of the MPICH family PMI_RANK. Several tasks of Slurm that were started without any of these are an error.
func Noticed() (Job, error) { return noticed(os.Getenv) }

func noticed(env func(string) string) (Job, error) {
	var j Job
	for _, name := range []string{"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"} {
		if env(name) != "" {
			j.Launched, j.By = true, name
			break
		}
	}
	first := func(names ...string) int {
		for _, name := range names {
			if n, err := strconv.Atoi(env(name)); err == nil {
				return n
			}
		}
		return 0
	}
	j.Local = first("OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "SLURM_TASKS_PER_NODE")
	j.Size = first("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS")
	if j.Launched && j.Size == 1 { // alone: MPI is not wanted, and may be set for a process above this one
		return Job{}, nil
	}
	if j.Launched {
		return j, nil
	}
	if n, err := strconv.Atoi(env("SLURM_NTASKS")); err == nil && n > 1 && env("SLURM_PROCID") != "" &&
		env("SLURM_STEP_ID") != "" {
		return j, fmt.Errorf("comm: SLURM_NTASKS is %d, and srun started this process without MPI: each task would "+
			"run the whole recipe; use srun --mpi=pmix", n)
	}
	return j, nil
}
