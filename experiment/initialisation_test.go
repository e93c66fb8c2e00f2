package experiment_test

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/recipes"
)

// drawn is the distribution that an entry of the Store starts from.
type drawn struct {
	what   string
	std    float64
	bound  float64 // of all numbers; 0: there is none
	fourth float64 // moment, over the square of the variance: it says how exact the deviation of n numbers is
}

func normal(std float64) drawn { return drawn{fmt.Sprintf("normal, deviation %.4g", std), std, 0, 3} }
func uniform(bound float64) drawn {
	return drawn{fmt.Sprintf("uniform in +-%.4g", bound), bound / math.Sqrt(3), bound, 1.8}
}

// ofTransformers are scopes whose layers start as a vision transformer's.
var ofTransformers = []string{"backbone", "decoder", "paint", "tell", "predictor", "class", "target", "summary"}

// startOf is what the papers and PyTorch start a parameter with: a constant, or a distribution. ok is false where
// nothing is known.
func startOf(st *graph.Store, name string) (constant float64, random *drawn, ok bool) {
	at, last := path.Dir(name), path.Base(name)
	draw := func(d drawn) (float64, *drawn, bool) { return 0, &d, true }
	made := strings.HasPrefix(name, "generator/") || strings.HasPrefix(name, "decoder/") &&
		strings.HasSuffix(at, "conv") || strings.HasPrefix(name, "decoder/linear/")
	ofPatches := st.Get("backbone/patch/weight") != nil || st.Get("backbone/patch_embed/proj/weight") != nil
	transformer := st.Get("backbone/symbols") != nil && !strings.HasPrefix(name, "letters/backbone/") || ofPatches &&
		slices.Contains(ofTransformers, strings.Split(name, "/")[0])
	norm := strings.HasPrefix(path.Base(at), "norm") || path.Base(at) == "white" // VIbCReg's scale and shift
	convNeXt := strings.Contains(name, "/stages/") || strings.Contains(name, "backbone/downsample/") ||
		st.Get("decoder/blocks/0/dwconv/weight") != nil && strings.HasPrefix(name, "decoder/")
	patchHead := strings.TrimPrefix(name, "patch_") // iBOT's second head starts as the first
	dino := strings.HasPrefix(patchHead, "head/") && st.Get("head/last/weight") != nil
	machine := st.Get("visible/0/bias") != nil && (strings.HasPrefix(name, "backbone/") ||
		strings.HasPrefix(name, "visible/"))
	told := strings.HasPrefix(name, "decoder/") && (st.Get("decoder/tell/weight") != nil || // data2vec 2.0, tokenizers
		st.Get("codebook") != nil || st.Get("codebook/sums") != nil)
	ofColumns := st.Get("backbone/tokens/class") != nil // Gorishniy et al. 2021 and SAINT, as in the authors' codes
	inBlocks := strings.HasPrefix(name, "backbone/blocks/") || strings.HasPrefix(name, "decoder/blocks/")
	transformer = transformer || ofColumns && inBlocks && st.Get("backbone/blocks/0/attn/qkv/weight") != nil
	agent := st.Get("backbone/linear/weight") != nil && strings.Contains(name, "backbone/") &&
		st.Get(at+"/weight") != nil
	curious := at == "apt" || at == "novelty"
	switch shape := st.Get(name).Shape; {
	case ofColumns && strings.Contains(name, "/number1/"): // nn.Linear of one number
		return draw(uniform(1))
	case ofColumns && strings.Contains(name, "/number2/"): // [K,in,D], nn.Linear of each column
		return draw(uniform(1 / math.Sqrt(float64(st.Get("backbone/tokens/number2/weight").Shape[1]))))
	case ofColumns && (at == "backbone/tokens" || name == "decoder/mask" || name == "decoder/place"):
		return draw(uniform(1 / math.Sqrt(float64(shape.Last()))))
	case agent && len(st.Get(at+"/weight").Shape) == 4: // nn.Conv2d
		w := st.Get(at + "/weight").Shape
		return draw(uniform(1 / math.Sqrt(float64(w[0]*w[1]*w[2]))))
	case name == "score/weight" && st.Get("code/weight") == nil: // CURL's code: uniform in [0,1), see begunAtHalf
		return draw(uniform(0.5))
	case name == "words/embedding": // nn.Embedding
		return draw(normal(1))
	case name == "log_temperature" && st.Get("judge/0/0/weight") != nil: // as in SAC+AE's code
		return math.Log(0.1), nil, true
	case name == "acting/record" || name == "task/z" || curious && last == "mean": // nothing was met yet
		return 0, nil, true
	case name == "apt/count": // url_benchmark's code
		return 1e-4, nil, true
	case curious && (last == "square" || last == "variance"):
		return 1, nil, true
	case told && st.Get(at+"/weight") != nil && len(st.Get(at+"/weight").Shape) == 4: // nn.Conv2d, nn.ConvTranspose2d
		w := st.Get(at + "/weight").Shape
		return draw(uniform(1 / math.Sqrt(float64(w[0]*w[1]*w[2]))))
	case last == "weight" && norm:
		return 1, nil, true
	case last == "bias" && norm:
		return 0, nil, true
	case last == "relative": // BEiT's and Swin's biases
		return 0, nil, true
	case strings.HasSuffix(at, "patch_embed/proj") && last == "weight": // nn.Conv2d
		return draw(uniform(1 / math.Sqrt(float64(shape[0]*shape[1]*shape[2]))))
	case strings.HasSuffix(at, "patch_embed/proj"):
		w := st.Get(at + "/weight").Shape
		return draw(uniform(1 / math.Sqrt(float64(w[0]*w[1]*w[2]))))
	case path.Base(at) == "grn": // ConvNeXt V2, Alg. 1
		return 0, nil, true
	case convNeXt && last == "weight": // the authors' code
		return draw(normal(0.02))
	case convNeXt && last == "bias":
		return 0, nil, true
	case dino && patchHead == "head/last/weight": // [out,in], nn.Linear; weight norm takes the rows' directions
		return draw(uniform(1 / math.Sqrt(float64(shape[1]))))
	case dino && last == "weight": // DINO's code
		return draw(normal(0.02))
	case dino && last == "bias", name == "centre", name == "patch_centre":
		return 0, nil, true
	case last == "weight" && machine: // Hinton 2010, UTML TR 2010-003, section 8
		return draw(normal(0.01))
	case last == "bias" && machine:
		return 0, nil, true
	case last == "weight" && (made || strings.HasPrefix(name, "discriminator/") &&
		len(shape) == 4):
		// DCGAN, section 4
		return draw(normal(0.02))
	case last == "bias" && made:
		// of a transposed convolution as PyTorch's, whose fan in is that of its transpose
		w := st.Get(at + "/weight").Shape
		return draw(uniform(1 / math.Sqrt(float64(w[0]*w[1]*w[2]))))
	case last == "bias" && strings.HasPrefix(name, "discriminator/") && len(st.Get(at+"/weight").Shape) == 4:
		w := st.Get(at + "/weight").Shape
		return draw(uniform(1 / math.Sqrt(float64(w[0]*w[1]*w[2]))))
	case last == "weight" && len(shape) == 4: // [k,k,in,out]: He et al. 2015, eq. 14, the fan out
		return draw(normal(math.Sqrt(2 / float64(shape[0]*shape[1]*shape[3]))))
	case last == "weight" && transformer: // [in,out]: Glorot and Bengio 2010, eq. 16, as in MAE's and MoCo v3's code
		return draw(uniform(math.Sqrt(6 / float64(shape[0]+shape[1]))))
	case last == "bias" && transformer:
		return 0, nil, true
	case at == "hypernetwork" && last == "weight":
		// its nn.Linear reads what was done to a view, and one of its maps is the bias
		return draw(uniform(1 / math.Sqrt(float64(shape[1]/shape[0]-1))))
	case at == "group": // a Lie group's generators: near no motion
		return draw(uniform(1 / float64(shape[0])))
	case name == "predictor/weight" && st.Get("second_moments") != nil: // DirectPred: made of the moments
		return 0, nil, true
	case name == "clusters/weight": // CAPI's code, of unit rows
		return draw(normal(1))
	case name == "prototypes/weight": // SwAV: [out,in], nn.Linear without bias
		return draw(uniform(1 / math.Sqrt(float64(shape[1]))))
	case last == "bias" && strings.Contains(name, "/context/") && path.Base(at) != "in":
		// CPC on patches: of convolutions, zero
		return 0, nil, true
	case last == "weight" && len(shape) == 2: // nn.Linear
		return draw(uniform(1 / math.Sqrt(float64(shape[0]))))
	case at == "hypernetwork" && last == "bias": // SIE: the linear layer that makes the map makes its offset too
		return draw(uniform(1 / math.Sqrt(float64(st.Get(name).Shape[0]-1))))
	case last == "bias":
		return draw(uniform(1 / math.Sqrt(float64(st.Get(at + "/weight").Shape[0]))))
	case name == "seen": // colorization: a colour in every cell before the first step
		return 1, nil, true
	case name == "second_moments": // TiCo: a moving mean that begins at nothing
		return 0, nil, true
	case name == "cluster_weights": // DeepCluster: before the first clusters
		return 1, nil, true
	case name == "targets": // NaT: rows of unit length, drawn from a normal distribution
		return draw(normal(1 / math.Sqrt(float64(st.Get(name).Shape[1]))))
	case strings.HasPrefix(name, "clusters") && last == "phi": // PCL: concentrations before the first clusters
		return 1, nil, true
	case strings.HasPrefix(name, "clusters") && last == "centres", name == "memory": // PCL: no sample was seen
		return 0, nil, true
	case name == "codebook": // the dVAE's, an nn.Embedding
		return draw(normal(1))
	case name == "codebook/counts": // VQ-VAE: each code one vector
		return 1, nil, true
	case name == "codebook/sums":
		return draw(normal(1))
	case name == "prototypes": // MSN's code: as nn.Linear
		return draw(uniform(1 / math.Sqrt(float64(st.Get(name).Shape[1]))))
	case last == "queue" || last == "bank":
		// rows of unit length, drawn from a normal distribution: MoCo's code, and that of instance discrimination
		return draw(normal(1 / math.Sqrt(float64(st.Get(name).Shape[1]))))
	case at == "memory" || at == "prototypes":
		// DeepCluster v2: no sample was seen, and the first clusters come after the first epoch
		return 0, nil, true
	case name == "context" && st.Get("backbone/embedding") != nil: // word2vec's code
		return 0, nil, true
	case slices.Contains([]string{"special", "second", "embedding"}, last): // as symbols
		return draw(normal(0.02))
	case last == "symbols" || last == "class" || last == "position" || last == "mask":
		return draw(normal(0.02))
	}
	return 0, nil, false
}

