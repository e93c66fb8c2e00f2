package views

import (
	"sync/atomic"
	"testing"
	"time"

	"selfsup/datasets"
)

// counted counts the images that are read.
type counted struct {
	*datasets.Memory
	read atomic.Int64
}

func (c *counted) Image(i int, dst *datasets.Image) error {
	c.read.Add(1)
	return c.Memory.Image(i, dst)
}

// settled waits until no more images are read.
func (c *counted) settled() int64 {
	for before := int64(-1); ; time.Sleep(50 * time.Millisecond) {
		now := c.read.Load()
		if now == before {
			return now
		}
		before = now
	}
}

// While nobody takes batches, a loader makes as many as it may prefetch and waits; each one taken makes room for one
// more.
func TestLoaderHoldsBack(t *testing.T) {
	set := &counted{Memory: noise(64, 8, 8, 1, 0)}
	const batch, ahead = 16, 3
	l, err := NewLoader(set, newPipeline(t, Defaults(), set.Memory, 1), LoaderConfig{Batch: batch, Prefetch: ahead,
		Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := set.settled(); got != ahead*batch {
		t.Errorf("%d images were read ahead, want %d batches of %d", got, ahead, batch)
	}
	take(t, l, 2)
	if got := set.settled(); got != (ahead+2)*batch {
		t.Errorf("%d images were read after two batches were taken, want %d", got, (ahead+2)*batch)
	}
}
