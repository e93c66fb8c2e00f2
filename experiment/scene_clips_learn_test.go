//go:build learns

package experiment_test

import (
	"fmt"
	"os"
	"testing"
	"text/tabwriter"
)

// sceneGains are the shipped recipes of clips of scenes, with the number that has to be better after the training than
// before, and by how much at least.
var sceneGains = []struct {
	recipe, metric string
	gain           float64 // below 0: less is better
}{
	{"av_contrast", "sound_retrieval sound R@10", 0.1},
	{"ambient_sound", "linear top1", 0.1},
	{"ego_motion", "camera r2", 0.1},
	{"moving_objects", "moving best iou", 0.1},
	{"monodepth", "depth abs_rel", -0.02},
	{"monodepth_predicted", "depth abs_rel", -0.02},
	{"pace", "speed whole", 0.1},
	{"avc", "knn top1", 0.1},
	{"space_time", "knn top1", 0.1},
	{"space_time_byol", "knn top1", 0.03},
	{"space_time_moco", "knn top1", 0.1},
	{"space_time_swav", "knn top1", 0.1},
}

// The shipped recipes of clips of scenes learn what they are for, over three seeds:
//
//	go test -tags learns ./experiment -run SceneClipsLearn -v -timeout 3h
//
// prints what their headers say.
func TestSceneClipsLearn(t *testing.T) {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer table.Flush()
	for _, row := range sceneGains {
		for seed := 1; seed <= 3; seed++ {
			t.Run(fmt.Sprint(row.recipe, seed), func(t *testing.T) {
				r := loadShipped(t, "../recipes/scenes/"+row.recipe+".toml", []string{fmt.Sprint("seed=", seed)})
				sum, err := train(t, r, nil)
				if err != nil {
					t.Fatal(err)
				}
				value := map[string]float64{}
				for _, e := range sum.Evaluations {
					name := e.Protocol + " " + e.Metric
					fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%.4f\n", row.recipe, seed, e.Representation, name, e.Value)
					if name == row.metric {
						value[e.Representation] = e.Value
					}
				}
				better := value["trained"] - value["untrained"]
				if row.gain < 0 && better > row.gain || row.gain >= 0 && better < row.gain {
					t.Errorf("%s is %v, untrained %v; want a change of %v", row.metric, value["trained"],
						value["untrained"], row.gain)
				}
			})
		}
	}
}
