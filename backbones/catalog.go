package backbones

import (
	"strings"

	"selfsup/datasets/feed"
)

// Builtin is the backbones of this module by the names that recipes have for them, each with its defaults.
func Builtin() map[string]func() Backbone {
	return map[string]func() Backbone{
		"resnet":      func() Backbone { return DefaultResNet() },
		"convnet":     func() Backbone { return DefaultConvNet() },
		"luma":        func() Backbone { return DefaultLuma() },
		"luma_chroma": func() Backbone { return DefaultLumaChroma() },
		"per_frame":   func() Backbone { return DefaultPerFrame() },
		"mlp":         func() Backbone { return DefaultMLP() },
		"nature_cnn":  func() Backbone { return DefaultNatureCNN() },
		"symbols":     func() Backbone { return DefaultSymbols() },
		"slow":        func() Backbone { return DefaultSlow() },
		"vit3d":       func() Backbone { return DefaultViT3D() },
		"dbn":         func() Backbone { return DefaultDBN() },
		"vit":         func() Backbone { return DefaultViT() },
		"wave":        func() Backbone { return DefaultWave() },
		"audio_ntt":   func() Backbone { return DefaultAudioNTT() },
		"wav2vec2":    func() Backbone { return DefaultWav2Vec2() },

		// convolutional, and pyramids of attention
		"convnext": func() Backbone { return DefaultConvNeXt() },
		"swin":     func() Backbone { return DefaultSwin() },

		"ft_transformer": func() Backbone { return DefaultFTTransformer() },
		"saint":          func() Backbone { return DefaultSAINT() },
		"subsets":        func() Backbone { return DefaultSubsets() },
		"transformer":    func() Backbone { return DefaultTransformer() },
	}
}

// Scope is the name of the scope in which an encoder has its parameters, below the scope that it is given.
const Scope = "backbone"

// ScopeAbove is the scope that an encoder was given for its parameters to be at a path: "teacher" of
// "teacher/backbone".
func ScopeAbove(path string) (above string, ok bool) {
	if path == Scope {
		return "", true
	}
	return strings.CutSuffix(path, "/"+Scope)
}

// InputOf describes the samples of a field.
func InputOf(f feed.Field) Input {
	return Input{Shape: f.Shape, Int: f.Int, Of: f.Of, Gaps: f.Gaps, Low: f.Low, High: f.High}
}
