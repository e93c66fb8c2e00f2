package experiment_test

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/encoder"
	"selfsup/experiment/checkpoint"
)

// Every method of order, speed and views of one film learns what it is told to on clips of moving bars, and resumes to
// the same bits.
func TestVideoMethodsLearnAndResume(t *testing.T) {
	perFrame := []string{`backbone="per_frame"`, "backbone.per_frame.tower.convnet.widths=[16]"}
	part := []string{"dataset.clips.length=8", "clips.frames=4", "clips.stride=[1, 2]"}
	frame := []string{`backbone="convnet"`, "backbone.convnet.widths=[16]", `clips.view="frame"`,
		"dataset.clips.length=8", "clips.apart=[1, 1]"}
	names := map[string]struct {
		sets    []string
		guessed float64 // the loss of a guess
		share   float64 // of it that is left at the end, at most
	}{
		"shuffle_learn": {append([]string{"dataset.clips.length=5", "method.shuffle_learn.hidden=[16]"}, perFrame...),
			math.Ln2, 0.92},
		"opn": {append([]string{"method.opn.pair=16", "method.opn.split_channel=false", "method.opn.hidden=[16]"},
			perFrame...), math.Log(12), 0.9},
		"pace":     {append([]string{"method.pace.contrast=0"}, part...), math.Ln2, 0.6},
		"speednet": {append([]string{"clips.deal=true"}, part...), math.Ln2, 0.6},
		"mae_st": {[]string{"backbone.vit3d.class=true", `backbone.vit3d.position="separable"`,
			"method.mae_st.mask=0.5", "method.mae_st.decoder_dim=16", "method.mae_st.decoder_depth=1",
			"method.mae_st.decoder_heads=2"}, 1, 0.9},
		"tcn": {append([]string{"dataset.clips.length=8", "clips.frames=5", "clips.apart=[0, 0]",
			"method.tcn.cameras=2", "method.tcn.width=8"}, perFrame...), 0.2, 0.9},
		"moco": {append([]string{"method.moco.projector=[16]", "method.moco.queue=64"}, part...), math.Log(65), 0.99},
		// several clips of one film, as in Feichtenhofer et al. 2021, section 3
		"simclr of three": {append([]string{"method.simclr.projector=[16]",
			"views.crops=[{count = 3, size = 8, area = [1.0, 1.0]}]"}, part...), math.Log(95), 0.95},
		"byol of three": {append([]string{"method.byol.projector=[16]", "method.byol.predictor=[16]",
			"views.crops=[{count = 3, size = 8, area = [1.0, 1.0]}]"}, part...), 2, 0.5},
		"swav": {append([]string{"method.swav.projector=[16]", "method.swav.prototypes=8"}, part...), math.Log(8),
			1.01}, // its prototypes are held for a long time
		"triplet": {append([]string{"method.triplet.projector=[16]", `method.triplet.mining="all"`}, frame...), 0.2,
			0.9},
	}
	text := moving(t)
	for name, c := range names {
		t.Run(name, func(t *testing.T) {
			sets := append([]string{"method=" + quoted(strings.Fields(name)[0]), "evaluate.knn=false",
				`train.length="40 steps"`,
				`optimizer.adamw.rate=1e-2`}, c.sets...)
			whole, err := train(t, load(t, text, sets...), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("loss %.4f, of a guess %.4f", whole.Loss, c.guessed)
			if !(whole.Loss < c.share*c.guessed) {
				t.Errorf("the loss ends at %v; a guess has %v, want at most %v of it", whole.Loss, c.guessed, c.share)
			}
			resumesAs(t, whole, 40, load(t, text, sets...))
		})
	}
}

// A ViT that learned from frames of films, two frames of one being views of one object, is an encoder of images: it is
// exported as one, and a space-time transformer begins with its weights.
func TestInflatedFromFrames(t *testing.T) {
	text := moving(t)
	images, err := train(t, load(t, text, `backbone="vit"`, "backbone.vit.dim=24", "backbone.vit.depth=2",
		"backbone.vit.heads=2", "backbone.vit.patch=2", `backbone.vit.pool="class"`, `clips.view="frame"`,
		"clips.apart=[1, 2]", `method="simclr"`, "method.simclr.projector=[16]", `train.length="5 steps"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(images.Run, "export", "encoder.safetensors")
	e, err := encoder.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if c := e.Config(); c.Takes() != "images" {
		t.Errorf("the encoder takes %s, want images", c.Takes())
	}
	first, _, _, err := checkpoint.Latest(filepath.Join(images.Run, "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{images.Run, file} {
		sum, err := train(t, load(t, text, `backbone.vit3d.position="separable"`, "backbone.vit3d.class=true",
			"init.from="+quoted(from), `init.inflate="mean"`, `train.length="1 step"`, "optimizer.adamw.rate=1e-20",
			`optimizer.adamw.weight_decay=0.0`), nil)
		if err != nil {
			t.Fatal(err)
		}
		st, _, _, err := checkpoint.Latest(filepath.Join(sum.Run, "checkpoints"))
		if err != nil {
			t.Fatal(err)
		}
		same := func(name string, i int, want float32) {
			t.Helper()
			if got := st.Get("backbone/" + name).F32[i]; math.Abs(float64(got-want)) > 1e-9 {
				t.Fatalf("%s: entry %d of %s is %v, want %v", from, i, name, got, want)
			}
		}
		patch := first.Get("backbone/patch/weight").F32
		for i := range 2 * len(patch) {
			same("patch/weight", i, patch[i%len(patch)]/2)
		}
		position := first.Get("backbone/position").F32
		for i, v := range position[24:] {
			same("position/space", i, v)
		}
		for i := range 24 {
			same("class", i, first.Get("backbone/class").F32[i])
			same("class_position", i, position[i])
			same("position/time", i, 0)
		}
		for i, v := range first.Get("backbone/blocks/1/mlp/fc1/weight").F32 {
			same("blocks/1/mlp/fc1/weight", i, v)
		}
	}
}

// Methods of speed and order leave an encoder that tells speed, or order, of held-out clips better than it did
// untrained: of a bar that moves over noise. Margins are half of what three seeds gained at least.
func TestSpeedAndOrderPassUntrained(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := strings.Replace(movingOver(t, 12, 200, func(int, int) uint8 { return uint8(r.IntN(256)) }),
		"[evaluate.knn]\nk = [5]\n", "", 1)
	part := []string{"dataset.clips.length=8", "clips.frames=4"}
	perFrame := []string{`backbone="per_frame"`, `backbone.per_frame.tower="nature_cnn"`,
		"backbone.per_frame.tower.nature_cnn.widths=[16]", "backbone.per_frame.tower.nature_cnn.features=16"}
	for name, c := range map[string]struct {
		sets   []string
		metric string
		margin float64
	}{
		"speednet": {append([]string{"clips.stride=[1, 2]", "clips.deal=true", `evaluate.speed.heads=["whole"]`},
			part...), "speed whole", 0.1},
		"pace": {append([]string{"clips.stride=[1, 2]", "method.pace.contrast=0", `evaluate.speed.heads=["whole"]`},
			part...), "speed whole", 0.08},
		"opn": {append(append([]string{"method.opn.pair=16", "method.opn.split_channel=false", "method.opn.hidden=[32]",
			`evaluate.order.heads=["recurrent"]`}, part...), perFrame...), "order recurrent", 0.16},
		"shuffle_learn": {append([]string{"dataset.clips.length=5", "method.shuffle_learn.hidden=[32]",
			`evaluate.order.heads=["recurrent"]`}, perFrame...), "order recurrent", 0.1},
	} {
		t.Run(name, func(t *testing.T) {
			sum, err := train(t, load(t, text, append(c.sets, "method="+quoted(name), `train.length="150 steps"`,
				"optimizer.adamw.rate=1e-2", "baselines.pixels=false", "dataset.clips.test_fraction=0.4")...), nil)
			if err != nil {
				t.Fatal(err)
			}
			got := scores(sum)
			trained, untrained := got["trained "+c.metric], got["untrained "+c.metric]
			t.Logf("loss %.4f, %s %.4f, untrained %.4f", sum.Loss, c.metric, trained, untrained)
			if trained < untrained+c.margin {
				t.Errorf("%s is %v, untrained %v; want at least %v more", c.metric, trained, untrained, c.margin)
			}
		})
	}
}
