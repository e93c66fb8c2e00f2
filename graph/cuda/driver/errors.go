//go:build gpu && cgo

package driver

// #include "shim.h"
import "C"

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// What the driver must have: graphs are made by a call that came with CUDA 11.4. The kernels are for capability 7.0 on.
const (
	oldest     = 11040
	capability = 7
)

// The driver's errors that have a sentence of their own.
const (
	errOutOfMemory = 2
	errNoDevice    = 100
	errNoLibrary   = 303
	errNotReady    = 802
	errMismatch    = 803
)

// ours are errors of kernels, which no user can mend.
var ours = map[int]bool{700: true, 701: true, 714: true, 715: true, 716: true, 717: true, 718: true, 719: true}

// result is an error of the driver's by its number.
type result int

func (r result) Error() string {
	var name *C.char
	if C.cuGetErrorName(C.CUresult(r), &name) != 0 || name == nil {
		return fmt.Sprintf("CUDA error %d", int(r))
	}
	return C.GoString(name)
}

// number is the driver's number of an error of package cu or of ours; 0 if it is none.
func number(err error) int {
	if v := reflect.ValueOf(err); v.IsValid() && v.CanInt() {
		return int(v.Int())
	}
	return 0
}

// of is the error of a call of the shim.
func of(r C.CUresult) error {
	if r == 0 {
		return nil
	}
	return result(r)
}

// failed adds to an error of the driver's what was done, and what is to be done.
func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	n := number(err)
	if ours[n] {
		return fmt.Errorf("%s: the driver says %w, which is an error in a kernel of ours: please report it with this "+
			"message and what experiment list devices prints", what, result(n))
	}
	return fmt.Errorf("%s: the driver says %w", what, result(n))
}

const orProcessor = "or use device = \"cpu\""

// startError says why the driver did not start: why is what the linker said.
func startError(r result, why string) error {
	switch r {
	case errNoLibrary:
		return fmt.Errorf("there is no NVIDIA driver on this machine (%s): install it, %s", why, orProcessor)
	case errNoDevice:
		return noDevice()
	case errMismatch, errNotReady:
		return fmt.Errorf("the NVIDIA driver's library and its kernel module do not fit (%w): restart the machine "+
			"after an update of the driver, %s", r, orProcessor)
	}
	return fmt.Errorf("the NVIDIA driver does not start (%w): look at nvidia-smi, %s", r, orProcessor)
}

func noDevice() error {
	return errors.New("the NVIDIA driver finds no GPU on this machine: look at nvidia-smi and CUDA_VISIBLE_DEVICES, " +
		orProcessor)
}

// oldError is a driver that lacks calls that we need.
func oldError(version int) error {
	return fmt.Errorf("the NVIDIA driver speaks CUDA %s, and CUDA %s is needed (driver 470 or newer): update it, %s",
		versionName(version), versionName(oldest), orProcessor)
}

func versionName(v int) string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// refused is PTX that the driver does not compile. log is what its compiler says.
func refused(name string, r result, log string) error {
	lines := strings.FieldsFunc(log, func(c rune) bool { return c == '\n' || c == '\r' })
	for i, l := range lines {
		lines[i] = strings.TrimSpace(l)
	}
	return fmt.Errorf("the driver refuses the kernels of %s (%w: %s): please report it with this message and what "+
		"experiment list devices prints", name, r, strings.Join(lines, "; "))
}
