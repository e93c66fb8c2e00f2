//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package report

import (
	"runtime"
	"syscall"
)

// peakRSS is in bytes.
func peakRSS() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return float64(u.Maxrss) // bytes there, KiB elsewhere
	}
	return float64(u.Maxrss) * 1024
}
