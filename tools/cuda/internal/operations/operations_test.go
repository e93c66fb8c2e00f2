package operations

import "testing"

// What the processor has a kernel for, a GPU has too, and the other way round.
func TestOperationsOfBackendsAreEqual(t *testing.T) {
	all := All()
	if len(all) < 60 {
		t.Errorf("%d operations, expected all of package op", len(all))
	}
	for _, o := range all {
		if !o.CPU || !o.CUDA {
			t.Errorf("%s: on the processor %v, on a GPU %v", o.Name, o.CPU, o.CUDA)
		}
	}
}
