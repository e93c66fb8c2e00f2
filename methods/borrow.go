package methods

import "selfsup/backbones"

// Borrower is a Method whose step has networks of finished runs in it, which it reads and does not train: a tokenizer,
// a teacher. The step cannot be built without the runs, nor taken up again; what was trained does not need them.
type Borrower interface {
	Method
	// Loans are the runs, in the settings' order. A run that is not named is an error of the recipe.
	Loans() []Loan
	// Lend says, before Build, what the run of a loan is. An error says why the method cannot do with it.
	Lend(key string, l Lent) error
}

// Loan is a run that lends its networks.
type Loan struct {
	Key  string // the setting that names it
	From string // its folder, relative to the recipe
	// where Build declares its networks: the encoder that the run is evaluated by in Scope/backbone, all else below
	// Scope as it is in the run
	Scope string
	Words bool // its tower of texts reads captions, which must be of the run's own words
}

// Lent is what a run trained.
type Lent struct {
	Method   Method // with the run's settings
	Backbone backbones.Backbone
	Input    backbones.Input // that the backbone takes
	// that a tower of texts takes, of a run on images with captions; without a Shape: it has none
	Caption backbones.Input
}
