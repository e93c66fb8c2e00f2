package views

import (
	"context"
	"slices"
	"testing"

	"selfsup/datasets/feed"
	"selfsup/datasets/masks"
)

// The rows that ranks make are those of one process, bit for bit: views, parameters, masks, labels and places, also
// where a batch goes through in parts.
func TestRanksMakeTheBatch(t *testing.T) {
	set := noise(24, 12, 12, 3, 0)
	maker := NewMaker(set, newPipeline(t, Defaults(), set, 2))
	plan := masks.Plan{Kind: &masks.Random{Ratio: 0.5}, Grid: masks.Grid{Frames: 1, Rows: 4, Columns: 4}}
	cfg := feed.Config{Seed: 3, Batch: 12,
		Wants: []string{"view0", "view1", "params0", feed.Labels, feed.Rows, "mask0"},
		Masks: map[string]masks.Plan{"mask0": plan}}
	batches := func(cfg feed.Config) (got []*feed.Batch) {
		l, err := feed.NewLoader(set, maker, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for range 3 {
			b, err := l.Next(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, b)
		}
		return got
	}
	want := batches(cfg)
	for _, parts := range []int{1, 2} {
		for _, ranks := range []int{2, 3} {
			for rank := range ranks {
				c := cfg
				c.Rank, c.Ranks, c.Parts = rank, ranks, parts
				for step, b := range batches(c) {
					own := cfg.Batch / parts / ranks
					for p := range parts {
						for i := range own {
							here, there := p*own+i, p*cfg.Batch/parts+rank*own+i
							if b.Rows[here] != want[step].Rows[there] {
								t.Fatalf("rank %d of %d: row %d is sample %d, want %d", rank, ranks, here, b.Rows[here],
									want[step].Rows[there])
							}
							for k, f := range b.Fields {
								whole := want[step].Fields[k]
								n, m := len(whole.F32)/cfg.Batch, len(whole.I32)/cfg.Batch
								if !slices.Equal(f.F32[here*n:(here+1)*n], whole.F32[there*n:(there+1)*n]) ||
									!slices.Equal(f.I32[here*m:(here+1)*m], whole.I32[there*m:(there+1)*m]) {
									t.Fatalf("rank %d of %d in %d parts, step %d: %s of row %d differs from that of "+
										"row %d of one process", rank, ranks, parts, step, cfg.Wants[k], here, there)
								}
							}
						}
					}
				}
			}
		}
	}
	cfg.Ranks = 5
	if _, err := feed.NewLoader(set, maker, cfg); err == nil {
		t.Error("a batch of 12 is shared by 5 ranks, want an error")
	}
}