// Every parameter of every shipped recipe and backbone starts as the papers say, by its deviation and bounds; running
// statistics start as mean 0 and variance 1, moments as 0, and a teacher as its student. No two parameters start
// alike, nor with another seed.
func TestInitialisation(t *testing.T) {
	cases := map[string][]string{
		"resnet18": {"quickstart.toml", "backbone.resnet.depth=18", "backbone.resnet.width=0.25",
			`backbone.resnet.stem="3x3"`},
		"resnet50": {"quickstart.toml", "backbone.resnet.depth=50", "backbone.resnet.width=0.125",
			`backbone.resnet.stem="7x7"`, "views.crop=32"},
		"mlp": {"quickstart.toml", "backbone.mlp.widths=[64,32]"},
		"vit": {"vicreg.toml", "backbone.vit.dim=48", "backbone.vit.depth=2", "backbone.vit.heads=3",
			"backbone.vit.patch=4"},
	}
	cases["convnext"] = []string{"vicreg.toml", "backbone.convnext.version=2", "backbone.convnext.dims=[16,24]",
		"backbone.convnext.depth=[1,1]", "backbone.convnext.patch=4"}
	for _, recipe := range recipes.Names() {
		cases[recipe] = []string{recipe}
	}
	for _, name := range []string{"bart", "bert", "coco_lm", "declutr", "electra", "gpt", "mlm", "simcse", "spelling",
		"t5", "ul2"} {
		cases[name+".toml"] = append(cases[name+".toml"], "backbone.transformer.deviation=0.02") // BERT's
	}
	// of a batch as small as this test's
	cases["wmse.toml"] = append(cases["wmse.toml"], "method.wmse.sub_batch=8", "method.wmse.projector=[64,4]")
	// few labels in a small batch
	for _, name := range []string{"mean_teacher", "mixmatch", "pseudo_label", "vat", "vime_semi"} {
		cases[name+".toml"] = append(cases[name+".toml"], "sampler.two_streams.labelled=4")
	}
	cases["dcca.toml"] = append(cases["dcca.toml"], "method.dcca.projector=[64,4]")
	cases["dccae.toml"] = append(cases["dccae.toml"], "method.dccae.projector=[64,4]")
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			sets := append(c[1:], "train.batch=8")
			s, err := experiment.Prepare(loadShipped(t, c[0], sets))
			if err != nil {
				t.Fatal(err)
			}
			other, err := experiment.Prepare(loadShipped(t, c[0], append(sets, "seed=2")))
			if err != nil {
				t.Fatal(err)
			}
			seen := map[[3]float32]string{}
			for _, l := range s.Leaves {
				e := s.Store.Get(l.Name)
				switch {
				case l.Name == "replay": // what an agent did
				case constantOfRun(l.Name) || l.Kind == graph.State && strings.HasSuffix(l.Name, "position"):
					// keys; sines and cosines
				case studentOf(l.Name) != l.Name && !strings.HasSuffix(l.Name, "/running") && name != "dbot.toml":
					// dBOT's target is another network, drawn at random
					if !slices.Equal(e.F32, s.Store.Get(studentOf(l.Name)).F32) {
						t.Errorf("%s does not start as its student", l.Name)
					}
				case strings.HasSuffix(l.Name, "/running"):
					half := len(e.F32) / 2
					expectAll(t, l.Name+", means", e.F32[:half], 0)
					expectAll(t, l.Name+", variances", e.F32[half:], 1)
				case e.DType == ir.I32: // DeepCluster v2: no sample has a cluster
					if i := slices.IndexFunc(e.I32, func(v int32) bool { return v != -1 }); i >= 0 {
						t.Errorf("%s: element %d is %d, want -1", l.Name, i, e.I32[i])
					}
				case l.Kind == graph.Moment:
					expectAll(t, l.Name, e.F32, 0)
				default:
					constant, random, ok := startOf(s.Store, l.Name)
					if !ok {
						t.Errorf("%s %v %v: nobody says what it starts as: add it to startOf, with the paper", l.Name,
							l.Kind, e.Shape)
						continue
					}
					if random == nil {
						expectAll(t, l.Name, e.F32, float32(constant))
						continue
					}
					expectDrawn(t, l.Name+fmt.Sprint(e.Shape), begunAtHalf(s.Store, l.Name, e.F32), *random)
					var begin [3]float32
					copy(begin[:], e.F32)
					if twin := seen[begin]; twin != "" {
						t.Errorf("%s and %s start with the same numbers %v", l.Name, twin, begin)
					}
					seen[begin] = l.Name
					if slices.Equal(e.F32, other.Store.Get(l.Name).F32) {
						t.Errorf("%s starts with the same numbers with seeds 1 and 2", l.Name)
					}
				}
			}
		})
	}
}

