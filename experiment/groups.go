package experiment

import (
	"context"
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/views"
	"selfsup/methods"
)

// Several features of every image, for protocols that look at them together: of random views, or of quarter turns.

// checkTurns refuses protocols that turn images where there are none to turn, and where the training turns them itself:
// what such a protocol measures is then what was trained, or made impossible.
func (s *Setup) checkTurns() error {
	r := s.Recipe
	for _, c := range r.Evaluate.On {
		if c.Value.Needs().Turns == 0 {
			continue
		}
		bad := func(format string, args ...any) error {
			return fmt.Errorf("[evaluate.%s] %s; switch it off with [evaluate] %[1]s = false", c.Name,
				fmt.Sprintf(format, args...))
		}
		_, images := s.Data.Train.(datasets.Set)
		_, turns := r.Method.Value.(methods.Turning)
		switch shape := s.Input.Shape; {
		case !images:
			return bad("turns images by quarters, and the samples of dataset.%s are %s", r.Dataset.Name, s.Noun())
		case shape[0] != shape[1]:
			return bad("turns images by quarters, and views of %dx%d are not square; want views.crop above 0", shape[0],
				shape[1])
		case turns:
			return bad("asks how far images are turned, and [method.%s] turns them in the training, so that the "+
				"answer would say nothing of the features", r.Method.Name)
		case r.Views.Turning() != "":
			return bad("asks how far images are turned, and [views] turns them in the training (%s), so that the "+
				"answer would say nothing of the features", r.Views.Turning())
		}
	}
	return nil
}

// grouped are n features of every image of a set, those of an image together: [N,n,dim].
func grouped(ctx context.Context, set datasets.Labelled, n int,
	take func(ctx context.Context, set datasets.Labelled, number int) (features, error)) (x []float32, dim int,
	err error) {
	for k := range n {
		one, err := take(ctx, set, k)
		if err != nil {
			return nil, 0, err
		}
		dim = one.dim
		if x == nil {
			x = make([]float32, n*len(one.x))
		}
		for i := range set.Len() {
			copy(x[(i*n+k)*dim:], one.x[i*dim:(i+1)*dim])
		}
	}
	return x, dim, nil
}

// turned is what a compiled network makes of images turned by quarters.
func (s *Setup) turned(run runner) func(context.Context, datasets.Labelled, int) (features, error) {
	return func(ctx context.Context, set datasets.Labelled, quarters int) (features, error) {
		maker, err := views.Turned(s.Kind.Evaluation(set), quarters)
		if err != nil {
			return features{}, err
		}
		return run(ctx, set, maker, func(int32) uint64 { return uint64(s.Recipe.Seed) })
	}
}
