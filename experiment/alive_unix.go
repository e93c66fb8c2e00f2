//go:build unix

package experiment

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// alive reports whether a process of this machine runs. One that has ended, and whose parent has not heard of it yet,
// does not.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true // a system without /proc
	}
	at := bytes.LastIndexByte(stat, ')') // behind the name, which may hold anything
	return at < 0 || at+2 >= len(stat) || stat[at+2] != 'Z' && stat[at+2] != 'X'
}
