//go:build !noasm

package kern

import (
	"syscall"

	"golang.org/x/sys/cpu"
)

// hasAMX reports whether the machine multiplies tiles of bfloat16 and Linux lets this process: their state is large, so
// that it must be asked for, once (arch_prctl(2), Documentation/arch/x86/xstate.rst).
func hasAMX() bool {
	const (
		requestPermission = 0x1023 // ARCH_REQ_XCOMP_PERM
		tileData          = 18     // XFEATURE_XTILEDATA
	)
	if !cpu.X86.HasAMXTile || !cpu.X86.HasAMXBF16 {
		return false
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
}
