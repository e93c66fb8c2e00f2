package experiment

import (
	"context"
	"time"

	"selfsup/datasets"
	"selfsup/experiment/folder"
	"selfsup/experiment/report"
)

// Outside of the training a run tells what it does too: while it reads, measures and evaluates.

// watch makes a Setup tell what it does, on the progress line, and by a heartbeat where there is one.
func (s *Setup) watch(o Options, heartbeat string) {
	s.shown = report.NewProgress(o.Messages)
	heart := folder.Heartbeat{Path: heartbeat}
	s.tell = func(what string, done, total int) {
		s.shown.Doing(what, done, total)
		if heartbeat != "" {
			_ = heart.Beat(time.Now()) // who cannot write it will say so when the training begins
		}
	}
}

// telling tells what goes on and how far it is; total is 0 where nobody knows.
func (s *Setup) telling(what string, done, total int) {
	if s.tell != nil {
		s.tell(what, done, total)
	}
}

// evaluating tells that the evaluation that is going on, if there is one, goes on.
func (s *Setup) evaluating() {
	if s.doing != "" {
		s.telling(s.doing, 0, 0)
	}
}

// reads is telling as who reads images calls it.
func (s *Setup) reads(what string) func(done, total int) {
	return func(done, total int) { s.telling(what, done, total) }
}

// measured is the data with a training set that tells how far the measuring of its mean and deviation is.
func (s *Setup) measured() *datasets.Data {
	images, are := s.Data.Train.(datasets.Set)
	if _, known := s.Data.Train.(datasets.Measured); known || !are {
		return s.Data
	}
	d := *s.Data
	d.Train = counted{images, s.reads("measuring mean and deviation")}
	return &d
}

// counted is a set that tells which of its images was asked for last, for who reads them all.
type counted struct {
	datasets.Set
	tell func(done, total int)
}

// Image implements datasets.Set.
func (c counted) Image(i int, dst *datasets.Image) error {
	c.tell(i+1, c.Len())
	return c.Set.Image(i, dst)
}

// beat tells whoever asked that an evaluation goes on.
func (s *Setup) beat() error {
	if s.alive == nil {
		return nil
	}
	return s.alive()
}

// goOn is beat, unless the context has ended.
func (s *Setup) goOn(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.beat()
}
