package command

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fill puts n pictures into each folder below dir.
func fill(t *testing.T, dir string, n int, folders ...string) {
	t.Helper()
	files := map[string][]byte{}
	for k, f := range folders {
		for i := range n {
			files[fmt.Sprintf("%s/%02d.png", f, i)] = picture(t, 1+k*n+i)
		}
	}
	write(t, dir, files)
}

// says calls a command and looks for parts of what it prints.
func says(t *testing.T, status int, args []string, parts ...string) string {
	t.Helper()
	got, out, errs := call(args...)
	if got != status {
		t.Errorf("experiment %q: status %d, want %d: %s", args, got, status, errs)
	}
	plain := strings.Join(strings.Fields(out+errs), " ") // of a table, any width
	for _, p := range parts {
		if !strings.Contains(plain, strings.Join(strings.Fields(p), " ")) {
			t.Errorf("experiment %q: want %q in\n%s%s", args, p, out, errs)
		}
	}
	return out + errs
}

// A folder with the parts of a set is read by the names that people give them, in any case; what lies beside and is not
// read is named.
func TestFaultRootValidationIgnored(t *testing.T) {
	for _, name := range []string{"validation", "Val", "dev", "DEV", "Valid", "TEST"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fill(t, dir, 10, "train/a", "train/b")
			fill(t, dir, 3, name+"/a", name+"/b")
			says(t, 0, []string{"data", "info", dir}, "train  20", "test   6 ")
			says(t, 3, append([]string{"run", "quickstart.toml", "--dry-run"}, onFolder(dir)...),
				"holds the folders train and "+name)
			root := append(append([]string{"run", "quickstart.toml", "--dry-run"}, tiny...),
				onFolder("", fmt.Sprintf("dataset.folder.root=%q", dir))...)
			says(t, 0, root, "20 training and 6 test images")
			says(t, 3, append([]string{"run", "quickstart.toml", "--dry-run"},
				onFolder(dir, "dataset.folder.class_depth=2")...), "holds the folders train and "+name)
		})
	}
	dir := t.TempDir()
	fill(t, dir, 10, "Train/a", "Train/b")
	fill(t, dir, 2, "val/a", "val/b", "test/a", "holdout/a", ".hidden")
	write(t, dir, map[string][]byte{"loose.png": picture(t, 3)})
	out := says(t, 0, []string{"data", "info", dir}, "test   4 ", "folders beside Train that are not read: "+
		"holdout, test; val is the test set", "1 images beside Train that are not read: loose.png")
	if strings.Contains(out, "hidden") {
		t.Errorf("a hidden folder is named: %s", out)
	}
	says(t, 0, []string{"data", "verify", dir}, "note: folders beside Train that are not read: holdout, test")
	runs := t.TempDir()
	args := append(append([]string{"run", "quickstart.toml", "--runs", runs}, tiny...),
		onFolder("", fmt.Sprintf("dataset.folder.root=%q", dir))...)
	says(t, 0, args, "note: folders beside Train that are not read: holdout, test")
	if text, err := os.ReadFile(filepath.Join(lastRun(t, runs), "log.txt")); err != nil ||
		!strings.Contains(string(text), "folders beside Train") {
		t.Errorf("log.txt: %v, want the note in it:\n%s", err, text)
	}
	fill(t, dir, 2, "train/a")
	says(t, 3, []string{"data", "info", dir}, "differ in case alone")
	inside := t.TempDir()
	fill(t, inside, 4, "a", "b", "mine/a")
	says(t, 3, append([]string{"run", "quickstart.toml", "--dry-run"},
		onFolder(inside, fmt.Sprintf("dataset.folder.test=%q", filepath.Join(inside, "mine")))...),
		"one lies in the other")
}

// Every class that has two images has one in the test set; where some have none, they are named.
func TestFaultTestSetOfOneClass(t *testing.T) {
	dir := t.TempDir()
	var two []string
	for i := range 9 {
		two = append(two, fmt.Sprintf("c%02d", i))
	}
	fill(t, dir, 2, two...)
	fill(t, dir, 20, "big")
	out := says(t, 0, []string{"data", "info", dir}, "test   13 ", "c03        1     1", "big       16     4")
	if strings.Contains(out, "no test image") {
		t.Errorf("every class has a test image: %s", out)
	}
	fill(t, dir, 1, "lone", "only")
	says(t, 0, []string{"data", "info", dir}, "note        2 of 12 classes have no test image: lone, only")
	runs := t.TempDir()
	says(t, 0, append(append([]string{"run", "quickstart.toml", "--runs", runs}, tiny...), onFolder(dir)...),
		"note: 2 of 12 classes have no test image: lone, only")
	says(t, 0, append([]string{"run", "quickstart.toml", "--dry-run"},
		append(tiny, onFolder(dir, "evaluate.knn=false", "dataset.folder.test_fraction=0")...)...), "and 0 test images")

	// a set that is divided already, and labels of a file
	divided := t.TempDir()
	fill(t, divided, 4, "train/a", "train/b", "train/c", "test/a", "test/b")
	says(t, 0, []string{"data", "info", divided}, "1 of 3 classes have no test image: c")
}

