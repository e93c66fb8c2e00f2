package comm

import (
	"strings"
	"testing"
)

func TestNoticed(t *testing.T) {
	for _, c := range []struct {
		name  string
		env   map[string]string
		by    string
		local int
		err   string
	}{
		{name: "alone", env: map[string]string{"SLURM_NTASKS": "4"}}, // sbatch's own process
		{name: "mpirun of one", env: map[string]string{"OMPI_COMM_WORLD_SIZE": "1", "PMIX_RANK": "0"}},
		{name: "mpirun", by: "OMPI_COMM_WORLD_SIZE", local: 2,
			env: map[string]string{"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_LOCAL_SIZE": "2", "PMIX_RANK": "0"}},
		{name: "srun --mpi=pmix", by: "PMIX_RANK",
			env: map[string]string{"PMIX_RANK": "1", "SLURM_NTASKS": "4", "SLURM_PROCID": "1", "SLURM_STEP_ID": "0"}},
		{name: "mpich", by: "PMI_RANK", local: 2, env: map[string]string{"PMI_RANK": "0", "MPI_LOCALNRANKS": "2"}},
		{name: "srun without MPI", err: "SLURM_NTASKS is 4, and srun started this process without MPI: each task " +
			"would run the whole recipe; use srun --mpi=pmix",
			env: map[string]string{"SLURM_NTASKS": "4", "SLURM_PROCID": "1", "SLURM_STEP_ID": "0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, err := noticed(func(name string) string { return c.env[name] })
			if got := ""; err != nil {
				if got = err.Error(); c.err == "" || !strings.Contains(got, c.err) {
					t.Fatalf("got %q, want %q", got, c.err)
				}
				return
			}
			if c.err != "" || j.By != c.by || j.Launched != (c.by != "") || j.Local != c.local {
				t.Errorf("got %+v, want %+v", j, c)
			}
		})
	}
}
