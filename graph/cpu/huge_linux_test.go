package cpu

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// TestHuge holds that an arena gets large pages where the system gives them to who asks, and tells so.
func TestHuge(t *testing.T) {
	mem, err := syscall.Mmap(-1, 0, 4*hugePage, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		t.Skip(err)
	}
	defer syscall.Munmap(mem)
	if err := syscall.Madvise(mem, madvHugePage); err != nil || !asksHuge(t, unsafe.Pointer(&mem[2*hugePage])) {
		t.Skip("this system has no large pages on request, or does not tell:", err)
	}
	s := aligned(16 * hugePage / 4)
	if !asksHuge(t, unsafe.Pointer(&s[len(s)/2])) {
		t.Error("the mapping of the arena's memory does not list hg among its flags")
	}
}

// asksHuge says whether the mapping that holds an address lists "hg" among its flags.
func asksHuge(t *testing.T, p unsafe.Pointer) bool {
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	at, inside := uint64(uintptr(p)), false
	for line := range strings.Lines(string(maps)) {
		var from, to uint64
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= at && at < to
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			return strings.Contains(flags, " hg")
		}
	}
	return false
}
