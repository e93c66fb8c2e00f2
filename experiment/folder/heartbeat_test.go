package folder

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The file appears at the first beat, and its time follows the beats that are ten seconds apart.
func TestHeartbeat(t *testing.T) {
	h := Heartbeat{Path: filepath.Join(t.TempDir(), "heartbeat")}
	for _, c := range []struct{ at, want time.Duration }{{0, 0}, {9 * time.Second, 0},
		{10 * time.Second, 10 * time.Second}, {time.Minute, time.Minute}, {69 * time.Second, time.Minute}} {
		if err := h.Beat(noon.Add(c.at)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(h.Path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.ModTime().Sub(noon); got != c.want {
			t.Errorf("after %v the file is of %v, want %v", c.at, got, c.want)
		}
	}
	h = Heartbeat{Path: filepath.Join(t.TempDir(), "none", "heartbeat")}
	if err := h.Beat(noon); err == nil {
		t.Error("in no folder: no error")
	}
}
