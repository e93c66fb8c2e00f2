package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// deepPictures fills a folder with 16-bit grey PNGs of two classes whose values go up to top.
func deepPictures(t *testing.T, n, top int) string {
	t.Helper()
	dir := t.TempDir()
	for c, class := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(dir, class), 0o777); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			p := image.NewGray16(image.Rect(0, 0, 28, 28))
			for k := range 28 * 28 {
				p.SetGray16(k%28, k/28, color.Gray16{Y: uint16((k*(1+i+c*n) + k/7) % (top + 1))})
			}
			var b bytes.Buffer
			if err := png.Encode(&b, p); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, class, fmt.Sprintf("%02d.png", i)), b.Bytes(),
				0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// Images whose every pixel is the same are refused before the training, with status 3 and the setting that helps,
// whatever the source and whatever normalises them; data info prints them with a note. With range16 the same files
// train. Values up to 4095, which are nearly black, are said to be so.
func TestFault16BitBlack(t *testing.T) {
	black, faint := deepPictures(t, 10, 255), deepPictures(t, 10, 4095)
	flat := filepath.Join(t.TempDir(), "flat.idx")
	if err := os.WriteFile(flat, append([]byte{0, 0, 8, 3, 0, 0, 0, 16, 0, 0, 0, 28, 0, 0, 0, 28},
		bytes.Repeat([]byte{7}, 16*28*28)...), 0o666); err != nil {
		t.Fatal(err)
	}
	packed := filepath.Join(t.TempDir(), "black.pack")
	if status, _, errs := call("data", "pack", black, "-o", packed); status != 0 {
		t.Fatal(errs)
	}
	const (
		pixels = "every pixel of all 16 training images is [0] of 255: there is nothing to learn from"
		helps  = "range16 = [black, white] of the data set says which values they use"
	)
	sets := func(pairs ...string) (args []string) {
		for _, p := range append(pairs, "train.batch=8", "evaluate.knn=false") {
			args = append(args, "--set", p)
		}
		return args
	}
	of := func(source, key, path string, more ...string) []string {
		return sets(append(more, fmt.Sprintf("dataset.%s.%s=%q", source, key, path))...)
	}
	for _, c := range []struct {
		name   string
		args   []string
		status int
		parts  []string
	}{
		{"folder", of("folder", "train", black), 3, []string{"datasets: folder: " + pixels, helps}},
		{"folder, on demand", of("folder", "train", black, `dataset.folder.memory="0B"`), 3, []string{pixels, helps}},
		{"folder, normalised by other statistics", of("folder", "train", black, "dataset.folder.channels=3",
			`views.statistics="imagenet"`), 3, []string{"training images is [0 0 0] of 255", helps}},
		{"pack", of("pack", "path", packed), 3, []string{"datasets: pack: " + pixels}},
		{"idx", of("idx", "train_images", flat), 3, []string{"datasets: idx: every pixel of all 16 training " +
			"images is [7] of 255"}},
		{"subset", of("folder", "train", black, "subset.few_shot.per_class=4"), 3,
			[]string{"every pixel of all 8 training images"}},
		{"range16", of("folder", "train", black, "dataset.folder.range16=[0,255]"), 0, nil},
		{"nearly black", of("folder", "train", faint), 0, []string{"the pixels of the training images hardly " +
			"differ: mean [0.02", helps}},
		{"nearly black, range16", of("folder", "train", faint, "dataset.folder.range16=[0,4095]"), 0, nil},
	} {
		for _, dry := range []bool{true, false} {
			args := append(append([]string{"run", "quickstart.toml", "--runs", t.TempDir()}, tiny...), c.args...)
			if dry {
				args = append(args, "--dry-run")
			}
			status, out, errs := call(args...)
			if status != c.status {
				t.Errorf("%s, dry run %v: status %d, want %d: %s", c.name, dry, status, c.status, errs)
			}
			for _, part := range c.parts {
				if !strings.Contains(out+errs, part) {
					t.Errorf("%s, dry run %v: want %q in\n%s%s", c.name, dry, part, out, errs)
				}
			}
			if c.status == 0 && c.parts == nil && strings.Contains(out+errs, "hardly differ") {
				t.Errorf("%s, dry run %v: says that the pixels hardly differ:\n%s%s", c.name, dry, out, errs)
			}
		}
	}
	for dir, want := range map[string]string{black: "\nnote: every pixel of the training images is the same " +
		"([0.0000] of full scale): a run refuses them; ", packed: "\nnote: every pixel",
		faint: "\nnote: the pixels of the training images hardly differ: mean [0.02"} {
		if status, out, errs := call("data", "info", dir); status != 0 || !strings.Contains(out, want) {
			t.Errorf("data info: status %d, want %q in\n%s%s", status, want, out, errs)
		}
		var info struct{ Note string }
		if _, out, _ := call("data", "info", dir, "--json"); json.Unmarshal([]byte(out), &info) != nil ||
			info.Note == "" {
			t.Errorf("data info --json: no note in %s", out)
		}
	}
	if _, out, _ := call("data", "info", pictures(t, 10, 0, "a", "b")); strings.Contains(out, "note:") {
		t.Errorf("data info of pictures has a note:\n%s", out)
	}
}
