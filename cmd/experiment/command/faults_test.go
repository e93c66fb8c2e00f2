package command

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// picture is a small PNG whose grey values depend on seed.
func picture(t *testing.T, seed int) []byte {
	t.Helper()
	p := image.NewGray(image.Rect(0, 0, 28, 28))
	for i := range p.Pix {
		p.Set(i%28, i/28, color.Gray{uint8(seed*i + i/7)})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pictures fills a folder with n images in each of the classes ("" is the folder itself), the first bad of them cut
// off.
func pictures(t *testing.T, n, bad int, classes ...string) string {
	t.Helper()
	dir := t.TempDir()
	for c, class := range classes {
		if err := os.MkdirAll(filepath.Join(dir, class), 0o777); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			data := picture(t, 1+i+c*n)
			if i < bad {
				data = data[:len(data)/2]
			}
			if err := os.WriteFile(filepath.Join(dir, class, fmt.Sprintf("%02d.png", i)), data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// onFolder is the overrides that train on a folder of pictures.
func onFolder(dir string, sets ...string) (args []string) {
	for _, s := range append([]string{fmt.Sprintf("dataset.folder.train=%q", dir), "train.batch=8"}, sets...) {
		args = append(args, "--set", s)
	}
	return args
}

// Data and settings that a run cannot use end it with the promised status and a message that says what, where, and what
// would be right.
func TestBadData(t *testing.T) {
	cut := filepath.Join(t.TempDir(), "train-images.idx")
	if err := os.WriteFile(cut, []byte("\x00\x00\x08\x03\x00\x00\x00\x40\x00\x00\x00\x1c\x00\x00\x00\x1cshort"),
		0o666); err != nil {
		t.Fatal(err)
	}
	noise := filepath.Join(t.TempDir(), "noise.idx.gz")
	if err := os.WriteFile(noise, bytes.Repeat([]byte("noise"), 100), 0o666); err != nil {
		t.Fatal(err)
	}
	idx := func(path string) []string { return []string{"--set", fmt.Sprintf("dataset.idx.train_images=%q", path)} }
	const noEval = "evaluate.knn=false"
	broken := pictures(t, 20, 3, "")
	for _, c := range []struct {
		name   string
		args   []string
		status int
		parts  []string
	}{
		{"a data file that is cut", idx(cut), 3, []string{cut}},
		{"a data file that is none", idx(noise), 3, []string{noise}},
		{"bad images above the limit", onFolder(broken, noEval, "dataset.folder.max_skipped=2"), 3,
			[]string{"3 of 20 images are refused, max_skipped allows 2", filepath.Join(broken, "00.png")}},
		{"no labels to evaluate with", onFolder(pictures(t, 20, 0, "")), 2,
			[]string{"has no labels", "switch it off with [evaluate] knn = false"}},
		{"no test set to evaluate with", onFolder(pictures(t, 20, 0, "a", "b"), "dataset.folder.test_fraction=0"), 2,
			[]string{"has no test set", "switch it off"}},
		{"a loss that is no number", []string{"--set", `optimizer="sgd"`, "--set", "optimizer.sgd.rate=1e30", "--set",
			`optimizer.sgd.warmup="0 steps"`}, 4, []string{"train: step ", "last finite step"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append(append([]string{"run", "quickstart.toml", "--runs", t.TempDir()}, tiny...), c.args...)
			status, out, errs := call(args...)
			if status != c.status || out != "" {
				t.Errorf("status %d, want %d; standard output %q, want none; messages %s", status, c.status, out, errs)
			}
			for _, part := range c.parts {
				if !strings.Contains(errs, part) {
					t.Errorf("want %q in %s", part, errs)
				}
			}
		})
	}
}

// A folder of pictures trains without labels if nothing evaluates, and with some that do not decode: the run folder
// counts and names them. Standard output has the answer alone.
func TestPlainFolder(t *testing.T) {
	root := t.TempDir()
	args := append(append([]string{"run", "quickstart.toml", "--runs", root}, tiny...), onFolder(pictures(t, 20, 3, ""),
		"evaluate.knn=false", "dataset.folder.max_skipped=3")...)
	status, out, errs := call(args...)
	if status != 0 || !strings.Contains(errs, "3 images left out, see ") {
		t.Fatalf("status %d: %s", status, errs)
	}
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 2 || !strings.HasPrefix(lines[0],
		"6 steps in ") || !strings.HasPrefix(lines[1], "run folder: "+root) {
		t.Errorf("standard output\n%swant the summary alone", out)
	}
	dirs, _ := filepath.Glob(filepath.Join(root, "*"))
	if len(dirs) != 1 {
		t.Fatalf("run folders %v, want one", dirs)
	}
	for file, want := range map[string]string{"left_out.txt": "02.png: ", "run.json": `"left_out": 3,`,
		"log.txt": "3 images left out", "metrics.jsonl": `"step":6,`} {
		text, err := os.ReadFile(filepath.Join(dirs[0], file))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, want %q in\n%s", file, err, want, text)
		}
	}
	if text, _ := os.ReadFile(filepath.Join(dirs[0], "left_out.txt")); bytes.Count(text, []byte("\n")) != 3 {
		t.Errorf("left_out.txt has not three lines:\n%s", text)
	}
	if _, err := os.Stat(filepath.Join(dirs[0], "checkpoints", "best")); err == nil {
		t.Error("a best checkpoint without an evaluation")
	}
	if status, _, errs := call("export", dirs[0], "--best"); status != 3 ||
		!strings.Contains(errs, "has no best checkpoint") {
		t.Errorf("export --best: status %d: %s", status, errs)
	}
}
