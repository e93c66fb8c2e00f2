package recipes

import (
	"embed"
	"io/fs"
	"path"

	"selfsup"
	"selfsup/backbones"
	"selfsup/datasets"
	"selfsup/datasets/clips"
	"selfsup/datasets/envs"
	"selfsup/datasets/images"
	"selfsup/datasets/images/pack"
	"selfsup/datasets/sampling"
	"selfsup/datasets/scenes"
	"selfsup/datasets/sounds"
	"selfsup/datasets/tables"
	"selfsup/datasets/texts"
	"selfsup/datasets/views"
	"selfsup/evaluations"
	"selfsup/graph/optim"
	"selfsup/internal/called"
	"selfsup/internal/callsite"
	"selfsup/methods"
	"selfsup/recipes/overlay"
)

// Shipped holds the recipes inside the binary. Those of the papers' settings are in folders named for their data.
//
//go:embed *.toml cifar10/*.toml imagenet/*.toml claims/*.toml claims/*/*.toml
var Shipped embed.FS

// Catalog is everything that a recipe can name. A program that adds a method of its own takes Builtin, adds an entry,
// and calls the same command line.
type Catalog struct {
	Methods     map[string]func() methods.Method
	Backbones   map[string]func() backbones.Backbone
	Datasets    map[string]func() datasets.Source
	Samplers    map[string]func() sampling.Settings
	Subsets     map[string]func() sampling.Subset
	Optimizers  map[string]func() optim.Optimizer
	Evaluations map[string]func() Evaluation

	// Augmentations are views from outside, see views.Augmentation. This module's own are settings of [views].
	Augmentations map[string]func() views.Augmentation

	// Docs are Go sources, by the import path of the package in their folder ("main" of a program's own), whose doc
	// comments describe the entries.
	Docs map[string]fs.FS
}

