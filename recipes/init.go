package recipes

import (
	"strings"

	"selfsup/backbones"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// Init is the weights that a part of the network begins with, `[init]`, in place of random ones: those of the encoder
// of an earlier run (from), or those of a safetensors file that was made elsewhere (weights): a ViT by timm's names, a
// ResNet by torchvision's, ConvNeXt by its authors', or any backbone as `experiment export` writes it. All of the
// backbone must be in the file, and nothing else but what ignore names.
//
// Pixels are normalised as for an encoder of ours, unless the recipe says how; for weights made elsewhere the recipe
// has to say it, views.statistics. The baseline "untrained" is random all the same. With a length of 0 steps nothing is
// trained, and the weights are evaluated and exported.
type Init struct {
	overlay.Optional
	From string `toml:"from"` // run folder, or the encoder.safetensors that it exports; relative to the recipe
	Best bool   `toml:"best"` // the run's best checkpoint, not its newest
	// a .safetensors file with weights made elsewhere, relative to the recipe
	Weights string `toml:"weights"`
	// of the names in that file, such as "backbone."; those without it are other parts
	Prefix string `toml:"prefix"`
	// what names in that file begin with, after the prefix, that are no part of the backbone
	Ignore []string `toml:"ignore"`
	// interpolate: a ViT's positions of another grid of patches are resized, as for images of another size; empty: they
	// are refused
	Positions string `toml:"positions"`
	Scope     string `toml:"scope"` // of the network that is trained: where the encoder goes, and in its teachers
	// the encoder is of images, and this one of clips: how a patch's weights become those of a tube, "mean" (each frame
	// has them, over the number of frames) or "central" (the middle frame has them); empty: they are as they were
	Inflate string `toml:"inflate"`
}

// PositionsInterpolate is Init.Positions for a grid of another size.
const PositionsInterpolate = "interpolate"

// DefaultInit puts an encoder where methods have theirs.
func DefaultInit() Init {
	return Init{Scope: "backbone", Ignore: []string{"head.", "fc.", "mask_token", "decoder", "reference."}}
}

// None reports whether all weights are random.
func (i *Init) None() bool { return i.From == "" && i.Weights == "" }

// Validate checks the settings.
func (i *Init) Validate() error {
	switch {
	case i.Scope == "" || strings.HasPrefix(i.Scope, "/") || strings.HasSuffix(i.Scope, "/"):
		return setting.Bad("scope", "%q: want a scope of the network, such as \"backbone\" or \"text/backbone\"",
			i.Scope)
	case i.Inflate != "" && i.Inflate != string(backbones.InflateMean) && i.Inflate != string(backbones.InflateCentral):
		return setting.Bad("inflate", "%q: want \"mean\" or \"central\", or \"\" for none", i.Inflate)
	case i.From != "" && i.Weights != "":
		return setting.Bad("weights", "%q: the recipe begins with from = %q already; want one of them", i.Weights,
			i.From)
	case i.Weights != "" && !strings.HasSuffix(i.Weights, ".safetensors"):
		return setting.Bad("weights", "%q: want a .safetensors file; of a model in PyTorch "+
			"safetensors.torch.save_file(model.state_dict(), \"x.safetensors\") writes one", i.Weights)
	case i.Positions != "" && i.Positions != PositionsInterpolate:
		return setting.Bad("positions", "%q: want %q, or \"\" for none", i.Positions, PositionsInterpolate)
	case i.Weights == "" && i.Prefix != "":
		return setting.Bad("prefix", "%q: is of the names in weights = a file, and there is none", i.Prefix)
	case i.Weights == "" && i.Positions != "":
		return setting.Bad("positions", "%q: is of positions in weights = a file, and there is none", i.Positions)
	case i.Weights != "" && i.Best:
		return setting.Bad("best", "true: a file holds one state; want from = a run folder, or best = false")
	case i.Best && strings.HasSuffix(i.From, ".safetensors"):
		return setting.Bad("best", "true: a file holds one state; want from = a run folder, or best = false")
	}
	return nil
}
