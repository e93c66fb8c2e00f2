package room

import "syscall"

// Left is how much memory this process may still take, as far as the system tells.
func Left() Room { return read("/", limits{limit(syscall.RLIMIT_AS), limit(syscall.RLIMIT_DATA)}) }

// limit is a limit of this process in bytes, -1 for none.
func limit(resource int) int64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(resource, &l); err != nil || l.Cur > 1<<62 {
		return -1
	}
	return int64(l.Cur)
}
