package recipes

import (
	"strings"

	"selfsup/backbones"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// Init is the weights that a part of the network begins with, `[init]`, in place of random ones: those of the encoder
// of an earlier run. Pixels are then normalised as for that encoder, unless the recipe says how. The baseline
// "untrained" is random all the same.
type Init struct {
	overlay.Optional
	From  string `toml:"from"`  // run folder, or the encoder.safetensors that it exports; relative to the recipe
	Best  bool   `toml:"best"`  // the run's best checkpoint, not its newest
	Scope string `toml:"scope"` // of the network that is trained: where the encoder goes, and in its teachers
	// the encoder is of images, and this one of clips: how a patch's weights become those of a tube, "mean" (each frame
	// has them, over the number of frames) or "central" (the middle frame has them); empty: they are as they were
	Inflate string `toml:"inflate"`
}

// DefaultInit puts an encoder where methods have theirs.
func DefaultInit() Init { return Init{Scope: "backbone"} }

// Validate checks the settings.
func (i *Init) Validate() error {
	switch {
	case i.Scope == "" || strings.HasPrefix(i.Scope, "/") || strings.HasSuffix(i.Scope, "/"):
		return setting.Bad("scope", "%q: want a scope of the network, such as \"backbone\" or \"text/backbone\"",
			i.Scope)
	case i.Inflate != "" && i.Inflate != string(backbones.InflateMean) && i.Inflate != string(backbones.InflateCentral):
		return setting.Bad("inflate", "%q: want \"mean\" or \"central\", or \"\" for none", i.Inflate)
	case i.Best && strings.HasSuffix(i.From, ".safetensors"):
		return setting.Bad("best", "true: a file holds one state; want from = a run folder, or best = false")
	}
	return nil
}
