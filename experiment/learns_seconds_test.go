//go:build learns

package experiment_test

import (
	"fmt"
	"os"
	"testing"
	"text/tabwriter"
)

// learnsSeconds are methods that TestLearns has not, with what makes them small: a narrow encoder learns with them for
// a few epochs and ends above what it was untrained. The least gain of kNN over seeds 1 to 3 is above the 0.03 that is
// wanted.
var learnsSeconds = []struct {
	method string
	sets   []string
}{
	{"align_uniform", []string{"projector=[128,64]"}},
	{"alpha_cl", []string{"projector=[128,64]"}},
	{"dcl", []string{"projector=[128,64]", "temperature=0.2"}},
	{"dclw", []string{"projector=[128,64]", "temperature=0.2"}},
	{"directclr", []string{"dimensions=32", "temperature=0.2"}},
	{"dual_temperature", []string{"projector=[128,64]", "intra=0.2"}},
	{"hcl", []string{"projector=[128,64]"}},
	{"hcl", []string{"projector=[128,64]", "concentration=0"}},
	{"macl", []string{"projector=[128,64]", "temperature=0.2"}},
	{"margin", []string{"projector=[128,64]"}},
	{"mugs_instance", []string{"projector=[128,64]", "predictor=[128]", "queue=1024", "momentum=0.97"}},
	{"nca", nil},
	{"phi_psi", []string{"projector=[128,64]", "temperature=0.2"}},
	{"phi_psi", []string{"projector=[128,64]", "temperature=1.0", "offset=0.0"}},
	{"phi_psi", []string{"projector=[128,64]", `phi="linear"`, `psi="hinge"`, "offset=0.0", "margin=0.1"}},
	{"phi_psi", []string{"projector=[128,64]", "temperature=0.2", "margin=0.5"}},
	{"phi_psi", []string{"projector=[128,64]", "temperature=1.0"}},
	{"phi_psi", []string{"projector=[128,64]", `phi="squared_log"`, "temperature=1.0", "offset=0.0",
		"margin=1.0"}},
	{"phi_psi", []string{"projector=[128,64]", `phi="linear"`, `psi="sigmoid"`, "temperature=0.1", "offset=0.0"}},
	{"relic", []string{"projector=[128,64]", "temperature=0.2", "momentum=0.97"}},
	{"simclr_multiview", []string{"projector=[128,64]", "temperature=0.2"}},
	{"ssl_hsic", []string{"projector=[128,64]", "regularization=1"}},
	{"supcon", []string{"projector=[128,64]", "temperature=0.2"}},
	{"triplet", []string{"projector=[128,64]"}},
	{"triplet", []string{"projector=[128,64]", `mining="all"`}},
}

// A few seconds of every method of the table make a narrow encoder better than it was untrained:
//
//	go test -tags learns ./experiment -run LearnsInSeconds -v
//
// prints kNN accuracies.
func TestLearnsInSeconds(t *testing.T) {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer table.Flush()
	for _, row := range learnsSeconds {
		t.Run(fmt.Sprint(row.method, row.sets), func(t *testing.T) {
			sets := []string{"backbone.convnet.widths=[16,32,64]", "train.batch=128", "train.probe=false",
				`train.length="5 epochs"`, fmt.Sprintf("method=%q", row.method)}
			for _, s := range row.sets {
				sets = append(sets, "method."+row.method+"."+s)
			}
			sum, err := train(t, load(t, learns, sets...), nil)
			if err != nil {
				t.Fatal(err)
			}
			trained, untrained := expectGain(t, sum, 0.03)
			fmt.Fprintf(table, "%s %v\t%.3f\t%.3f\t%+.3f\n", row.method, row.sets, trained, untrained,
				trained-untrained)
		})
	}
}
