//go:build gpu && cgo

package driver_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cuda"
	"selfsup/graph/cuda/driver"
	"selfsup/graph/op"
)

// tried names the process that opens a device for TestWrongDevices and prints what goes wrong.
const tried = "SELFSUP_TRY_DEVICE"

// Devices that will not do are one line that says what is wrong and what to do. Each is made by settings of the
// emulated driver, in a process of its own.
func TestWrongDevices(t *testing.T) {
	if os.Getenv(tried) != "" {
		fmt.Println("error:", tryDevice())
		return
	}
	if os.Getenv("SELFSUP_CUDA") != "emulated" {
		t.Skip("only the emulated driver can be given such devices")
	}
	for _, c := range []struct{ set, want string }{
		{"CUDAEMU_DEVICES=0", "finds no GPU on this machine: look at nvidia-smi"},
		{"CUDAEMU_DRIVER=11020", "speaks CUDA 11.2, and CUDA 11.4 is needed (driver 470 or newer): update it"},
		{"CUDAEMU_CC=60", "6.0"},
		{"CUDAEMU_MEMORY=33554432", "MiB too few"},
	} {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestWrongDevices$")
		cmd.Env = append(os.Environ(), tried+"=1", c.set)
		out, _ := cmd.CombinedOutput()
		_, text, found := strings.Cut(string(out), "error: ")
		text, _, _ = strings.Cut(text, "\n")
		if !found || !strings.Contains(text, c.want) {
			t.Errorf("%s: the error is %q, want one with %q\n%s", c.set, text, c.want, out)
		}
	}
}

// tryDevice opens the device and compiles a program of 64 MiB.
func tryDevice() error {
	d, err := driver.Open(0)
	if err != nil {
		return err
	}
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		x := s.Input("x", 4096, 4096)
		s.Output("y", op.SumAll(op.MatMul(x, x, false, false)))
	})
	if err != nil {
		return err
	}
	_, err = g.Compile(cuda.New(d), graph.NewStore(1))
	return err
}
