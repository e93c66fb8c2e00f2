package cuda

import "testing"

// recorder is paper that remembers the launches and checks each against the PTX of its kernel.
type recorder struct {
	*Paper
	launches []Launch
}

func newRecorder(t *testing.T) *recorder {
	r := &recorder{Paper: NewPaper()}
	r.Each = func(l Launch) error {
		r.launches = append(r.launches, l)
		k := l.Kernel.(paperKernel)
		if len(l.Args) != k.params {
			t.Errorf("kernel %s is launched with %d parameters, its PTX has %d", l.Name, len(l.Args), k.params)
		}
		if n := l.Block[0] * l.Block[1] * l.Block[2]; n < 1 || n > k.threads {
			t.Errorf("kernel %s is launched with blocks of %d threads, its PTX allows %d", l.Name, n, k.threads)
		}
		if l.Grid[0] < 1 || l.Grid[1] < 1 || l.Grid[2] < 1 || l.Grid[1] > 65535 || l.Grid[2] > 65535 {
			t.Errorf("kernel %s is launched on a grid of %v", l.Name, l.Grid)
		}
		return nil
	}
	return r
}
