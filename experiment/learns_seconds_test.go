//go:build learns

package experiment_test

import (
	"fmt"
	"os"
	"testing"
	"text/tabwriter"
)

// learnsSeconds are methods that TestLearns has not, with what makes them small: a narrow encoder learns with them for
// a few epochs and ends above what it was untrained. The margin is of kNN, and less than the least of seeds 1 to 3.
var learnsSeconds = []struct {
	method string
	margin float64
	sets   []string
}{
	{"align_uniform", 0.03, []string{"projector=[128,64]"}},
	{"alpha_cl", 0.03, []string{"projector=[128,64]"}},
	{"dcl", 0.03, []string{"projector=[128,64]", "temperature=0.2"}},
	{"dclw", 0.03, []string{"projector=[128,64]", "temperature=0.2"}},
	{"directclr", 0.03, []string{"dimensions=32", "temperature=0.2"}},
	{"dual_temperature", 0.03, []string{"projector=[128,64]", "intra=0.2"}},
	{"hcl", 0.03, []string{"projector=[128,64]"}},
	{"hcl", 0.03, []string{"projector=[128,64]", "concentration=0"}},
	{"macl", 0.03, []string{"projector=[128,64]", "temperature=0.2"}},
	{"margin", 0.03, []string{"projector=[128,64]"}},
	{"mugs_instance", 0.03, []string{"projector=[128,64]", "predictor=[128]", "queue=1024", "momentum=0.97"}},
	{"nca", 0.03, nil},
	{"phi_psi", 0.03, []string{"projector=[128,64]", "temperature=0.2"}},
	{"phi_psi", 0.03, []string{"projector=[128,64]", "temperature=1.0", "offset=0.0"}},
	{"phi_psi", 0.03, []string{"projector=[128,64]", `phi="linear"`, `psi="hinge"`, "offset=0.0", "margin=0.1"}},
	{"phi_psi", 0.03, []string{"projector=[128,64]", "temperature=0.2", "margin=0.5"}},
	{"phi_psi", 0.03, []string{"projector=[128,64]", "temperature=1.0"}},
	{"phi_psi", 0.03, []string{"projector=[128,64]", `phi="squared_log"`, "temperature=1.0", "offset=0.0",
		"margin=1.0"}},
	{"phi_psi", 0.03, []string{"projector=[128,64]", `phi="linear"`, `psi="sigmoid"`, "temperature=0.1", "offset=0.0"}},
	{"relic", 0.03, []string{"projector=[128,64]", "temperature=0.2", "momentum=0.97"}},
	{"simclr_multiview", 0.03, []string{"projector=[128,64]", "temperature=0.2"}},
	{"ssl_hsic", 0.03, []string{"projector=[128,64]", "regularization=1"}},
	{"supcon", 0.03, []string{"projector=[128,64]", "temperature=0.2"}},
	{"triplet", 0.03, []string{"projector=[128,64]"}},
	{"triplet", 0.03, []string{"projector=[128,64]", `mining="all"`}},
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
			got := map[string]float64{}
			for _, e := range sum.Evaluations {
				if e.Metric == "top1" {
					got[e.Representation] = e.Value
				}
			}
			gain := got["trained"] - got["untrained"]
			fmt.Fprintf(table, "%s %v\t%.3f\t%.3f\t%+.3f\n", row.method, row.sets, got["trained"], got["untrained"],
				gain)
			if !(gain >= row.margin) {
				t.Errorf("kNN of the trained encoder %.3f, untrained %.3f: want at least %.3f more", got["trained"],
					got["untrained"], row.margin)
			}
		})
	}
}
