//go:build gpu && cgo

package driver_test

import (
	"strings"
	"testing"

	"selfsup/graph/cuda/driver"
)

// A machine without a driver says so in one line; one with a driver describes its devices and refuses others.
func TestOpen(t *testing.T) {
	all, err := driver.Devices()
	if err != nil {
		if _, open := driver.Open(0); open == nil || open.Error() != err.Error() {
			t.Errorf("Open says %v, Devices %v", open, err)
		}
		if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), `or use device = "cpu"`) {
			t.Errorf("the error is %q, want one line that says what to do", err)
		}
		t.Skip(err)
	}
	for i, a := range all {
		if a.Index != i || a.Name == "" || a.Memory == 0 || a.Major == 0 || a.Driver == 0 || a.Processors == 0 {
			t.Errorf("device %d is %+v", i, a)
		}
	}
	if _, err := driver.Open(len(all)); err == nil || !strings.HasPrefix(err.Error(), "there is no GPU") {
		t.Errorf("one beyond the last: %v", err)
	}
}
