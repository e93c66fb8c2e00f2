package experiment

import (
	"context"

	"selfsup/datasets"
	"selfsup/evaluations"
)

// coloured are features and mean colours of images that the method sees and of test images. During the training, and
// where there is no test set, every second image stands for those.
func (u *subject) coloured(ctx context.Context, on string, needs evaluations.Needs) (f evaluations.Features,
	measured string, err error) {
	seed := uint64(u.Recipe.Seed)
	train, test, measured := u.sides(on)
	train, test = some(train, needs.Images, seed, "coloured"), some(test, needs.Images, seed, "coloured")
	a, err := u.take(ctx, train)
	if err != nil {
		return f, measured, err
	}
	b, err := u.take(ctx, test)
	if err != nil {
		return f, measured, err
	}
	f = evaluations.Features{TrainX: a.x, TestX: b.x, Dim: a.dim, Seed: seed, Alive: u.alive, Sources: u.Data.Channels}
	if f.TrainSources, err = meanColours(train.(datasets.Set)); err == nil {
		f.TestSources, err = meanColours(test.(datasets.Set))
	}
	return f, measured, err
}

// meanColours of images, [N,C] in [0,1].
func meanColours(set datasets.Set) (all []float64, err error) {
	var m datasets.Image
	for i := range set.Len() {
		if err := set.Image(i, &m); err != nil {
			return nil, &DataError{err}
		}
		mean := make([]float64, m.C)
		for k, v := range m.Pix {
			mean[k%m.C] += float64(v) / 255 / float64(m.H*m.W)
		}
		all = append(all, mean...)
	}
	return all, nil
}
