// Package folder owns a run's folder: its name, its lock, and the atomic writing of files.
package folder

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Folder is a run's folder in use by this process.
type Folder struct {
	Path string
	lock *os.File
}

// Create makes root/name-YYYYMMDD-HHMMSS-xxxx and locks it.
func Create(root, name string, now time.Time) (*Folder, error) {
	if err := os.MkdirAll(root, 0o777); err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	for {
		var id [2]byte
		if _, err := rand.Read(id[:]); err != nil {
			return nil, fmt.Errorf("run folder: %w", err)
		}
		path := filepath.Join(root, fmt.Sprintf("%s-%s-%s", name, now.Format("20060102-150405"),
			hex.EncodeToString(id[:])))
		err := os.Mkdir(path, 0o777)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("run folder: %w", err)
		}
		return Open(path)
	}
}

// IsName reports whether a word can be the name of a folder below another.
func IsName(word string) bool {
	return word != "" && word[0] != '.' && !strings.ContainsAny(word, "/\\\x00")
}

// CreateAt makes a folder, with those above it, and locks it. It may be there already.
func CreateAt(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	return Open(path)
}

// Open locks an existing folder. A folder that another process uses is an error that names the process; the lock of a
// process that died is free.
func Open(path string) (*Folder, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("run folder: %s is a file, want a run's folder", path)
	}
	f := &Folder{Path: filepath.Clean(path)}
	if f.lock, err = lock(f.File("lock")); err != nil {
		return nil, fmt.Errorf("run folder: %s: %w", path, err)
	}
	return f, nil
}

// owner reads who wrote a lock file.
func owner(f io.Reader) string {
	text, _ := io.ReadAll(io.LimitReader(f, 200))
	if who := strings.TrimSpace(string(text)); who != "" {
		return who
	}
	return "another process"
}

// File is the path of a file in the folder.
func (f *Folder) File(name string) string { return filepath.Join(f.Path, name) }

// Close releases the folder.
func (f *Folder) Close() error {
	if f.lock == nil {
		return nil
	}
	err := unlock(f.lock)
	f.lock = nil
	return err
}

// WriteAtomic replaces a file by one that holds data: whoever reads sees the old or the new, never a part, also after a
// crash.
func WriteAtomic(path string, data []byte) error {
	err := Replace(path, func(w io.Writer) error { _, err := w.Write(data); return err })
	if err != nil {
		return fmt.Errorf("%s, %d bytes: %w", path, len(data), err)
	}
	return nil
}

// Replace writes a file beside path, flushes it to the disk and renames it over path. If anything fails the old file
// stays as it was and nothing is left beside it, unless the process is killed; see RemoveStale.
func Replace(path string, write func(io.Writer) error) (err error) {
	tmp, held, err := temporary(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
		}
		if held != nil {
			held.Close()
		}
	}()
	if err := write(tmp); err != nil {
		return err
	}
	if err := tmp.Chmod(0o644); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return Rename(tmp.Name(), path)
}

// Rename gives a file of the same folder another name, in place of what had it, and makes that last.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}
