package methods_test

import (
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/optest"
	"selfsup/methods"
)

// Every method's loss through a small convolutional encoder, or a transformer where it wants tokens, against central differences in float64.
func TestGradients(t *testing.T) {
	img := backbones.Image{H: 6, W: 5, C: 2}
	net := &backbones.ConvNet{Widths: []int{4, 5}}
	enc := methods.Encoder{Dim: net.Dim(), Classes: 3, New: func(s *graph.Scope) layer.Func { return net.New(s, img) }}
	for name, m := range map[string]methods.Method{
		"simclr":                            &methods.SimCLR{Projector: []int{6, 4}, Temperature: 0.3},
		"simclr, one layer":                 &methods.SimCLR{Projector: []int{4}, Temperature: 1},
		"vicreg":                            &methods.VICReg{Projector: []int{6, 5}, Invariance: 25, Variance: 25, Covariance: 1},
		"vicreg, only decorrelation":        &methods.VICReg{Projector: []int{5}, Covariance: 1},
		"vicreg, more rows than dimensions": &methods.VICReg{Projector: []int{3}, Variance: 1, Covariance: 1},
		"byol":                              &methods.BYOL{Projector: []int{6, 4}, Predictor: []int{5}, Momentum: 0.9},
		"supervised":                        &methods.Supervised{},
		"supervised, smooth":                &methods.Supervised{Smoothing: 0.1},
		"mae":                               &methods.MAE{Mask: 0.6, DecoderDim: 8, DecoderDepth: 1, DecoderHeads: 2, NormalizePixels: true},
		"mae, pixels":                       &methods.MAE{Mask: 0.6, DecoderDim: 4, DecoderDepth: 1, DecoderHeads: 1},
	} {
		t.Run(name, func(t *testing.T) {
			img, enc := img, enc
			if strings.HasPrefix(name, "mae") {
				img, enc = tinyImage, viT(tinyViT, tinyImage)
			}
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				x := []*graph.Node{s.Input("a", 4, img.H, img.W, img.C), s.Input("b", 4, img.H, img.W, img.C)}
				return m.Build(s, enc, x).Loss()
			}, nil, 8, 2e-5)
		})
	}
}
