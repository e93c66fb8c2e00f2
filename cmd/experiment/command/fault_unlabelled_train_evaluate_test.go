package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write puts files, by name below a folder, to disk.
func write(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, data := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// stl is a set in STL-10's format: 20 labelled training images, 10 test images and 20 without labels.
func stl(t *testing.T) string {
	t.Helper()
	const image = 3 * 96 * 96
	images := func(n, seed int) []byte {
		b := make([]byte, n*image)
		for i := range b {
			b[i] = byte(seed*i/image*7 + i%96*2)
		}
		return b
	}
	labels := func(n int) (b []byte) {
		for i := range n {
			b = append(b, byte(1+i%10))
		}
		return b
	}
	dir := t.TempDir()
	write(t, dir, map[string][]byte{
		"train_X.bin": images(20, 1), "train_y.bin": labels(20), "test_X.bin": images(10, 2), "test_y.bin": labels(10),
		"unlabeled_X.bin": images(20, 3),
	})
	return dir
}

// lastRun is the only run folder below a root.
func lastRun(t *testing.T, root string) string {
	t.Helper()
	dirs, _ := filepath.Glob(filepath.Join(root, "*"))
	if len(dirs) != 1 {
		t.Fatalf("run folders %v, want one", dirs)
	}
	return dirs[0]
}

// A set whose training images have no labels is evaluated with labelled ones where it has them, and refused before the
// training where it has none, with the setting that helps; the dry run says the same. Nothing fails after the training.
func TestFaultUnlabelledTrainEvaluate(t *testing.T) {
	at := stl(t)
	bare := stl(t)
	for _, name := range []string{"train_X.bin", "train_y.bin"} {
		if err := os.Remove(filepath.Join(bare, name)); err != nil {
			t.Fatal(err)
		}
	}
	onSTL := func(dir, train string, sets ...string) []string {
		return append([]string{fmt.Sprintf("dataset.stl10.path=%q",
			dir), fmt.Sprintf("dataset.stl10.train=%q", train), "dataset.stl10.partial=true", "views.crop=32"}, sets...)
	}
	onPhotos := func(sets ...string) []string {
		return append([]string{fmt.Sprintf("dataset.folder.train=%q",
			pictures(t, 20, 0, "")), fmt.Sprintf("dataset.folder.test=%q", pictures(t, 4, 0, "a", "b"))}, sets...)
	}
	const noEval = "evaluate.knn=false"
	for _, c := range []struct {
		name    string
		sets    []string
		status  int
		dry     string // in what the dry run prints
		message string // of a refusal
	}{
		{"stl10 as its authors meant it", onSTL(at, "unlabeled"), 0, "the method sees 20 training images, " +
			"evaluations learn from 20", ""},
		{"stl10 with both", onSTL(at, "train+unlabeled"), 0, "the method sees 40 training images, evaluations " +
			"learn from 20", ""},
		{"stl10, few shots", onSTL(at, "unlabeled", "labelled.few_shot.per_class=1", "evaluate.knn.every=0",
			"evaluate.linear.l2=[0.01]"), 0, "evaluations learn from 10", ""},
		{"stl10, one shot, nothing to choose on", onSTL(at, "unlabeled", "labelled.few_shot.per_class=1"), 2, "",
			"leaves none of the 10 labelled training images out, as each is the only one of its class; want every = 0"},
		{"stl10 without labelled images", onSTL(bare, "unlabeled"), 2, "",
			"no labels in its training set of 20 images; switch it off with [evaluate] knn = false, or put " +
				"train_X.bin and train_y.bin beside"},
		{"stl10 without an evaluation", onSTL(bare, "unlabeled", noEval), 0, "20 training and 10 test images", ""},
		{"supervised on stl10's unlabelled images", onSTL(at, "unlabeled", `method="supervised"`, noEval), 2, "",
			`[method.supervised] learns from the labels of the training images, and this dataset.stl10 has no labels`},
		{"unlabelled photos with a labelled test", onPhotos("dataset.folder.unlabelled=true"), 2, "",
			"has no labels in its training set of 20 images"},
		{"the same, not said to be unlabelled", onPhotos(), 2, "", "has no labels in its training set of 20 images"},
		{"the same without an evaluation", onPhotos(noEval), 0, "20 training and 8 test images", ""},
		{"supervised on unlabelled photos", onPhotos(noEval, `method="supervised"`), 2, "", "has no labels"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			args := append([]string{"run", "quickstart.toml", "--runs", root}, tiny...)
			for _, s := range append([]string{"train.batch=8"}, c.sets...) {
				args = append(args, "--set", s)
			}
			for _, more := range [][]string{{"--dry-run"}, nil} {
				status, out, errs := call(append(args, more...)...)
				if status != c.status || !strings.Contains(errs, c.message) || more != nil &&
					!strings.Contains(out, c.dry) {
					t.Errorf("%v: status %d, want %d; want %q in\n%s\nand %q in\n%s",
						more, status, c.status, c.dry, head(out), c.message, errs)
				}
			}
			if dirs, _ := filepath.Glob(filepath.Join(root, "*")); c.status != 0 && len(dirs) > 0 {
				t.Errorf("refused, and run folders %v", dirs)
			}
		})
	}
}

