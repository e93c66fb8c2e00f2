package checkpoint

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"selfsup/experiment/folder"
	"selfsup/graph"
	"selfsup/graph/ir"
)

// Weights of earlier steps, for means over several: files of the form of a checkpoint, without the optimiser's moments,
// that training cannot go on from.

// weightsPrefix begins the names of the files, which end in the step.
const weightsPrefix = "weights-"

// KeepWeights writes the parameters and the state of a step, and removes what is older than the newest n files.
func KeepWeights(dir string, st *graph.Store, m Meta, n int) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	part := graph.NewStore(st.Seed)
	for _, name := range st.Names() {
		if e := st.Get(name); e.Kind != graph.Moment {
			part.Put(e)
		}
	}
	m.Seed = st.Seed
	path := weightsFile(dir, m.Step)
	if err := folder.Replace(path, func(w io.Writer) error { return write(w, part, m) }); err != nil {
		return fmt.Errorf("checkpoint: %s, %.2f MB at step %d: %w", path, float64(size(part))/1e6, m.Step, err)
	}
	steps, err := WeightsSteps(dir)
	for len(steps) > n && err == nil {
		err, steps = os.Remove(weightsFile(dir, steps[0])), steps[1:]
	}
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

func weightsFile(dir string, step int) string {
	return filepath.Join(dir, weightsPrefix+strconv.Itoa(step))
}

// WeightsSteps lists the steps whose weights a folder keeps, rising.
func WeightsSteps(dir string) ([]int, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var steps []int
	for _, f := range files {
		digits, ok := strings.CutPrefix(f.Name(), weightsPrefix)
		if step, err := strconv.Atoi(digits); ok && err == nil {
			steps = append(steps, step)
		}
	}
	slices.Sort(steps)
	return steps, nil
}

// MeanWeights is a Store in which every parameter and every floating-point state is the mean of those that st and the
// folder's weights of some steps have; everything else is st's.
func MeanWeights(dir string, st *graph.Store, steps []int) (*graph.Store, error) {
	mean := graph.NewStore(st.Seed)
	sums := map[string][]float64{}
	for _, name := range st.Names() {
		e := st.Get(name)
		if e.Kind == graph.Moment || e.DType == ir.I32 {
			mean.Put(e)
			continue
		}
		sum := make([]float64, e.Shape.Size())
		for i := range sum {
			sum[i] = e.At(i)
		}
		sums[name] = sum
	}
	for _, step := range steps {
		path := weightsFile(dir, step)
		other, _, err := Load(path)
		if err != nil {
			return nil, err
		}
		for name, sum := range sums {
			e, now := other.Get(name), st.Get(name)
			if e == nil || !e.Shape.Equal(now.Shape) || e.DType != now.DType {
				return nil, fmt.Errorf("checkpoint: %s: want %s of %v, as at the newest step", path, name, now.Type)
			}
			for i := range sum {
				sum[i] += e.At(i)
			}
		}
	}
	for name, sum := range sums {
		now := st.Get(name)
		e := &graph.Entry{Name: name, Kind: now.Kind, Array: ir.NewArray(now.Type)}
		for i, v := range sum {
			e.Set(i, v/float64(len(steps)+1))
		}
		mean.Put(e)
	}
	return mean, nil
}
