package report

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"selfsup/graph/device"
)

// Environment is the machine and the program, as far as they can change numbers or speed.
type Environment struct {
	Go        string            `json:"go"`
	OS        string            `json:"os"`
	Arch      string            `json:"arch"`
	Device    string            `json:"device,omitempty"`        // a GPU
	Memory    int64             `json:"device_memory,omitempty"` // of a GPU, in bytes
	Driver    string            `json:"driver,omitempty"`        // of a GPU: the CUDA version that it speaks
	CPU       string            `json:"cpu,omitempty"`
	Cores     int               `json:"cores"`
	Threads   int               `json:"threads"`
	Kernels   string            `json:"kernels"`         // instruction set in use
	Ranks     int               `json:"ranks,omitempty"` // processes that share the run; none: one
	MPI       string            `json:"mpi,omitempty"`   // that they talk by
	Revision  string            `json:"revision,omitempty"`
	Modified  bool              `json:"modified,omitempty"`
	Binary    string            `json:"binary,omitempty"`    // digest of the program's file
	Variables map[string]string `json:"variables,omitempty"` // SELFSUP_*
}

// ReadEnvironment looks at the machine and says what the run's device is.
func ReadEnvironment(d device.About) Environment {
	e := Environment{
		Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU(),
		CPU: d.Chip, Threads: d.Threads, Kernels: d.Kernels,
	}
	if device.IsGPU(d.Name) {
		e.Device, e.Memory, e.Driver, e.CPU = d.Chip, d.Memory, d.Driver, device.Host().About().Chip
	}
	e.Binary = programDigest()
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				e.Revision = s.Value
			case "vcs.modified":
				e.Modified = s.Value == "true"
			}
		}
	}
	for _, v := range os.Environ() {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, "SELFSUP_") {
			if e.Variables == nil {
				e.Variables = map[string]string{}
			}
			e.Variables[name] = value
		}
	}
	return e
}

// programDigest is the digest of the program's file; empty where it cannot be read.
var programDigest = sync.OnceValue(func() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return ""
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
})

// PeakRSSMB is the largest resident memory of the process so far in MiB; 0 where the system does not tell.
func PeakRSSMB() float64 {
	// Not getrusage where /proc tells: on Linux that starts with what the parent process held.
	line := procLine("/proc/self/status", "VmHWM")
	if kb, err := strconv.ParseFloat(strings.TrimSuffix(line, " kB"), 64); err == nil {
		return kb / 1024
	}
	return peakRSS() / (1 << 20)
}

// procLine is the value of the first line of a /proc file that begins with a key.
func procLine(path, key string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
