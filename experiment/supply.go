package experiment

import (
	"context"

	"selfsup/datasets/feed"
)

// supply is what the steps of a stage are fed with.
type supply struct {
	*run
	loader *feed.Loader
	fill   func(b *feed.Batch, turn, part int)
	until  int // no step from here on

	batch *feed.Batch // of the step that is fed; nil: it was not asked for yet, or is used up
	fed   *place      // whose inputs are filled, and whose step was not started yet
	err   error       // of feeding fed
}

// place is a part of a batch in a turn of a step.
type place struct{ step, turn, part int }

// feed fills the inputs of a place, unless that was done ahead.
func (s *supply) feed(ctx context.Context, at place) error {
	if s.fed == nil || *s.fed != at {
		s.err = s.bring(ctx, at)
	}
	s.fed = nil
	return s.err
}

// ahead fills the inputs of a place whose turn comes next, while another runs; feed tells of an error.
func (s *supply) ahead(ctx context.Context, at place) {
	if s.loader.Ahead() && at.step < s.until && !s.cached() && s.now.turns[at.turn].Ahead() {
		s.err, s.fed = s.bring(ctx, at), &at
	}
}

// fetch waits for the batch of a step.
func (s *supply) fetch(ctx context.Context, step int) (err error) {
	if s.batch == nil {
		s.batch, err = s.next(ctx, step, s.loader)
	}
	return err
}

func (s *supply) bring(ctx context.Context, at place) error {
	if err := s.fetch(ctx, at.step); err != nil {
		return err
	}
	s.fill(s.batch, at.turn, at.part)
	s.now.take(at.turn, at.part)
	if s.after(at).step > at.step {
		s.batch.Release()
		s.batch = nil
	}
	return s.now.turns[at.turn].Feed()
}

// after is the place that comes after another.
func (s *supply) after(at place) place {
	if at.part++; at.part == s.now.turns[at.turn].parts {
		at.part = 0
		at.turn++
	}
	if at.turn == len(s.now.turns) {
		return place{step: at.step + 1}
	}
	return at
}
