package experiment

import (
	"context"
	"errors"
	"testing"
	"time"

	"selfsup/methods"
)

// While a job runs the run beats and says what it does, again and again; a heartbeat that fails ends the job with its
// error.
func TestJobIsAttended(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	beats, fault := make(chan string, 9), error(nil)
	r := &run{Setup: &Setup{}}
	r.alive = func() error {
		beats <- r.doing
		return fault
	}
	long := methods.Job{Name: "long", Run: func(ctx context.Context, _ methods.Host) error {
		for range 2 {
			select {
			case doing := <-beats:
				if doing != "job long" {
					t.Errorf("the run says that it does %q, want the job's name", doing)
				}
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * attendEvery):
				return errors.New("nobody looks after the job")
			}
		}
		return nil
	}}
	if err := r.runJob(context.Background(), long, 3); err != nil {
		t.Error(err)
	}
	if r.doing != "" {
		t.Errorf("after the job the run says that it does %q", r.doing)
	}
	fault = errors.New("the disk is full")
	patient := methods.Job{Name: "patient", Run: func(ctx context.Context, _ methods.Host) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	if err := r.runJob(context.Background(), patient, 3); !errors.Is(err, fault) {
		t.Errorf("the error is %v, want %v", err, fault)
	}
}
