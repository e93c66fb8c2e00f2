package experiment

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/sampling"
	"selfsup/evaluations"
)

// Names that samples have beside their label, for protocols that ask for them.

// tagsOf are the tags of a set, or of a part of one; nil where its source has none.
func tagsOf(set datasets.Labelled) func(i int, kind string) string {
	whole, place := sampling.Whole(set)
	tagged, ok := whole.(datasets.Tagged)
	if !ok {
		return nil
	}
	return func(i int, kind string) string {
		if place != nil {
			i = int(place[i])
		}
		return tagged.Tag(i, kind)
	}
}

// checkTags refuses protocols of tags that the data have not.
func (s *Setup) checkTags() error {
	for _, c := range s.Recipe.Evaluate.On {
		for _, kind := range c.Value.Needs().Tags {
			whole, _ := sampling.Whole(s.Data.Train)
			tagged, ok := whole.(datasets.Tagged)
			if !ok {
				return &RecipeError{s.Recipe.File, fmt.Errorf("[evaluate.%s] is of samples with tags, and the %s of "+
					"dataset.%s have none; want [dataset.wav] with groups in name, or [evaluate] %[1]s = false", c.Name,
					s.Noun(), s.Recipe.Dataset.Name)}
			}
			if has := tagged.Tags(); !slices.Contains(has, kind) {
				return s.Recipe.Result.Bad("evaluate."+c.Name, "asks for the tag %q, and the samples of dataset.%s "+
					"have %s", kind, s.Recipe.Dataset.Name, cmp.Or(feed.List(has), "none"))
			}
		}
	}
	return nil
}

// tagged are the labelled features with tags.
func (u *subject) tagged(ctx context.Context, on string, kinds []string) (f evaluations.Features, err error) {
	if f, err = u.labelled(ctx, on); err != nil {
		return f, err
	}
	all := func(set datasets.Labelled) map[string][]string {
		tags, of := map[string][]string{}, tagsOf(set)
		for _, kind := range kinds {
			for i := range set.Len() {
				tags[kind] = append(tags[kind], of(i, kind))
			}
		}
		return tags
	}
	f.Tags = &evaluations.Tagged{Train: all(u.Labelled), Test: all(u.Tested)}
	return f, nil
}