// Builtin is the catalog of this module.
func Builtin() Catalog {
	return Catalog{
		Docs:      map[string]fs.FS{callsite.Module(): selfsup.Sources},
		Methods:   builtinMethods(),
		Backbones: backbones.Builtin(),
		Datasets: map[string]func() datasets.Source{
			"fashion_mnist_4k": func() datasets.Source { return images.NewFashionMNIST4k() },
			"emoji_32":         func() datasets.Source { return images.NewEmoji32() },
			"sotu":             func() datasets.Source { return texts.NewSOTU() },
			"letter":           func() datasets.Source { return tables.NewLetter() },
			"satellite":        func() datasets.Source { return tables.NewSatellite() },
			"modulated":        func() datasets.Source { return tables.NewModulated() },
			"envs":             func() datasets.Source { return envs.New() },
			"frames":           func() datasets.Source { return envs.NewFrames() },
			"scenes":           func() datasets.Source { return scenes.New() },
			"idx":              func() datasets.Source { return images.NewIDX() },
			"folder":           func() datasets.Source { return images.NewFolder() },
			"shards":           func() datasets.Source { return images.NewShards() },
			"cifar10":          func() datasets.Source { return images.NewCIFAR10() },
			"cifar100":         func() datasets.Source { return images.NewCIFAR100() },
			"stl10":            func() datasets.Source { return images.NewSTL10() },
			"pack":             func() datasets.Source { return pack.New() },
			"masks":            func() datasets.Source { return images.NewSegments() },
			"captions":         func() datasets.Source { return images.NewCaptions() },
			"clips":            func() datasets.Source { return clips.NewClips() },
			"table":            func() datasets.Source { return tables.NewTable() },
			"packed_rows":      func() datasets.Source { return tables.NewPackedRows() },
			"wav":              func() datasets.Source { return sounds.NewWAV() },
			"text":             func() datasets.Source { return texts.NewText() },
		},
		Samplers: map[string]func() sampling.Settings{
			"shuffle":     func() sampling.Settings { return &sampling.Shuffle{} },
			"blocks":      func() sampling.Settings { return sampling.DefaultBlocks() },
			"balanced":    func() sampling.Settings { return &sampling.Balanced{} },
			"repeated":    func() sampling.Settings { return sampling.DefaultRepeated() },
			"two_streams": func() sampling.Settings { return sampling.DefaultTwoStreams() },
		},
		Subsets: map[string]func() sampling.Subset{
			"long_tail": func() sampling.Subset { return sampling.DefaultLongTail() },
			"few_shot":  func() sampling.Subset { return sampling.DefaultFewShot() },

			"listed":   func() sampling.Subset { return sampling.DefaultListed() },
			"hold_out": func() sampling.Subset { return sampling.DefaultHoldOut() },
		},
		Optimizers: map[string]func() optim.Optimizer{
			"sgd":   func() optim.Optimizer { return optim.DefaultSGD() },
			"adamw": func() optim.Optimizer { return optim.DefaultAdamW() },
			"lars":  func() optim.Optimizer { return optim.DefaultLARS() },
		},
		Evaluations: map[string]func() Evaluation{
			"knn":    func() Evaluation { return evaluations.DefaultKNN() },
			"linear": func() Evaluation { return evaluations.DefaultLinear() },

			"calibration": func() Evaluation { return evaluations.DefaultCalibration() },
			"clustering":  func() Evaluation { return evaluations.DefaultClustering() },
			"low_shot":    func() Evaluation { return evaluations.DefaultLowShot() },
			"corruptions": func() Evaluation { return evaluations.DefaultCorruptions() },
			"linear_sgd":  func() Evaluation { return evaluations.DefaultLinearSGD() },
			"mlp":         func() Evaluation { return evaluations.DefaultMLP() },
			"ood":         func() Evaluation { return evaluations.DefaultOOD() },
			"transfer":    func() Evaluation { return evaluations.DefaultTransfer() },
			"retrieval":   func() Evaluation { return evaluations.DefaultRetrieval() },

			"ridge":          func() Evaluation { return evaluations.DefaultRidge() },
			"boosting":       func() Evaluation { return evaluations.DefaultBoosting() },
			"colour":         func() Evaluation { return evaluations.DefaultColour() },
			"cka":            func() Evaluation { return evaluations.DefaultCKA() },
			"copy_detection": func() Evaluation { return evaluations.DefaultCopyDetection() },

			"pgd":         func() Evaluation { return evaluations.DefaultPGD() },
			"label_noise": func() Evaluation { return evaluations.DefaultLabelNoise() },
			"groups":      func() Evaluation { return evaluations.DefaultGroups() },
			"tags":        func() Evaluation { return evaluations.DefaultTags() },

			"online": func() Evaluation { return evaluations.DefaultOnline() },

			// Of the encoder itself, trained further.
			"finetune": func() Evaluation { return evaluations.DefaultFinetune() },

			// Of images and captions.
			"zero_shot": func() Evaluation { return evaluations.DefaultZeroShot() },

			"open_vocabulary": func() Evaluation { return evaluations.DefaultOpenVocabulary() },
			"drawing":         func() Evaluation { return evaluations.DefaultDrawing() },

			// Of every pixel of clips, where the truth is known.
			"camera": func() Evaluation { return evaluations.DefaultCamera() },
			"depth":  func() Evaluation { return evaluations.DefaultDepth() },
			"motion": func() Evaluation { return evaluations.DefaultMotion() },
			"moving": func() Evaluation { return evaluations.DefaultMoving() },

			// Of clips and their sounds.
			"sound_retrieval": func() Evaluation { return evaluations.DefaultSoundRetrieval() },

			// Of pixels, with masks; of boxes.
			"detection":              func() Evaluation { return evaluations.DefaultDetection() },
			"segmentation":           func() Evaluation { return evaluations.DefaultSegmentation() },
			"segmentation_decoder":   func() Evaluation { return evaluations.DefaultSegmentationDecoder() },
			"segmentation_finetune":  func() Evaluation { return evaluations.DefaultSegmentationFinetune() },
			"attention_segmentation": func() Evaluation { return evaluations.DefaultAttentionSegmentation() },
			"patch_retrieval":        func() Evaluation { return evaluations.DefaultPatchRetrieval() },

			// Of samples whose sources are known.
			"recovery": func() Evaluation { return evaluations.DefaultRecovery() },

			"state": func() Evaluation { return evaluations.DefaultState() },

			// Of episodes that an agent plays.
			"returns":  func() Evaluation { return evaluations.DefaultReturns() },
			"coverage": func() Evaluation { return evaluations.DefaultCoverage() },

			// Without labels.
			"rankme":        func() Evaluation { return evaluations.DefaultRankMe() },
			"alpha_req":     func() Evaluation { return evaluations.DefaultAlphaReQ() },
			"lidar":         func() Evaluation { return evaluations.DefaultLiDAR() },
			"clid":          func() Evaluation { return evaluations.DefaultCLID() },
			"rotation":      func() Evaluation { return evaluations.DefaultRotation() },
			"spectrum":      func() Evaluation { return evaluations.DefaultSpectrum() },
			"spread":        func() Evaluation { return evaluations.DefaultSpread() },
			"align_uniform": func() Evaluation { return evaluations.DefaultAlignUniform() },
			"cca":           func() Evaluation { return evaluations.DefaultCCA() },

			// Of clips.
			"order":    func() Evaluation { return evaluations.DefaultOrder() },
			"speed":    func() Evaluation { return evaluations.DefaultSpeed() },
			"temporal": func() Evaluation { return evaluations.DefaultTemporal() },

			// Of texts.
			"told":    func() Evaluation { return evaluations.DefaultTold() },
			"guessed": func() Evaluation { return evaluations.DefaultGuessed() },
			"halves":  func() Evaluation { return evaluations.DefaultHalves() },

			"similarity": func() Evaluation { return evaluations.DefaultSimilarity() },
			"words":      func() Evaluation { return evaluations.DefaultWords() },

			// Of what was done to images.
			"augmentation": func() Evaluation { return evaluations.DefaultAugmentation() },
			"following":    func() Evaluation { return evaluations.DefaultFollowing() },

			"independence": func() Evaluation { return evaluations.DefaultIndependence() },
		},
	}
}

