package rows

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/tables"
)

var largeRows = flag.Int("rows", 60_000, "rows of the larger table whose memory is measured")

// Packing a table and loading batches of it takes no memory that grows with the rows but 4 bytes of each, the label:
//
//	go test ./datasets/rows -run TestMemoryIsFlat -rows 10000000 -v -timeout 1h
//
// makes ten million on the fly.
func TestMemoryIsFlat(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(5)) // so that what is measured is in use
	small := largePeak(t, *largeRows/10)
	large := largePeak(t, *largeRows)
	t.Logf("at most %.1f MB of heap with %d rows, %.1f MB with %d", small/1e6, *largeRows/10, large/1e6, *largeRows)
	if limit := small + 1.2*4*float64(*largeRows) + 3e6; large > limit {
		t.Errorf("%.1f MB of heap with %d rows and %.1f MB with %d, want at most %.1f MB: it grows with the rows",
			small/1e6, *largeRows/10, large/1e6, *largeRows, limit/1e6)
	}
}

// largePeak is the most bytes of heap in use while n rows are packed, opened and loaded from.
func largePeak(t *testing.T, n int) float64 {
	t.Helper()
	s := tables.NewTable()
	dir := t.TempDir()
	s.Train, s.Target = filepath.Join(dir, "large.csv"), "y"
	if err := writeLarge(s.Train, n); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	done, peak := make(chan struct{}), make(chan float64)
	go func() {
		var m runtime.MemStats
		most := 0.0
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			select {
			case <-done:
				peak <- most
				return
			case <-tick.C:
				runtime.ReadMemStats(&m)
				most = max(most, float64(m.HeapInuse))
			}
		}
	}()
	stop := func() float64 { close(done); return <-peak }
	packed := filepath.Join(dir, "large.rows")
	f, err := os.Create(packed)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Pack(datasets.Env{}, f)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if r.Train+r.Test != n {
		t.Fatalf("%d and %d rows, want %d", r.Train, r.Test, n)
	}
	d, err := (&tables.PackedRows{Path: packed}).Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	tab, err := New(Settings{Numbers: quantile}, d.Train.(datasets.RowSet))
	if err != nil {
		t.Fatal(err)
	}
	l, err := feed.NewLoader(d.Train, tab.Training(d.Train), feed.Config{Batch: 64, Seed: 1,
		Wants: []string{feed.View(0), feed.Marginal(0), feed.Labels}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 20 {
		b, err := l.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		b.Release()
	}
	return stop()
}

// writeLarge writes a table of three numbers, one of which is missing now and then, and two columns of categories.
func writeLarge(path string, n int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	io.WriteString(w, "a,b,c,kind,place,y\n")
	r := datasets.NewRand(1, "large")
	for i := range n {
		b := fmt.Sprint(r.Intn(1000))
		if i%50 == 0 {
			b = ""
		}
		fmt.Fprintf(w, "%d.5,%s,%d,k%d,p%d,c%d\n", r.Intn(100), b, i, r.Intn(5), r.Intn(300), i%4)
	}
	return w.Flush()
}
