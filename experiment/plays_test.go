package experiment_test

import (
	"fmt"
	"strings"
	"testing"

	"selfsup/experiment"
)

// Order, speed and labels of held-out clips are told by features of a clip, of its times and by what changes in them,
// whatever the encoder sees: the temporal head tells which way a bar moves and whether it does so evenly, which the
// mean of single frames does not hold. A mean frame tells neither.
func TestClipsAreTold(t *testing.T) {
	text := strings.Replace(moving(t), "[evaluate.knn]\nk = [5]\n", `
[evaluate.order]
[evaluate.speed]
[evaluate.temporal]
`, 1)
	part := []string{"dataset.clips.length=8", "clips.frames=4", `train.length="2 steps"`}
	frame := `backbone="per_frame"`
	widths := "backbone.per_frame.tower.convnet.widths=[16]"
	simclr := []string{`method="simclr"`, "method.simclr.projector=[8]"}
	for name, sets := range map[string][]string{
		"tubes":  part,
		"frames": append(append([]string{frame, widths}, simclr...), part...),
		"stills": append([]string{`backbone="convnet"`, "backbone.convnet.widths=[16]", `clips.view="frame"`,
			"dataset.clips.length=8", `train.length="2 steps"`, "evaluate.order.frames=4", "evaluate.speed.frames=4",
			"evaluate.temporal.frames=4"}, simclr...),
	} {
		t.Run(name, func(t *testing.T) {
			sum, err := train(t, load(t, text, sets...), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(sum.Table())
			got := scores(sum)
			for _, rep := range []string{"trained", "untrained", "raw"} {
				for _, protocol := range []string{"order", "speed", "temporal"} {
					for _, head := range []string{"whole", "times", "recurrent", "distances"} {
						if _, ok := got[fmt.Sprintf("%s %s %s", rep, protocol, head)]; !ok {
							t.Fatalf("%s %s %s is not there: %v", rep, protocol, head, got)
						}
					}
				}
			}
			at := func(label string) float64 { return got[label] }
			if v := at("raw order whole"); v != 0.5 {
				t.Errorf("the mean frame tells order in %v, want chance", v)
			}
			for _, label := range []string{"trained order recurrent", "trained temporal recurrent"} {
				if v := at(label); v < 0.8 {
					t.Errorf("%s is %v, want at least 0.8", label, v)
				}
			}
			if name != "tubes" {
				if v := at("trained order whole"); v > 0.55 {
					t.Errorf("the mean of frames tells order in %v, want chance", v)
				}
			}
		})
	}
	t.Run("scenes", func(t *testing.T) { // which have a sound
		sum, err := train(t, load(t, `
name = "scenes"
[dataset.scenes]
samples = "clips"
count = 16
held = 8
size = 16
[clips]
frames = 4
[backbone.per_frame.tower.convnet]
widths = [8]
[method.opn]
pair = 8
[optimizer.adamw]
[train]
batch = 8
length = "2 steps"
[evaluate.speed]
`), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := scores(sum)["trained speed recurrent"]; !ok {
			t.Errorf("speed is not there: %v", scores(sum))
		}
	})
	for want, sets := range map[string][]string{
		"shows 4 frames over 7, and a clip of dataset.clips has 4; want longer clips": nil,
		"[evaluate.order] shows frames = 3, and the encoder sees clips of 4; want": append(part,
			"evaluate.order.frames=3"),
		"[evaluate.order] has a head on distances between times, and there are features of 1; want two": append(part,
			"backbone.vit3d.tube=4"),
		"[evaluate.order] puts 2 frames of a clip out of order; want at least 3": append(part, "clips.frames=2"),
		"[evaluate.order] shows the frames of clips, and the samples of dataset.fashion_mnist_4k are images": {
			`dataset="fashion_mnist_4k"`, `backbone="convnet"`, `method="simclr"`},
	} {
		_, err := experiment.Prepare(load(t, text, sets...))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
