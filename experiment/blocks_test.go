package experiment

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/recipes"
)

// tokensSetup is a small transformer on the data in the binary.
func tokensSetup(t *testing.T, pool string, sets ...string) *Setup {
	t.Helper()
	text := `base = "quickstart.toml"
name = "tokens"
subset.few_shot.per_class = 16
labelled.few_shot.per_class = 16
[backbone.vit]
dim = 12
depth = 3
heads = 2
patch = 7
pool = "` + pool + `"
[train]
batch = 16
length = "2 steps"
[evaluate]
linear = false
knn = false
`
	return preparedRecipe(t, text, sets...)
}

// The last block's class token, or the mean of its patches where there is no class token, is what the encoder gives;
// two blocks have as many numbers again.
func TestLastBlocksAreTheFeatures(t *testing.T) {
	for pool, column := range map[string]int{"class": 12, "mean": 0} {
		s := tokensSetup(t, pool)
		u, err := s.encoderSubject("trained", s.Store)
		if err != nil {
			t.Fatal(err)
		}
		want, err := u.take(context.Background(), s.Labelled)
		if err != nil {
			t.Fatal(err)
		}
		run, layout, err := s.blocksOver(s.Store, 2)
		if err != nil {
			t.Fatal(err)
		}
		got, err := run(context.Background(), s.Labelled, s.Kind.Evaluation(s.Labelled),
			func(int32) uint64 { return 1 })
		if err != nil {
			t.Fatal(err)
		}
		dim := map[string]int{"class": 48, "mean": 24}[pool]
		if got.dim != dim || layout.HasClass != (pool == "class") {
			t.Fatalf("%s: %d numbers of two blocks, want %d; %+v", pool, got.dim, dim, layout)
		}
		for i := range s.Labelled.Len() {
			for j := range 12 {
				a, b := got.x[i*got.dim+column+j], want.x[i*12+j]
				if math.Abs(float64(a-b)) > 1e-5 {
					t.Fatalf("%s: image %d: %v, want the features %v", pool, i, a, b)
				}
			}
		}
	}
}

// Crops of another epoch are others, those of one epoch always the same, and they follow the training rows: a crop of
// the whole image that is not mirrored is the image.
func TestCropsOfEpochs(t *testing.T) {
	s := tokensSetup(t, "class", "evaluate.linear_sgd=true", "evaluate.linear_sgd.augment=true")
	u, err := s.encoderSubject("trained", s.Store)
	if err != nil {
		t.Fatal(err)
	}
	needs := s.Recipe.Evaluate.On[0].Value.Needs()
	ctx := context.Background()
	take := func(on string, area, flip float64, epoch int) []float32 {
		a := *needs.Augment
		a.Area, a.Flip = area, flip
		again, err := u.cropped(on, a, u.show)
		if err != nil {
			t.Fatal(err)
		}
		x, err := again(ctx, epoch)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	first := take(onTest, 0.3, 0.5, 0)
	if !slices.Equal(first, take(onTest, 0.3, 0.5, 0)) || slices.Equal(first, take(onTest, 0.3, 0.5, 1)) {
		t.Error("want the same crops for one epoch, and others for the next")
	}
	for _, on := range []string{onTest, onValidation} {
		f, err := u.labelled(ctx, on)
		if err != nil {
			t.Fatal(err)
		}
		if x := take(on, 0.3, 0.5, 0); len(x) != len(f.TrainX) {
			t.Errorf("%s: %d numbers of crops, want %d", on, len(x), len(f.TrainX))
		}
		whole := take(on, 0.999999, 0, 0) // ratios of sides leave only the whole square
		near := 0
		for i := 0; i < len(whole); i += f.Dim {
			var off, size float64
			for j := range f.Dim {
				off += math.Pow(float64(whole[i+j]-f.TrainX[i+j]), 2)
				size += math.Pow(float64(f.TrainX[i+j]), 2)
			}
			if off < 0.05*size {
				near++
			}
		}
		if n := len(whole) / f.Dim; near < n*9/10 {
			t.Errorf("%s: %d of %d whole crops are near their image", on, near, n)
		}
	}
}

// All of it together: a run chooses among blocks, pooling and rates on crops, the untrained encoder too, and pixels are
// learnt from as they are; blocks that are not there are refused.
func TestLinearSGDOfBlocks(t *testing.T) {
	sets := []string{"evaluate.linear_sgd=true", "evaluate.linear_sgd.augment=true",
		"evaluate.linear_sgd.blocks=[1, 2]",
		`evaluate.linear_sgd.pool=["class", "mean", "both"]`, "evaluate.linear_sgd.rates=[0.01, 0.1]",
		"evaluate.linear_sgd.epochs=2", "evaluate.linear_sgd.batch=32"}
	s := tokensSetup(t, "class", sets...)
	all, err := s.evaluateAll(context.Background(), s.Store)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]any{}
	for _, e := range all {
		if e.Metric == "top1" {
			seen[e.Representation] = e.Settings["blocks"]
			if e.Value < 0.1 {
				t.Errorf("%s has %v", e.Representation, e.Value)
			}
		}
	}
	if seen["trained"] == nil || seen["untrained"] == nil || seen["pixels"] != nil || len(seen) != 3 {
		t.Errorf("blocks by representation: %v", seen)
	}
	for set, want := range map[string]string{
		"evaluate.linear_sgd.blocks=[4]": "4 of them, and backbone.vit has 3",
		`backbone="convnet"`:             "backbone.convnet has none",
	} {
		_, err := recipes.Load(s.Recipe.File, append(slices.Clone(sets), set), recipes.Builtin())
		if err == nil {
			r, _ := recipes.Load(s.Recipe.File, append(slices.Clone(sets), set), recipes.Builtin())
			_, err = Prepare(r)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", set, err, want)
		}
	}
}

// Blocks of an encoder are like themselves, and those of another seed like something else; a network without blocks has
// none to compare.
func TestCKAOfBlocks(t *testing.T) {
	s := tokensSetup(t, "class", "evaluate.cka=true", "evaluate.cka.blocks=3", "evaluate.cka.images=100")
	other := tokensSetup(t, "class", "seed=5")
	all, err := s.evaluateAll(context.Background(), other.Store)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, e := range all {
		got[e.Representation+" "+e.Metric] = e.Value
	}
	for _, block := range []string{"cka", "block_1", "block_2", "block_3"} {
		if v := got["untrained "+block]; math.Abs(v-1) > 1e-6 {
			t.Errorf("%s of the untrained encoder with itself is %v, want 1", block, v)
		}
		if v := got["trained "+block]; v > 0.999 || v < 0.05 {
			t.Errorf("%s of an encoder of another seed is %v", block, v)
		}
	}
}
