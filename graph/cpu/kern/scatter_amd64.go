//go:build !noasm

package kern

import "unsafe"

func (s *scatter) run() {
	if active >= avx512 {
		scatter512((*byte)(unsafe.Pointer(s)))
	} else {
		s.generic()
	}
}
