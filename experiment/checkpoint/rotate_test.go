package checkpoint

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// saved is a folder with checkpoints of steps 1 to n.
func saved(t *testing.T, n int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "checkpoints")
	for step := 1; step <= n; step++ {
		save(t, dir, step)
	}
	return dir
}

func save(t *testing.T, dir string, step int) {
	t.Helper()
	if err := Save(dir, store(), Meta{Step: step}); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, dir, from, to string) {
	t.Helper()
	if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
		t.Fatal(err)
	}
}

func damage(t *testing.T, dir, name string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.Truncate(path, int64(len(read(t, path))-100)); err != nil {
		t.Fatal(err)
	}
}

// Whatever befell the folder, the newest whole checkpoint is found, damage is told, and the next Save makes the folder
// sound without losing the last good one.
func TestLatest(t *testing.T) {
	for _, c := range []struct {
		name    string
		befall  func(t *testing.T, dir string) // a folder with steps 1 (gone), 2 (previous) and 3 (last)
		step    int
		warning string
		then    int // step of the previous checkpoint after the next Save
	}{
		{"nothing", func(*testing.T, string) {}, 3, "", 3},
		{"last cut", func(t *testing.T, dir string) { damage(t, dir, last) }, 2, "last: damaged or cut", 2},
		{"last lost", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, last)) }, 2, "", 2},
		{"previous cut", func(t *testing.T, dir string) { damage(t, dir, previous) }, 3, "", 3},
		{"killed before the first rename", func(t *testing.T, dir string) {
			os.WriteFile(filepath.Join(dir, next), bitsOf(t, store(), Meta{Step: 4}), 0o666)
		}, 4, "", 4},
		{"killed between the renames", func(t *testing.T, dir string) {
			rename(t, dir, last, previous)
			os.WriteFile(filepath.Join(dir, next), bitsOf(t, store(), Meta{Step: 4}), 0o666)
		}, 4, "", 4},
		{"killed while writing", func(t *testing.T, dir string) {
			os.WriteFile(filepath.Join(dir, ".next.123"), bitsOf(t, store(), Meta{Step: 4})[:500], 0o666)
		}, 3, "", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := saved(t, 3)
			c.befall(t, dir)
			_, m, warning, err := Latest(dir)
			if err != nil || m.Step != c.step || (warning == "") != (c.warning == "") ||
				!strings.Contains(warning, c.warning) {
				t.Fatalf("step %d, warning %q, %v; want step %d, warning %q", m.Step, warning, err, c.step, c.warning)
			}
			save(t, dir, 9)
			if _, m, warning, err := Latest(dir); err != nil || m.Step != 9 || warning != "" {
				t.Errorf("after a Save: step %d, warning %q, %v; want step 9", m.Step, warning, err)
			}
			_, m, err = Load(filepath.Join(dir, previous))
			if err != nil || m.Step != c.then {
				t.Errorf("after a Save the previous checkpoint is of step %d, %v; want %d", m.Step, err, c.then)
			}
		})
	}
}

func TestAllDamaged(t *testing.T) {
	dir := saved(t, 2)
	damage(t, dir, last)
	damage(t, dir, previous)
	_, _, _, err := Latest(dir)
	if err == nil || !strings.Contains(err.Error(), "last: damaged or cut") || !strings.Contains(err.Error(),
		"previous: damaged or cut") {
		t.Errorf("got %v, want both named", err)
	}
}

// failing takes some bytes, then none.
type failing struct{ left int }

var errFull = errors.New("disk full")

func (f *failing) Write(p []byte) (int, error) {
	n := min(len(p), f.left)
	f.left -= n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

// A writer that fails at any byte fails the checkpoint.
func TestWriteFails(t *testing.T) {
	size := len(bitsOf(t, store(), Meta{Step: 1}))
	for n := range size {
		if err := write(&failing{n}, store(), Meta{Step: 1}); !errors.Is(err, errFull) {
			t.Fatalf("writer full after %d of %d bytes: got %v, want %v", n, size, err, errFull)
		}
	}
	if err := write(&failing{size}, store(), Meta{Step: 1}); err != nil {
		t.Errorf("a writer that takes all %d bytes: %v", size, err)
	}
	if err := write(io.Discard, store(), Meta{Step: 1}); err != nil {
		t.Error(err)
	}
}

// held says that a folder still has exactly what it had.
func held(t *testing.T, dir string, want map[string][]byte) {
	t.Helper()
	for name, data := range want {
		if !slices.Equal(read(t, filepath.Join(dir, name)), data) {
			t.Errorf("%s has changed", name)
		}
	}
	if got := names(t, dir); len(got) != len(want) {
		t.Errorf("folder holds %v, want %d files", got, len(want))
	}
}

func TestSaveIntoWhatIsNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := Save(file, store(), Meta{Step: 1}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v, want the path", err)
	}
}
