package folder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// temporary makes a file beside path under a hidden name. It is held until held is closed, or the process ends; held is
// nil on systems without such locks.
func temporary(path string) (tmp, held *os.File, err error) {
	for range 100 {
		if tmp, err = os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*"); err != nil || !holds {
			return tmp, nil, err
		}
		if held, err = hold(tmp.Name()); err == nil {
			return tmp, held, nil
		}
		tmp.Close() // another process has taken it for a dead one's
		os.Remove(tmp.Name())
	}
	return nil, nil, err
}

// RemoveStaleOf is RemoveStale of files of a folder, which may not be there.
func RemoveStaleOf(dir string, names ...string) error {
	for _, name := range names {
		if err := RemoveStale(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// RemoveStale removes what processes that were killed in Replace left beside path. What a living process writes stays.
func RemoveStale(path string) error {
	if !holds {
		return nil
	}
	dir, prefix := filepath.Dir(path), "."+filepath.Base(path)+"."
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), prefix)
		if !ok || number == "" || strings.Trim(number, "0123456789") != "" || !e.Type().IsRegular() {
			continue
		}
		name := filepath.Join(dir, e.Name())
		held, err := hold(name)
		if err != nil {
			continue
		}
		if err := errors.Join(os.Remove(name), held.Close()); err != nil {
			return err
		}
	}
	return nil
}
