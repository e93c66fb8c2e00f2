package folder

import (
	"os"
	"path/filepath"
)

// Claim is a lock of its own on a piece of work. The system releases it when the last process that has it ends, however
// it ends.
type Claim struct{ file *os.File }

// Take claims the file path, which it makes. One that another process has is an *InUseError.
func Take(path string) (*Claim, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, err
	}
	f, err := lock(path)
	if err != nil {
		return nil, err
	}
	return &Claim{f}, nil
}

// File is the open file, for a child process: it then has the claim too.
func (c *Claim) File() *os.File { return c.file }

// Release gives the claim up. A child process that was given it keeps it.
func (c *Claim) Release() error { return unlock(c.file) }

// InUseError is a lock that another process has.
type InUseError struct {
	Owner string // "process 12 on host"
	text  string
}

func (e *InUseError) Error() string { return e.text }
