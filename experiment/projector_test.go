package experiment

import (
	"strings"
	"testing"
)

// Methods whose projector may have no widths train on the features themselves.
func TestNoProjector(t *testing.T) {
	for method, recipe := range map[string]string{
		"simclr": "quickstart", "vicreg": "vicreg", "byol": "byol", "moco": "moco", "deepcluster_v2": "deepcluster",
		"mochi": "mochi", "pcl": "pcl",
	} {
		t.Run(method, func(t *testing.T) {
			s := prepare(t, recipe+".toml", "train.batch=16", "backbone.convnet.widths=[8,16]",
				"method."+method+".projector=[]")
			s.Train.Schedule(s.Time(0))
			if err := s.Train.Run(); err != nil {
				t.Fatal(err)
			}
			for _, p := range s.Leaves {
				if strings.HasPrefix(p.Name, "projector/") {
					t.Errorf("there is a parameter %s", p.Name)
				}
			}
		})
	}
}
