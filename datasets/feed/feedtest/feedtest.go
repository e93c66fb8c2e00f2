// Package feedtest makes samples of a feed.Maker for tests.
package feedtest

import (
	"testing"

	"selfsup/datasets/feed"
)

// One makes one field of sample i, by a worker of its own, or fails the test.
func One(t *testing.T, m feed.Maker, name string, i int, key feed.Key) feed.Slot {
	t.Helper()
	f, err := m.Field(name)
	if err != nil {
		t.Fatal(err)
	}
	w, err := m.Worker([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	slot := feed.NewSlot(f, 1)
	if err := w.Make([]feed.Slot{slot}, i, key); err != nil {
		t.Fatal(err)
	}
	return slot
}
