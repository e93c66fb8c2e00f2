//go:build unix

package kern

import (
	"syscall"
	"testing"
	"time"
)

// TestIdle holds that workers without a job sleep.
func TestIdle(t *testing.T) {
	setThreads(t, 4)
	Run(8, func(int) {})
	time.Sleep(5 * time.Millisecond)
	before := cpuTime(t)
	time.Sleep(60 * time.Millisecond)
	if used := cpuTime(t) - before; used > 20*time.Millisecond {
		t.Errorf("idle workers used %v of processor time in 60 ms", used)
	}
}

func cpuTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Skip("no processor times:", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
