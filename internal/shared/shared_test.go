package shared

import (
	"os"
	"path/filepath"
	"testing"
)

// The folder that the environment names is taken, and a file that it lacks skips the test.
func TestData(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(Folder, dir)
	want := filepath.Join(dir, "here.txt")
	if err := os.WriteFile(want, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Data(t, "here.txt"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	skipped := true
	t.Run("absent", func(t *testing.T) {
		Data(t, "nowhere.txt")
		skipped = false
	})
	if !skipped {
		t.Error("a test goes on without its data")
	}
}
