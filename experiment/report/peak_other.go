//go:build !(darwin || dragonfly || freebsd || netbsd || openbsd)

package report

// peakRSS is for systems without /proc.
func peakRSS() float64 { return 0 }
