package cpu

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"
)

// TestHuge holds that an arena gets large pages where the system gives them to who asks.
func TestHuge(t *testing.T) {
	mode, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	if err != nil || strings.Contains(string(mode), "[never]") {
		t.Skip("this system has no large pages on request")
	}
	s := aligned(16 * hugePage / 4)
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	// The mapping that holds the middle of s lists "hg" among its flags.
	at, inside := uint64(uintptr(unsafe.Pointer(&s[len(s)/2]))), false
	for line := range strings.Lines(string(maps)) {
		var from, to uint64
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= at && at < to
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			if !strings.Contains(flags, " hg") {
				t.Errorf("flags of the arena's memory are %s, want hg among them", flags)
			}
			return
		}
	}
	t.Errorf("no mapping holds address %x", at)
}
