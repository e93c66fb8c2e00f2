package experiment_test

import (
	"testing"

	"selfsup/experiment"
)

// learns is small with everything said that decides how well it learns, so that tuning the quickstart changes no test.
const learns = small + `
[views]
crop_area = [0.3, 1.0]
flip = 0.5
jitter = 0.8
brightness = 0.4
contrast = 0.4

[optimizer.lars]
rate = 1.0
scale = "linear"
warmup = "5%"
weight_decay = 1e-4
eta = 0.02
`

// A few seconds of training make the encoder clearly better than it was untrained. Over seeds 1 to 3 the least gains
// were 0.051 (SimCLR), 0.048 (VICReg) and 0.046 (BYOL). With two large and four small crops too.
func TestLearns(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	const crops = "views.crops=[{count=2,size=28,area=[0.4,1.0]},{count=4,size=14,area=[0.1,0.4]}]"
	for name, sets := range map[string][]string{
		"simclr": {`train.length="3 epochs"`, "method.simclr.projector=[128,64]"},
		"vicreg": {`train.length="3 epochs"`, `method="vicreg"`, "method.vicreg.projector=[128,128]"},
		"byol": {`train.length="8 epochs"`, `method="byol"`, "train.batch=64", "optimizer.lars.rate=2.0",
			"method.byol.projector=[256,128]", "method.byol.predictor=[256]", "method.byol.momentum=0.97"},
		"simclr, crops": {`train.length="3 epochs"`, "method.simclr.projector=[128,64]", crops},
		"vicreg, crops": {`train.length="3 epochs"`, `method="vicreg"`, "method.vicreg.projector=[128,128]", crops},
		"byol, crops": {`train.length="4 epochs"`, `method="byol"`, "train.batch=64", "optimizer.lars.rate=2.0",
			"method.byol.projector=[256,128]", "method.byol.predictor=[256]", "method.byol.momentum=0.97", crops},
	} {
		t.Run(name, func(t *testing.T) {
			sets := append([]string{"backbone.convnet.widths=[16,32,64]", "train.batch=128", "train.probe=false"},
				sets...)
			sum, err := train(t, load(t, learns, sets...), nil)
			if err != nil {
				t.Fatal(err)
			}
			expectGain(t, sum, 0.03)
		})
	}
}

// expectGain wants kNN of the trained encoder to be margin above what it was untrained, and gives both.
func expectGain(t *testing.T, sum *experiment.Summary, margin float64) (trained, untrained float64) {
	t.Helper()
	trained, a := sum.Measure("trained", "knn top1")
	untrained, b := sum.Measure("untrained", "knn top1")
	t.Logf("kNN: trained %.3f, untrained %.3f", trained, untrained)
	if !a || !b || !(trained >= untrained+margin) {
		t.Errorf("kNN of the trained encoder %.3f (%v), untrained %.3f (%v): want at least %.3f more", trained, a,
			untrained, b, margin)
	}
	return trained, untrained
}