// One class is said to be one class.
func TestFaultOneClassMessage(t *testing.T) {
	dir := pictures(t, 10, 0, "cat")
	args := append([]string{"run", "quickstart.toml", "--runs", t.TempDir()}, append(tiny, onFolder(dir)...)...)
	out := says(t, 2, args,
		`one class, "cat"; classification needs two or more; switch it off with [evaluate] knn = false`)
	if strings.Contains(out, "has no labels") {
		t.Errorf("a folder with a class is said to have no labels: %s", out)
	}
	says(t, 2, append(args, "--set", `method="supervised"`), `[method.supervised] learns from the labels`,
		`one class, "cat"`)
	says(t, 0, append(args, "--set", "evaluate.knn=false"), "6 steps in ")
}

// Refused images are named with their reason wherever they are counted, and the share for the test is taken of images
// that decode.
func TestFaultInfoHidesRefused(t *testing.T) {
	bad := t.TempDir()
	write(t, bad, map[string][]byte{"a/x.bmp": []byte("BM no bitmap"), "a/y.tif": []byte("II*\x00")})
	for _, verb := range []string{"info", "verify"} {
		says(t, 3, []string{"data", verb, bad}, "every training image is refused",
			filepath.Join(bad, "a", "x.bmp")+": ", filepath.Join(bad, "a", "y.tif")+": ")
	}
	some := t.TempDir()
	fill(t, some, 12, "a", "b")
	write(t, some, map[string][]byte{"a/html.jpg": []byte("<!DOCTYPE html>"), "b/zero.png": {}})
	says(t, 0, []string{"data", "info", some}, "left out    2 images", filepath.Join(some, "a", "html.jpg")+": ",
		filepath.Join(some, "b", "zero.png")+": the file is empty")
	_, out, _ := call("data", "info", some, "--json")
	var info struct {
		LeftOut int `json:"left_out"`
		Refused []struct{ Name, Error string }
	}
	if err := json.Unmarshal([]byte(out), &info); err != nil || info.LeftOut != 2 || len(info.Refused) != 2 ||
		info.Refused[1].Error != "the file is empty" {
		t.Errorf("info --json: %v, want both with a reason: %s", err, out)
	}
	// of five files a class, the one that the split draws for the test may be damaged: it must not matter which
	split := t.TempDir()
	fill(t, split, 4, "a", "b")
	for i := range 5 {
		name := fmt.Sprintf("a/%02d.png", i)
		whole, _ := os.ReadFile(filepath.Join(split, name))
		write(t, split, map[string][]byte{name: {}})
		says(t, 0, []string{"data", "info", split}, "left out    1 images", "b      3     1",
			map[bool]string{true: "a      3     1", false: "a      2     1"}[i == 4])
		if whole == nil {
			os.Remove(filepath.Join(split, name))
			continue
		}
		write(t, split, map[string][]byte{name: whole})
	}
}

// Files that are no images to this program are counted and named, by kind.
func TestOtherFilesAreNamed(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 10, "a", "b")
	write(t, dir, map[string][]byte{"a/one.heic": []byte("x"), "a/two.HEIC": []byte("x"), "b/three.avif": []byte("x"),
		"b/.hidden.heic": []byte("x"), "b/LICENSE": []byte("x")})
	want := fmt.Sprintf("files that are not read: 2 .heic (such as %s), 1 without an extension (such as %s), 1 .avif",
		filepath.Join(dir, "a", "one.heic"), filepath.Join(dir, "b", "LICENSE"))
	says(t, 0, []string{"data", "info", dir}, want)
	says(t, 0, []string{"data", "verify", dir}, want)
	write(t, dir, map[string][]byte{"c/four.heic": []byte("x")})
	says(t, 3, []string{"data", "info", dir}, "class c of "+dir+" holds no images", "not read: 3 .heic")
	none := t.TempDir()
	write(t, none, map[string][]byte{"a/one.HEIC": []byte("x")})
	says(t, 3, []string{"data", "info", none}, "no images in "+none, "not read: 1 .heic")

	labels := func(l ...byte) []byte { return append([]byte{0, 0, 8, 1, 0, 0, 0, byte(len(l))}, l...) }
	pixels := append([]byte{0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 28, 0, 0, 0, 28}, make([]byte, 4*28*28)...)
	for i := range pixels[16:] {
		pixels[16+i] = byte(i)
	}
	gap := t.TempDir()
	write(t, gap, map[string][]byte{"x": pixels, "y": labels(0, 1, 3, 3), "t": labels(0, 1, 0, 4),
		"good": labels(0, 1, 0, 1)})
	idx := func(train, test string, more ...string) []string {
		args := append([]string{"data", "info", "quickstart.toml"}, "--set", fmt.Sprintf("dataset.idx.train_images=%q",
			filepath.Join(gap, "x")),
			"--set", fmt.Sprintf("dataset.idx.train_labels=%q",
				filepath.Join(gap, train)), "--set", fmt.Sprintf("dataset.idx.test_images=%q", filepath.Join(gap, "x")),
			"--set", fmt.Sprintf("dataset.idx.test_labels=%q", filepath.Join(gap, test)))
		return append(args, more...)
	}
	says(t, 3, idx("y", "good"), "labels run from 0 to 3, and no training image has label 2")
	says(t, 3, idx("good", "t"), "labels run from 0 to 4, and no training image has label 2")
	says(t, 0, idx("y", "t", "--set", `dataset.idx.classes=["a","b","c","d","e"]`), "1 of 5 classes have no image: c",
		"1 of 5 classes have test images and no training image, so that nothing can learn them: e",
		"1 of 5 classes have no test image: d")
}
