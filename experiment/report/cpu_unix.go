//go:build unix

package report

import "syscall"

// CPUSeconds is the processor time that the process has taken so far, all threads together; 0 where the system does not
// tell.
func CPUSeconds() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
