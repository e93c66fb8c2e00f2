package experiment

import (
	"fmt"

	"selfsup/graph/spread"
)

// spread is how the training step is dealt out.
func (s *Setup) spread() spread.Ranks {
	if s.Ranks == nil {
		return spread.Ranks{}
	}
	return spread.Ranks{Rank: s.Ranks.Rank(), Size: s.Ranks.Size()}
}

// checkRanks checks that every rank has as many samples of a batch.
func (s *Setup) checkRanks() error {
	if s.Ranks == nil {
		return nil
	}
	n, t := s.Ranks.Size(), s.Recipe.Train
	if t.Batch%(n*t.Accumulate) == 0 {
		return nil
	}
	parts := ""
	if t.Accumulate > 1 {
		parts = fmt.Sprintf(" in each of its %d parts, see train.accumulate", t.Accumulate)
	}
	return s.Recipe.Result.Bad("train.batch", "%d is the batch of all ranks together and does not divide by %d "+
		"ranks%s; want a multiple of %d", t.Batch, n, parts, n*t.Accumulate)
}
