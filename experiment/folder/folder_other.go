//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// lock makes a file that must not exist yet. It stays behind when the process is killed, and the message says so.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		if old, err := os.Open(path); err == nil {
			defer old.Close()
			who := owner(old)
			return nil, &InUseError{who, fmt.Sprintf("in use by %s; if that process is gone, delete %s", who, path)}
		}
	}
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(f, "process %d\n", os.Getpid())
	return f, nil
}

// unlock removes the file, whose existence is the lock.
func unlock(f *os.File) error { return errors.Join(f.Close(), os.Remove(f.Name())) }

// holds says that hold works.
const holds = false

func hold(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func syncDir(string) error { return nil }

// Holder says which process has a lock that [lock] takes; empty: none has it.
func Holder(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	return owner(f)
}
