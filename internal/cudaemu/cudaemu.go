// Package cudaemu builds a stand-in for NVIDIA's driver library that runs kernels on the CPU, so that the CUDA backend
// and its kernels are tested on machines without a GPU. A program that finds it first on LD_LIBRARY_PATH loads PTX
// through the driver API as it would on a GPU. The instructions of the PTX are interpreted, and checked: bounds of
// every access, alignment, barriers, races between accesses of shared and global memory that nothing orders, copies
// that are read before they were waited for, illegal calls while a stream is captured. What is wrong ends the launch as
// on a GPU, with a report on stderr and in cudaemu_last_report(): kernel, block, thread, line of the PTX, address.
// Memory that nobody has written is NaN.
//
// It differs from a GPU in this: the .approx instructions are computed in float64 and rounded, and so are the sums of
// one mma; streams do at once what they are given; all work in the legacy stream is refused while a stream is captured,
// where a driver lets it pass beside a non-blocking one; atomics on floats are refused, since their sums have no order;
// atomics and fences order nothing between blocks; registers and time are not modelled.
//
// Settings of the environment:
//
//	CUDAEMU_CC=80         compute capability
//	CUDAEMU_MEMORY        bytes of a device, 2 GiB
//	CUDAEMU_DEVICES=1     how many devices there are
//	CUDAEMU_DRIVER=12040  version of the driver: 12.4
//	CUDAEMU_THREADS=2     threads of the CPU that blocks run on; results do not depend on it
//	CUDAEMU_RACES=0       do not look for races: three times faster
//	CUDAEMU_INIT=1        reading global memory that nobody has written is a fault
package cudaemu

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// The sources are in a folder of their own, where the go command does not compile them.
//
//go:embed driver/*.cpp driver/*.h
var sources embed.FS

// ErrNoCompiler says that g++ is not installed, without which there is no emulated driver.
var ErrNoCompiler = errors.New("cudaemu: g++ is not installed, the emulated CUDA driver cannot be built")

// Exact arithmetic: no contraction to fused operations that the PTX does not ask for, wrapping integers.
var flags = []string{"-std=c++17", "-O2", "-ftree-vectorize", "-march=native", "-fPIC", "-pthread",
	"-fvisibility=hidden", "-fno-strict-aliasing", "-fwrapv", "-ffp-contract=off", "-fno-math-errno",
	"-fno-trapping-math"}

// Build compiles the driver into a folder under dir, "" for the user's cache directory, if that was not done yet with
// the same sources, compiler and processor. It returns the folder that holds libcuda.so.1, to be put first on
// LD_LIBRARY_PATH. The first time takes a minute or two of one core.
func Build(dir string) (libDir string, err error) {
	if dir == "" {
		if dir, err = os.UserCacheDir(); err != nil {
			return "", fmt.Errorf("cudaemu: %w", err)
		}
		dir = filepath.Join(dir, "selfsup", "cudaemu")
	}
	compiler, err := exec.LookPath("g++")
	if err != nil {
		return "", ErrNoCompiler
	}
	key, err := fingerprint(compiler)
	if err != nil {
		return "", err
	}
	libDir = filepath.Join(dir, key)
	if _, err := os.Stat(filepath.Join(libDir, "libcuda.so.1")); err == nil {
		return libDir, nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("cudaemu: %w", err)
	}
	work, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return "", fmt.Errorf("cudaemu: %w", err)
	}
	defer os.RemoveAll(work)
	if err := compile(compiler, work); err != nil {
		return "", err
	}
	if err := os.MkdirAll(libDir, 0o777); err != nil {
		return "", fmt.Errorf("cudaemu: %w", err)
	}
	// Another process may have been faster; its library is the same.
	lib := filepath.Join(libDir, "libcuda.so.1")
	if err := os.Rename(filepath.Join(work, "libcuda.so.1"), lib); err != nil {
		return "", fmt.Errorf("cudaemu: %w", err)
	}
	return libDir, nil
}

// fingerprint names what a build depends on.
func fingerprint(compiler string) (string, error) {
	h := sha256.New()
	names, err := fs.Glob(sources, "driver/*")
	if err != nil {
		return "", fmt.Errorf("cudaemu: %w", err)
	}
	for _, name := range names {
		text, err := sources.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("cudaemu: %w", err)
		}
		fmt.Fprintf(h, "%s %d\n%s", name, len(text), text)
	}
	version, err := exec.Command(compiler, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("cudaemu: %s --version: %w", compiler, err)
	}
	fmt.Fprintf(h, "%s%s%s", version, flags, runtime.GOARCH)
	info, _ := os.ReadFile("/proc/cpuinfo") // -march=native
	for line := range strings.Lines(string(info)) {
		if strings.HasPrefix(line, "flags") {
			h.Write([]byte(line))
			break
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), nil
}

// compile compiles every source on its own, several at a time, and links them to work/libcuda.so.1.
func compile(compiler, work string) error {
	names, err := fs.Glob(sources, "driver/*")
	if err != nil {
		return fmt.Errorf("cudaemu: %w", err)
	}
	for _, name := range names {
		text, err := sources.ReadFile(name)
		if err != nil {
			return fmt.Errorf("cudaemu: %w", err)
		}
		if err := os.WriteFile(filepath.Join(work, path.Base(name)), text, 0o666); err != nil {
			return fmt.Errorf("cudaemu: %w", err)
		}
	}
	run := func(args ...string) error {
		c := exec.Command(compiler, args...)
		c.Dir = work
		var errs bytes.Buffer
		c.Stderr = &errs
		if err := c.Run(); err != nil {
			return fmt.Errorf("cudaemu: g++ %s: %w\n%s", strings.Join(args, " "), err, errs.String())
		}
		return nil
	}
	var group sync.WaitGroup
	slots := make(chan struct{}, runtime.NumCPU())
	failures := make([]error, len(names))
	var objects []string
	for n, name := range names {
		source := path.Base(name)
		if path.Ext(source) != ".cpp" {
			continue
		}
		object := strings.TrimSuffix(source, ".cpp") + ".o"
		objects = append(objects, object)
		group.Add(1)
		go func() {
			defer group.Done()
			slots <- struct{}{}
			failures[n] = run(append(append([]string{}, flags...), "-c", source, "-o", object)...)
			<-slots
		}()
	}
	group.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	return run(append([]string{"-shared", "-pthread", "-Wl,-soname,libcuda.so.1", "-o", "libcuda.so.1"}, objects...)...)
}