// [method.supervised] with [labelled.few_shot] trains on the labelled images alone; other methods see all images, and
// the probe beside them only the labels of the labelled ones.
func TestFewShotTraining(t *testing.T) {
	photos := pictures(t, 50, 0, "a", "b") // 40 + 10 of each
	sets := func(more ...string) []string {
		return append(onFolder(photos), onFolder("", append([]string{"labelled.few_shot.per_class=4"},
			more...)...)[4:]...)
	}
	for _, c := range []struct {
		sets   []string
		status int
		out    string
		errs   string
	}{
		{sets(`method="supervised"`), 0, "the method sees 8 training images, evaluations learn from 8", ""},
		{sets(`method="supervised"`, "subset.few_shot.per_class=3"), 2, "",
			"train.batch = 8, but the training set of folder has 6 images"},
		{sets(`method="supervised"`, "train.batch=9"), 2, "", "has 8 images; want at most that; they are those " +
			"of [labelled.few_shot], all that [method.supervised] learns from"},
		{sets(), 0, "the method sees 80 training images, evaluations learn from 8", ""},
	} {
		status, out, errs := call(append(append([]string{"run", "quickstart.toml", "--dry-run"}, tiny...),
			c.sets...)...)
		if status != c.status || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) {
			t.Errorf("%q: status %d, want %d; want %q in\n%s\nand %q in\n%s",
				c.sets, status, c.status, c.out, head(out), c.errs, errs)
		}
	}
	root := t.TempDir()
	args := append(append([]string{"run", "quickstart.toml", "--runs", root}, tiny...),
		sets("evaluate.knn=false", `train.log="1 step"`, `train.length="40 steps"`)...)
	if status, _, errs := call(args...); status != 0 {
		t.Fatal(errs)
	}
	text, err := os.ReadFile(filepath.Join(lastRun(t, root), "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines, without, whole := bytes.Split(bytes.TrimSpace(text), []byte("\n")), 0, 0
	for _, line := range lines {
		var m map[string]float64
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		switch a, ok := m["probe/accuracy"]; {
		case !ok:
			without++
			if m["probe/loss"] != 0 {
				t.Errorf("%s: no label, and a loss of the probe", line)
			}
		case a == 1:
			whole++ // one of one or two labelled images of a batch; diluted it would be 1/8 or 2/8
		}
	}
	if len(lines) != 40 || without == 0 || whole == 0 {
		t.Errorf("%d lines, %d without an accuracy of the probe, %d with 1; want 40, and some of both",
			len(lines), without, whole)
	}
}