func (c Catalog) options() overlay.Options {
	sweep := "makes many recipes of this one; want: " + called.Line("sweep", "expand", "RECIPE", "DIR")
	apart := map[string]string{sweepTable: sweep}
	return overlay.Options{FS: Shipped, See: called.Line("list"), Apart: apart, Catalogs: map[string]overlay.Catalog{
		"method":    overlay.Of("methods", c.Methods),
		"backbone":  overlay.Of("backbones", c.Backbones),
		"dataset":   overlay.Of("datasets", c.Datasets),
		"data":      overlay.Of("datasets", c.Datasets),
		"sampler":   overlay.Of("samplers", c.Samplers),
		"subset":    overlay.Of("subsets", c.Subsets),
		"labelled":  overlay.Of("subsets", c.Subsets),
		"optimizer": overlay.Of("optimizers", c.Optimizers),
		"evaluate":  overlay.Of("evaluations", c.Evaluations),

		"evaluate_on": overlay.Of("datasets", c.Datasets),

		"more": overlay.Of("augmentations", c.Augmentations),
	}}
}

// Names lists the recipes inside the binary that need no other data.
func Names() []string {
	names, _ := fs.Glob(Shipped, "*.toml")
	return names
}

// PaperNames lists the recipes inside the binary that have a paper's settings, for data and machines of its size.
func PaperNames() (names []string) {
	all, _ := fs.Glob(Shipped, "*/*.toml")
	for _, name := range all {
		if path.Base(name) != "base.toml" { // which is what those of a folder share
			names = append(names, name)
		}
	}
	return names
}
