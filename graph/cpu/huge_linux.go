package cpu

import (
	"syscall"
	"unsafe"
)

const (
	hugePage     = 2 << 20 // bytes
	madvHugePage = 14
)

// huge asks for pages of 2 MiB under s, before it is touched: kernels that walk over many rows at a time, Winograd's
// most of all, else wait for the translation of addresses. Systems that refuse lose nothing but time.
func huge(s []float32) {
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*4)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(s))) % hugePage)
	if whole := (len(bytes) - skip) / hugePage * hugePage; whole > 0 {
		_ = syscall.Madvise(bytes[skip:skip+whole], madvHugePage)
	}
}
