package sweep

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// variables are what schedulers tell a task of an array of its place, each with the number of the first task. An index
// of LSF is at least 1, and LSB_JOBINDEX is 0 in a job that is no array; PBS arrays are written -J 1-12.
var variables = []struct {
	name  string
	first int
}{
	{"SLURM_ARRAY_TASK_ID", 0},
	{"JOB_COMPLETION_INDEX", 0}, // of an Indexed Job of Kubernetes
	{"LSB_JOBINDEX", 1},
	{"PBS_ARRAY_INDEX", 1},
}

// IndexFrom is the point that a scheduler gives this task, by its variable in the environment; ok is false where there
// is none. Slurm and Kubernetes count from 0 as points do; of LSF and PBS the task 1 has the point 0.
func IndexFrom(lookup func(string) (string, bool), points int) (index int, ok bool, err error) {
	from := ""
	for _, v := range variables {
		text, set := lookup(v.name)
		if !set || text == "" || v.name == "LSB_JOBINDEX" && text == "0" {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(text))
		last := v.first + points - 1
		if err != nil || n < v.first || n > last {
			return 0, false, fmt.Errorf("%s=%s: want %d to %d, the tasks of %d points", v.name, text, v.first, last,
				points)
		}
		if ok && n-v.first != index {
			return 0, false, fmt.Errorf("%s is point %d and %s=%s is point %d: want one scheduler, or --index", from,
				index, v.name, text, n-v.first)
		}
		index, ok, from = n-v.first, true, v.name
	}
	return index, ok, nil
}

// Environment is IndexFrom of this process.
func Environment(points int) (index int, ok bool, err error) { return IndexFrom(os.LookupEnv, points) }
