package sounds

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
)

// Ten hours of recordings, or with -short one, take no more memory than a few minutes: windows are read from the files.
func TestWAVMemoryIsFlat(t *testing.T) {
	minutes := 600
	if testing.Short() {
		minutes = 60
	}
	const rate = 8000
	head := filetest.Sound{Coding: 1, Channels: 1, Bits: 16, Rate: rate, Data: make([]byte, 2)}.File()
	head = head[:len(head)-2]
	bytes := 60 * rate * 2
	for i, size := range map[int]int{4: bytes + len(head) - 8, len(head) - 4: bytes} {
		for k := range 4 {
			head[i+k] = byte(size >> (8 * k))
		}
	}
	dir := t.TempDir()
	for i := range minutes { // silence, which takes no place on the disk
		name := filepath.Join(dir, fmt.Sprintf("%d.wav", i))
		if err := os.WriteFile(name, head, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, int64(len(head)+bytes)); err != nil {
			t.Fatal(err)
		}
	}
	held := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := held()
	s := NewWAV()
	s.Train, s.Memory = dir, 16<<20
	d, err := s.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	set, window := d.Train.(datasets.WaveSet), make([]float32, 2*rate)
	for i := range 2 * set.Len() {
		if err := set.Window(i%set.Len(), float64(i%7)/6, window); err != nil {
			t.Fatal(err)
		}
	}
	got := held()
	got -= min(before, got)
	t.Logf("%d minutes of sound, of which %d windows were read, hold %d bytes", minutes, 2*set.Len(), got)
	if got > 2<<20 {
		t.Errorf("%d minutes of sound hold %d bytes, want less than 2 MiB", minutes, got)
	}
	runtime.KeepAlive(d)
}
