//go:build !gpu

package device_test

import (
	"testing"

	"selfsup/graph/device"
)

// A binary without the CUDA backend refuses its name, and says how to build one that has it.
func TestNoCUDA(t *testing.T) {
	for _, name := range []string{"cuda", "cuda:1"} {
		want := `device: "` + name + `": this binary has no CUDA backend, as it was built without -tags gpu; build ` +
			`one that has it with go run ./tools/cuda build, or use device = "cpu"`
		if _, err := device.Open(name, device.Options{}); err == nil || err.Error() != want {
			t.Errorf("%q: the error is %v, want %s", name, err, want)
		}
	}
	if _, err := device.GPUs(); err == nil {
		t.Error("GPUs are listed")
	}
}