// begunAtHalf is CURL's weights of scores less their mean, and other parameters as they are.
func begunAtHalf(st *graph.Store, name string, v []float32) []float32 {
	if name != "score/weight" || st.Get("code/weight") != nil {
		return v
	}
	less := slices.Clone(v)
	for i := range less {
		less[i] -= 0.5
	}
	return less
}

// studentOf is the entry that a teacher's follows, or the entry itself.
func studentOf(name string) string {
	if of, ok := strings.CutPrefix(name, "key/"); ok { // MoCo's keys
		return of
	}
	return strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(name, "teacher/"), "average/"), "target/")
}

func expectAll(t *testing.T, what string, v []float32, want float32) {
	t.Helper()
	for i, x := range v {
		if x != want {
			t.Errorf("%s: element %d is %v, want %v", what, i, x, want)
			return
		}
	}
}

// expectDrawn allows five deviations of what n numbers of the distribution give.
func expectDrawn(t *testing.T, what string, v []float32, d drawn) {
	t.Helper()
	var sum, squares, largest float64
	n := float64(len(v))
	for _, x := range v {
		sum, squares, largest = sum+float64(x), squares+float64(x)*float64(x), max(largest, math.Abs(float64(x)))
	}
	mean, std := sum/n, math.Sqrt(squares/n)
	if allowed := 5 * d.std / math.Sqrt(n); math.Abs(mean) > allowed {
		t.Errorf("%s: the mean is %.4g, want 0 within %.2g (%s)", what, mean, allowed, d.what)
	}
	if allowed := 5 * d.std * math.Sqrt((d.fourth-1)/(4*n)); math.Abs(std-d.std) > allowed {
		t.Errorf("%s: the deviation is %.4g, want %.4g within %.2g (%s)", what, std, d.std, allowed, d.what)
	}
	switch {
	case d.bound > 0 && largest > d.bound*(1+1e-6):
		t.Errorf("%s: the largest number is %.6g (%s)", what, largest, d.what)
	case d.bound == 0 && n >= 300 && largest < 2*d.std: // once in a million
		t.Errorf("%s: the largest number is %.4g (%s)", what, largest, d.what)
	}
}
