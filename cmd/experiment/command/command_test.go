package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"selfsup/recipes"
)

// TestMain lets the tests start this binary as the command itself.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_AS_COMMAND") != "" {
		if os.Getenv("TEST_FULL_DISK") != "" {
			signal.Ignore(syscall.SIGXFSZ) // the limit of the file size then reads like a full disk
		}
		if name := os.Getenv("TEST_NAME"); name != "" {
			os.Args[0] = name // as a shell gives it
		}
		os.Exit(Main(recipes.Builtin(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func call(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = Main(recipes.Builtin(), args, &out, &err)
	return status, out.String(), err.String()
}

// What the command line says to right and wrong words: status, and a part of what it prints.
func TestWords(t *testing.T) {
	for _, c := range []struct {
		args      string
		status    int
		out, errs string
	}{
		{"", 0, "experiment run recipes/quickstart.toml", ""},
		{"--help", 0, "Exit status", ""},
		{"run --help", 0, "experiment run quickstart.toml --set", ""},
		{"rnu", 2, "", "did you mean run or runs?"},
		{"run", 2, "", "usage: experiment run RECIPE"},
		{"run a b", 2, "", "usage: experiment run RECIPE"},
		{"run quickstart.toml --sett x", 2, "", "unknown flag: --sett"},
		{"run nowhere.toml", 2, "", "no such file"},
		{"run quickstart.toml --set method.simclr.temprature=1", 2, "", "did you mean temperature?"},
		{"run quickstart.toml --set device=cuda", 2, "", "no CUDA backend"},
		{"run quickstart.toml --set precision=fp16", 2, "", "want \"fp32\" or \"bf16\""},
		{"run quickstart.toml --set train.batch=5000", 2, "", "3000 images"},
		{"run quickstart.toml --set views.crop=4", 2, "", "smaller than the network's stride"},
		{"run quickstart.toml --set backbone.resnet.depth=19", 2, "", "18, 34, 50, 101 or 152"},
		{"run quickstart.toml --set views.flip=2", 2, "", "probability"},
		{"run quickstart.toml --dry-run --set dataset.folder.train=nowhere", 3, "", "nowhere"},
		{"run quickstart.toml --dry-run --set dataset.idx.train_images=nowhere --set dataset.idx.train_labels=x", 3, "",
			"nowhere"},
		{"list methods --threads none", 2, "", "--threads none: want a number"},
		{"list methods --threads 2", 0, "byol", ""},
		{"list methods", 0, "SimCLR makes the two views of an image recognise each other", ""},
		{"list methods", 0, "\nSection 2.2 of the Cookbook\n", ""},
		{"list methods", 0, "arXiv:2002.05709  SimCLR makes", ""},
		{"show moco", 0, "Chen, Fan, Girshick, He 2020, arXiv:2003.04297, section 3; the loss is eq. 1", ""},
		{"show moco", 0, "\nqueue = 65536    # integer\n    keys of past steps\n", ""},
		{"show moco --origins", 2, "", "moco is a method"},
		{"list methods simclr", 0, "\ntemperature = 0.1    # float\n    of the cosine similarities\n", ""},
		{"list methods simclr --json", 0,
			`{"name":"temperature","type":"float","default":"0.1","comment":"of the cosine similarities"}`, ""},
		{"list methods --json", 0, `{"name":"byol","description":"BYOL makes `, ""},
		{"list methods byoll", 2, "", "want one of "},
		{"list recipes", 0, "SimCLR on Fashion-MNIST-4k", ""},
		{"list recipes vicreg.toml", 0, "base = \"quickstart.toml\"\n", ""},
		{"list colours", 2, "", "colours"},
		{"diff quickstart.toml quickstart.toml", 0, "same settings", ""},
		{"diff quickstart.toml vicreg.toml", 0, "simclr", ""},
		{"show vicreg.toml --origins", 0, "# paper default", ""},
		{"show quickstart.toml", 0, "conv2d_dw", ""},
		{"show quickstart.toml --dot", 0, "digraph program {", ""},
		{"resume nowhere", 3, "", "is no run folder"},
		{"eval nowhere", 3, "", "is no run folder"},
		{"views quickstart.toml", 2, "", "want a file to write"},
		{"views quickstart.toml -o x.png --rows 0", 2, "", "--rows 0: want 1 to 1024"},
		{"views quickstart.toml -o nowhere/x.png", 1, "", "nowhere"},
		{"export nowhere", 3, "", "is no run folder"},
		{"export", 2, "", "usage: experiment export RUN"},
		{"completion bash", 0, "bash completion", ""},
	} {
		status, out, errs := call(strings.Fields(c.args)...)
		if status != c.status || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) {
			t.Errorf("experiment %s: status %d, want %d; want %q in\n%s\nand %q in\n%s", c.args, status, c.status,
				c.out, head(out), c.errs, errs)
		}
	}
}

func head(s string) string { return s[:min(len(s), 1000)] }

// tiny is a run of a second.
var tiny = []string{
	"--set", "backbone.convnet.widths=[8,16]", "--set", "train.batch=64", "--set", `train.length="6 steps"`, "--set",
	"method.simclr.projector=[16,16]",
	"--set", `train.checkpoint="2 steps"`, "--set", "evaluate.linear=false",
}

// run --json ends with one object that has the promised keys, and resume, eval and diff work on its folder.
func TestRunFolder(t *testing.T) {
	root := t.TempDir()
	status, out, errs := call(append(append([]string{"run", "quickstart.toml", "--json", "--runs", root}, tiny...),
		"--set", "evaluate.linear.iterations=3")...)
	if status != 0 {
		t.Fatalf("status %d: %s", status, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var sum struct {
		Run             string
		Steps           int
		Seconds         float64
		ImagesPerSecond float64 `json:"images_per_second"`
		PeakRSSMB       float64 `json:"peak_rss_mb"`
		Evaluations     []struct {
			Protocol, Representation, Metric string
			Value                            float64
			K                                int
		}
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &sum); err != nil {
		t.Fatalf("last line %q: %v", lines[len(lines)-1], err)
	}
	if sum.Steps != 6 || sum.Seconds <= 0 || sum.ImagesPerSecond <= 0 || filepath.Dir(sum.Run) != root {
		t.Errorf("summary %+v", sum)
	}
	seen := map[string]bool{}
	for _, e := range sum.Evaluations {
		if e.Value <= 0 || e.Value > 1 || e.Protocol == "knn" && e.K != 20 {
			t.Errorf("evaluation %+v", e)
		}
		seen[e.Protocol+" "+e.Representation+" "+e.Metric] = true
	}
	for _, want := range []string{"knn trained top1", "knn untrained top1", "knn pixels top1", "linear trained top1",
		"linear untrained top1", "linear pixels top1"} {
		if !seen[want] {
			t.Errorf("no evaluation %q in %s", want, out)
		}
	}
	for _, file := range []string{"recipe.toml", "recipe.resolved.toml", "recipe.origins.toml", "run.json",
		"environment.json", "metrics.jsonl", "summary.json", "checkpoints/last", "checkpoints/best", "log.txt",
		"heartbeat", "export/encoder.safetensors"} {
		if _, err := os.Stat(filepath.Join(sum.Run, file)); err != nil {
			t.Error(err)
		}
	}
	if sum.PeakRSSMB <= 0 {
		t.Errorf("peak memory %v MB", sum.PeakRSSMB)
	}
	if status, out, errs := call("export", sum.Run); status != 0 || out != filepath.Join(sum.Run, "export",
		"encoder.safetensors")+"\n" {
		t.Errorf("export: %d %s %s", status, out, errs)
	}
	if status, _, errs := call("eval", sum.Run, "--best"); status != 0 {
		t.Errorf("eval --best: %d %s", status, errs)
	}
	if status, _, errs := call("resume", sum.Run); status != 1 || !strings.Contains(errs, "is done") {
		t.Errorf("resume of a finished run: %d %s", status, errs)
	}
	status, out, errs = call("eval", sum.Run, "--set", "evaluate.knn.k=[3]")
	if status != 0 || !strings.Contains(out, "knn k=3 top1") {
		t.Errorf("eval: %d %s %s", status, out, errs)
	}
	status, out, _ = call("diff", sum.Run, sum.Run)
	if status != 0 || !strings.Contains(out, "+0.0000") {
		t.Errorf("diff of two runs: %d %s", status, out)
	}
	status, out, errs = call("table", sum.Run)
	for _, e := range sum.Evaluations {
		if cell := fmt.Sprintf(" | %.3f (", e.Value); status != 0 || e.Metric == "top1" &&
			!strings.Contains(out, cell) {
			t.Errorf("table: %d %s %s, want %q", status, out, errs, cell)
		}
	}
}
