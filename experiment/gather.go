package experiment

import (
	"context"

	"selfsup/evaluations"
)

// gather makes what a protocol is evaluated on, and says what set that is of; "" where the representation has nothing
// of the kind and is passed over. What protocols with labels fit on is kept in labelled for the next of them.
func (u *subject) gather(ctx context.Context, on string, p evaluations.Protocol,
	labelled *evaluations.Features) (f evaluations.Features, set string, err error) {
	needs := p.Needs()
	if u.lacks(p) {
		return f, "", nil
	}
	f = evaluations.Features{Seed: uint64(u.Recipe.Seed), Alive: u.alive}
	switch {
	case needs.Boxes != nil:
		f = u.labels()
		f.Detect, f.Regions = u.detect(u.Setup, *needs.Boxes), u.regions
		return f, on, nil
	case ofPixels(p):
		f, err = u.ofMasks(ctx, needs)
		return f, on, err
	case needs.Episodes > 0:
		f, err = u.played(ctx, on, needs)
		return f, on, err
	case needs.Visits:
		f, err = u.visits()
		return f, onTraining, err
	case needs.Sources:
		f, err = u.mixed(ctx, on, needs.Frames)
		if on != onTest {
			on = onTraining
		}
		return f, on, err
	case needs.Surveyed != "":
		f.Surveyed, err = u.survey(ctx)
		return f, onTest, err
	case needs.Ridden:
		f.Ridden, err = u.ride(ctx)
		return f, onTest, err
	case needs.SurveyedPlaces > 0:
		f, err = u.known(ctx, needs.SurveyedPlaces)
		return f, onTest, err
	case needs.Heard:
		f.Heard, err = u.heard(ctx)
		return f, onTest, err
	case needs.Told != nil:
		f.Told, err = u.told(ctx, u.texts(on), needs.Told)
		return f, on, err
	case needs.Halves:
		f, err = u.halved(ctx, u.texts(on), needs)
		return f, on, err
	case needs.Graded != nil:
		f, err = u.gradedPairs(ctx, *needs.Graded)
		return f, onOther, err
	case needs.Tags != nil:
		f, err = u.tagged(ctx, on, needs.Tags)
		return f, on, err
	case needs.Words != nil:
		f, err = u.ofWords(ctx, *needs.Words)
		return f, onOther, err
	case needs.Plays != nil:
		return u.ofPlayed(ctx, on, needs)
	case needs.Colours:
		return u.coloured(ctx, on, needs)
	case needs.Judge != "":
		f, err = u.judged(ctx, needs)
		return f, on, err
	case needs.Predicted > 0:
		f, err = u.predicted(ctx, needs)
		return f, onTraining, err
	case needs.Attack:
		f, err = u.attacked(ctx, on, needs)
		return f, on, err
	case needs.Copies:
		return u.copied(ctx, on, needs)
	case needs.Transfer:
		f, err = u.transferred(ctx, needs)
		return f, onOther, err
	case needs.Outside != nil:
		f, err = u.beside(ctx, on, needs)
		return f, on, err
	case needs.Tuning != nil:
		f = u.labels()
		f.Tuner = u.tuner(u.Setup, *needs.Tuning)
		return f, on, nil
	case needs.Online:
		f, err = u.probed(ctx, on)
		return f, on, err
	case needs.Against != "":
		f, err = u.compared(ctx, needs)
		return f, onTraining, err
	case labelFree(p):
		f, err = u.unlabelled(ctx, needs)
		return f, onTraining, err
	case needs.Blocks > 0 && u.blocks != nil && needs.Labels:
		f, err = u.ofBlocks(ctx, on, needs)
		return f, on, err
	case needs.Augment != nil:
		if f, err = u.labelled(ctx, on); err == nil && u.show != nil {
			f.Augmented, err = u.cropped(on, *needs.Augment, u.show)
		}
		return f, on, err
	}
	if labelled.Dim == 0 {
		*labelled, err = u.labelled(ctx, on)
	}
	return *labelled, on, err
}

// lacks reports whether the representation has not what a protocol asks for: the samples themselves have no encoder
// that could be tuned, and no method is untrained that draws pictures.
func (u *subject) lacks(p evaluations.Protocol) bool {
	switch needs := p.Needs(); {
	case needs.Gaze && u.looks == nil, needs.Decoded && u.decoder == nil, needs.Samples && u.name != u.rawName():
		return true
	case needs.Boxes != nil:
		return u.detect == nil
	case ofPixels(p):
		return false
	case needs.Episodes > 0:
		return u.plays == nil
	case needs.Visits:
		return u.visits == nil
	case needs.Surveyed != "":
		return u.survey == nil
	case needs.Ridden:
		return u.ride == nil
	case needs.SurveyedPlaces > 0:
		return u.known == nil
	case needs.Heard:
		return u.heard == nil
	case needs.Told != nil:
		return u.told == nil
	case needs.Sources, needs.Halves, needs.Graded != nil, needs.Tags != nil, needs.Words != nil:
		return false
	case needs.Plays != nil:
		return u.clips == nil
	case needs.Colours:
		return false
	case needs.Judge != "":
		return u.draw == nil
	case needs.Predicted > 0:
		return u.predict == nil
	case needs.Attack:
		return u.attack == nil
	case needs.Copies, needs.Transfer, needs.Outside != nil:
		return false
	case needs.Tuning != nil:
		return u.tuner == nil
	default:
		return labelFree(p) && u.views == nil || needs.Pairs && u.pairs == nil || needs.Online && u.online == nil
	}
}
