//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package folder

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock takes an exclusive lock that the system releases when the process ends, however it ends.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			who := owner(f)
			return nil, &InUseError{who, "in use by " + who + "; its lock ends with that process"}
		}
		return nil, err
	}
	host, _ := os.Hostname()
	if err := f.Truncate(0); err != nil {
		f.Close()
		return nil, err
	}
	fmt.Fprintf(f, "process %d on %s\n", os.Getpid(), host)
	return f, nil
}

// unlock leaves the file: deleting it would let two processes each lock a file of their own.
func unlock(f *os.File) error { return f.Close() }

// holds says that hold works.
const holds = true

// hold locks a file while it has its name, until it is closed or the process ends.
func hold(name string) (*os.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		var here, there os.FileInfo
		if here, err = f.Stat(); err == nil {
			if there, err = os.Stat(name); err == nil && !os.SameFile(here, there) {
				err = fmt.Errorf("%s is another file now", name)
			}
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// syncDir makes a rename durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Holder says which process has a lock that [lock] takes; empty: none has it.
func Holder(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return owner(f)
	}
	return ""
}
