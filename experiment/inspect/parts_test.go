package inspect

import (
	"path"
	"slices"
	"strings"
	"testing"

	"selfsup/recipes"
)

// Every operation of a step belongs to the part that it works for.
func TestParts(t *testing.T) {
	for recipe, want := range map[string]map[string][]string{ // some operations of each part, and not of another
		"quickstart.toml": {networkPart: {"conv2d", "conv2d_dw", "conv2d_dx", "batch_norm", "batch_norm_dx"},
			lossPart: {"normalize", "normalize_grad", "gram"}, optimizerPart: {"momentum", "descend", "trust_ratio"}},
		"byol.toml": {networkPart: {"conv2d", "conv2d_dw", "conv2d_dx", "batch_norm", "running_stats"},
			lossPart: {"normalize", "normalize_grad"}, teacherPart: {"lerp"}, optimizerPart: {"momentum", "descend"}},
		"moco.toml": {networkPart: {"conv2d", "running_stats"}, lossPart: {"put_at", "normalize"},
			teacherPart: {"lerp"}},
		"mae.toml": {networkPart: {"attention", "attention_grad", "layer_norm"}, optimizerPart: {"adam"}},
	} {
		s := prepare(t, recipe, "train.batch=16", "train.probe=false")
		parts, of, all := partsOf(s), map[string][]string{}, map[string]bool{}
		for i, in := range s.Train.IR.Instrs {
			name := in.Spec.Name()
			all[name] = true
			if !slices.Contains(of[name], parts[i]) {
				of[name] = append(of[name], parts[i])
			}
		}
		for part, names := range want {
			for _, name := range names {
				if all[name] && !slices.Equal(of[name], []string{part}) {
					t.Errorf("%s: %s is of the parts %v, want %s", recipe, name, of[name], part)
				}
				if !all[name] && name != "gram" && name != "attention_grad" {
					t.Errorf("%s: there is no operation %s", recipe, name)
				}
			}
		}
	}
	s := prepare(t, "quickstart.toml", "train.batch=16")
	parts := partsOf(s)
	if !slices.Contains(parts, probePart) || slices.Contains(parts, teacherPart) {
		t.Errorf("the quickstart has the parts %v, want a probe and no teacher", parts)
	}
	products := 0 // of the loss: the similarities of all pairs and their gradient
	for i, in := range s.Train.IR.Instrs {
		if parts[i] == lossPart && strings.Contains(in.Spec.Name()+" gram", "matmul") || parts[i] == lossPart &&
			strings.Contains(in.Spec.Name(), "gram") {
			products++
		}
	}
	if products != 2 {
		t.Errorf("the quickstart's loss has %d products of matrices, want the similarities and their gradient",
			products)
	}
}

// BenchmarkLossCost is how much of a step of the papers' CIFAR-10 recipes, ResNet-18 at batch 128, goes to the loss and
// to what belongs to it, on two cores:
//
//	go test ./experiment/inspect -run - -bench LossCost/moco -benchtime 2x
func BenchmarkLossCost(b *testing.B) {
	for _, name := range recipes.PaperNames() {
		if !strings.HasPrefix(name, "cifar10/") {
			continue
		}
		b.Run(strings.TrimSuffix(path.Base(name), ".toml"), func(b *testing.B) {
			s := prepare(b, name, `dataset="emoji_32"`, "train.batch=128", "train.probe=false")
			m, err := Benchmark(s, b.N, false)
			if err != nil {
				b.Fatal(err)
			}
			for _, part := range m.Parts {
				b.ReportMetric(100*part.Share, part.Name+"-%")
				if part.Name == lossPart {
					b.ReportMetric(part.MS, "loss-ms")
				}
			}
			b.ReportMetric(m.MedianMS, "step-ms")
		})
	}
}
