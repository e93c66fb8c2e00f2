package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// Values of MXCSR: Go's own, which its ABI promises at every call, and the same with FTZ and DAZ, by which subnormal
// results and operands are 0 and no operation falls back to microcode.
const (
	controlGo    = 0x1f80
	controlFlush = controlGo | 1<<15 | 1<<6
)

var flushControl, goControl Mem

func floatControls() {
	flushControl = GLOBL("flushControl", RODATA|NOPTR)
	DATA(0, U32(controlFlush))
	goControl = GLOBL("goControl", RODATA|NOPTR)
	DATA(0, U32(controlGo))
}

// enter begins the arithmetic of a kernel. The kernels are NOSPLIT and never preempted, so no other Go code sees the
// setting.
func enter() { LDMXCSR(flushControl) }

// leave ends a kernel that began with enter.
func leave() {
	LDMXCSR(goControl)
	VZEROUPPER()
	RET()
}
