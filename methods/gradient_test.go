package methods_test

import (
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/optest"
	"selfsup/methods"
	"selfsup/methods/contrastive"
	"selfsup/methods/correlation"
	"selfsup/methods/distillation"
	"selfsup/methods/masked"
	"selfsup/methods/methodtest"
)

// Every method's loss through a small convolutional encoder, or a transformer where it wants tokens, against central
// differences in float64.
func TestGradients(t *testing.T) {
	img := backbones.Pixels(6, 5, 2)
	convnet := &backbones.ConvNet{Widths: []int{4, 5}}
	for name, m := range map[string]methods.Method{
		"simclr":            &contrastive.SimCLR{Projector: []int{6, 4}, Temperature: 0.3},
		"simclr, one layer": &contrastive.SimCLR{Projector: []int{4}, Temperature: 1},
		"vicreg": &correlation.VICReg{Projector: []int{6, 5}, Invariance: 25, Variance: 25,
			Covariance: 1},
		"vicreg, only decorrelation":        &correlation.VICReg{Projector: []int{5}, Covariance: 1},
		"vicreg, more rows than dimensions": &correlation.VICReg{Projector: []int{3}, Variance: 1, Covariance: 1},
		"byol": &distillation.BYOL{Projector: []int{6, 4}, Predictor: []int{5},
			Momentum: 0.9},
		"supervised":         &methods.Supervised{},
		"supervised, smooth": &methods.Supervised{Smoothing: 0.1},
		"mae": &masked.MAE{Mask: 0.6, DecoderDim: 8, DecoderDepth: 1, DecoderHeads: 2,
			NormalizePixels: true},
		"mae, pixels": &masked.MAE{Mask: 0.6, DecoderDim: 4, DecoderDepth: 1, DecoderHeads: 1},
	} {
		t.Run(name, func(t *testing.T) {
			var net backbones.Backbone = convnet
			in := img
			if strings.HasPrefix(name, "mae") {
				in, net = backbones.Pixels(8, 8, 1), &backbones.ViT{Size: "tiny", Channels: 8, Depth: 1, Heads: 2,
					Patch: 2, Pool: "class", Position: "sincos"}
			}
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				data := methodtest.Images(in.Shape[0], in.Shape[1], in.Shape[2])
				b := methods.NewBatch(s, 4, data)
				return m.Build(s, methods.EncoderOf(net, b.Of("view0")), b).Loss()
			}, nil, 8, 2e-5)
		})
	}
}
