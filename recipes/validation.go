package recipes

import (
	"slices"

	"selfsup/setting"
)

// Validation is the part of the labelled training images whose labels choose: the best checkpoint, and hyperparameters
// of evaluations such as the linear probe's penalty. The method sees these images as before. Labels of the test set
// choose nothing; it is looked at once, at the end. Of texts that are themselves measured during the training, by told,
// guessed or halves with every, it is a part that the method does not see.
type Validation struct {
	Share float64 `toml:"share"` // of each class, at least one image of two or more; 0: no split, nothing can be chosen
}

// DefaultValidation is a fifth, by the recipe's seed.
func DefaultValidation() Validation { return Validation{Share: 0.2} }

// Validate checks the settings.
func (v *Validation) Validate() error {
	if !(v.Share >= 0 && v.Share < 1) {
		return setting.Bad("share", "%v: want 0 or more and less than 1, such as 0.2", v.Share)
	}
	return nil
}

// Baselines are what the trained encoder is evaluated beside.
type Baselines struct {
	Untrained bool `toml:"untrained"` // the same encoder as its seed made it
	// the images themselves, of other data "raw": standardised columns, counts of symbols; more than 4,096 numbers a
	// sample are reduced by a random projection
	Pixels bool `toml:"pixels"`
	// layers of the method's projector, counted from 1, each with its norm and ReLU: what the loss sees of the features
	// (Bordes et al. 2023, Guillotine regularization, arXiv:2206.13378)
	Projector []int `toml:"projector"`
	// the parts of a method that splits its features, each by itself: of sie invariant and equivariant
	Parts bool `toml:"parts"`
}

// Validate checks the settings.
func (b *Baselines) Validate() error {
	for i, n := range b.Projector {
		if n < 1 || slices.Contains(b.Projector[:i], n) {
			return setting.Bad("projector", "%v: want layers of the projector, each once, the first is 1", b.Projector)
		}
	}
	return nil
}

// DefaultBaselines is both.
func DefaultBaselines() Baselines { return Baselines{Untrained: true, Pixels: true} }
