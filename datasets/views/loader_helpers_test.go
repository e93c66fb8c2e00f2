package views

import (
	"context"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/masks"
	"selfsup/datasets/sampling"
)

// LoaderConfig is a feed.Config for tests that look at the views of images.
type LoaderConfig struct {
	Seed                            uint64
	Batch, Start, Workers, Prefetch int
	Params                          bool        // wanted for every view
	Masks                           *masks.Plan // nil: none
	Sampler                         sampling.Settings
}

// Batch is a feed.Batch with names for what it holds.
type Batch struct {
	Step            int
	Views           [][]float32
	Labels, Indices []int32
	Params, Masks   []float32
	of              *feed.Batch
}

func (b *Batch) Release() { b.of.Release() }

// Loader is a feed.Loader that names what its batches hold.
type Loader struct {
	*feed.Loader
	pipe *Pipeline
	cfg  LoaderConfig
	kept Batch
}

// NewLoader loads all views of a pipeline, and the labels.
func NewLoader(set datasets.Set, p *Pipeline, cfg LoaderConfig) (*Loader, error) {
	c := feed.Config{Seed: cfg.Seed, Batch: cfg.Batch, Start: cfg.Start, Workers: cfg.Workers, Prefetch: cfg.Prefetch,
		Sampler: cfg.Sampler, Wants: []string{feed.Labels}}
	for v := range p.Views {
		c.Wants = append(c.Wants, feed.View(v))
		if cfg.Params {
			c.Wants = append(c.Wants, feed.Params(v))
		}
	}
	if cfg.Masks != nil {
		c.Wants, c.Masks = append(c.Wants, "mask"), map[string]masks.Plan{"mask": *cfg.Masks}
	}
	l, err := feed.NewLoader(set, NewMaker(set, p), c)
	return &Loader{Loader: l, pipe: p, cfg: cfg}, err
}

// Next is the next batch; it is overwritten by the one after.
func (l *Loader) Next(ctx context.Context) (*Batch, error) {
	b, err := l.Loader.Next(ctx)
	if err != nil {
		return nil, err
	}
	k := &l.kept
	*k = Batch{Step: b.Step, Labels: b.Field(feed.Labels).I32, Indices: b.Rows, Masks: b.Field("mask").F32,
		Views: k.Views[:0], of: b}
	for v := range l.pipe.Views {
		k.Views = append(k.Views, b.Field(viewNames[v]).F32)
	}
	if l.cfg.Params {
		n := len(b.Rows)
		k.Params = make([]float32, n*l.pipe.Views*paramCount)
		for v := range l.pipe.Views {
			for r := range n {
				copy(k.Params[(r*l.pipe.Views+v)*paramCount:][:paramCount], b.Field(feed.Params(v)).F32[r*paramCount:])
			}
		}
	}
	return k, nil
}

var viewNames = func() (names []string) {
	for v := range maxViews {
		names = append(names, feed.View(v))
	}
	return names
}()
