package command

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// broken begins a run on data by a process of its own and stops it after its first checkpoints; it returns the run
// folder.
func broken(t *testing.T, sets ...string) string {
	t.Helper()
	p := begin(t, "", sets...)
	dir := p.checkpointed(t)
	p.Process.Signal(os.Interrupt)
	p.ended(t, 130)
	return dir
}

// shorten makes a run folder's training end soon.
func shorten(t *testing.T, dir string) {
	t.Helper()
	at := filepath.Join(dir, "recipe.resolved.toml")
	text, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	s, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var status struct{ Step int }
	if err := json.Unmarshal(s, &status); err != nil {
		t.Fatal(err)
	}
	short := strings.Replace(string(text), `length = "1000000 steps"`, fmt.Sprintf("length = \"%d steps\"",
		status.Step+2), 1)
	if short == string(text) {
		t.Fatalf("no length in %s", text)
	}
	if err := os.WriteFile(at, []byte(short), 0o666); err != nil {
		t.Fatal(err)
	}
}

// A run goes on, and is evaluated, with the data that it began with or not at all: the refusal says what differs. Data
// that moved are found by --set, which changes nothing else of them; put back as they were, they train on.
func TestFaultResumeChangedData(t *testing.T) {
	photos := pictures(t, 10, 0, "a", "b", "c")
	dir := broken(t, fmt.Sprintf("dataset.folder.train=%q", photos), "train.batch=8")
	refused := func(what string, parts ...string) {
		t.Helper()
		for _, verb := range []string{"resume", "eval"} {
			status, out, errs := call(verb, dir)
			if status != 3 || out != "" {
				t.Errorf("%s, %s: status %d, want 3; standard output %q: %s", what, verb, status, out, errs)
			}
			for _, part := range parts {
				if !strings.Contains(errs, part) {
					t.Errorf("%s, %s: want %q in %s", what, verb, part, errs)
				}
			}
		}
	}
	path := func(name string) string { return filepath.Join(photos, filepath.FromSlash(name)) }
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(path(from), path(to)); err != nil {
			t.Fatal(err)
		}
	}
	more := map[string][]byte{}
	for i := range 9 {
		more[fmt.Sprintf("a/zz%d.png", i)] = picture(t, 100+i)
	}
	write(t, photos, more)
	refused("9 more images", "the data of dataset.folder are not those that the run began with",
		"31 training images, the run has 24", "9 added: ", "and 6 more", "moved by the split")
	for name := range more {
		os.Remove(path(name))
	}
	rename("c", "d")
	refused("a class renamed", "gone: c; new: d", "10 renamed: ", "d/0")
	rename("d", "c")
	rename("b/03.png", "b/99.png")
	refused("a file renamed", "1 renamed: train b/99.png, was train b/03.png")
	rename("b/99.png", "b/03.png")
	whole, err := os.ReadFile(path("a/05.png"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, photos, map[string][]byte{"a/05.png": picture(t, 77)})
	refused("other pixels", "1 changed: train a/05.png")
	write(t, photos, map[string][]byte{"a/05.png": whole})

	moved := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Rename(photos, moved); err != nil {
		t.Fatal(err)
	}
	refused("data that moved", "no such file", "--set dataset.folder.train=PATH")
	for _, c := range []struct {
		set    string
		status int
		errs   string
	}{
		{"dataset.folder.test_fraction=0.5", 2, "only where they are may change: want dataset.folder.root, " +
			"dataset.folder.train, dataset.folder.test"},
		{"dataset.emoji_32=true", 2, "only where they are may change"},
		{"train.batch=16", 2, "may change, and where the data are"},
		{fmt.Sprintf("dataset.folder.train=%q", pictures(t, 10, 0, "a", "b")), 3, "not those that the run began with"},
	} {
		if status, _, errs := call("resume", dir, "--set", c.set); status != c.status ||
			!strings.Contains(errs, c.errs) {
			t.Errorf("resume --set %s: status %d, want %d; want %q in %s", c.set, status, c.status, c.errs, errs)
		}
	}
	at := fmt.Sprintf("dataset.folder.train=%q", moved)
	if status, _, errs := call("eval", dir, "--set", at); status != 0 {
		t.Errorf("eval of moved data: status %d: %s", status, errs)
	}
	shorten(t, dir)
	status, _, errs := call("resume", dir, "--set", at)
	if status != 0 || !strings.Contains(errs, "the data are the same, and moved: dataset.folder.train") {
		t.Fatalf("resume with moved data: status %d: %s", status, errs)
	}
	if status, _, errs := call("eval", dir); status != 0 {
		t.Errorf("eval after the move: status %d: %s", status, errs)
	}
}

// Sources of every kind know their data again where they lie elsewhere, and notice one byte.
func TestOtherDataOfEverySource(t *testing.T) {
	idx := func(seed byte) []byte {
		b := append([]byte{0, 0, 8, 3, 0, 0, 0, 16, 0, 0, 0, 28, 0, 0, 0, 28}, make([]byte, 16*28*28)...)
		for i := range b[16:] {
			b[16+i] = seed * byte(i)
		}
		return b
	}
	packed := filepath.Join(t.TempDir(), "photos.pack")
	if status, _, errs := call("data", "pack", pictures(t, 10, 0, "a", "b"), "--raw", "-o", packed); status != 0 {
		t.Fatal(errs)
	}
	file, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	read := func(dir string) map[string][]byte {
		all := map[string][]byte{}
		names, _ := filepath.Glob(filepath.Join(dir, "*"))
		for _, n := range names {
			b, err := os.ReadFile(n)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.Base(n)] = b
		}
		return all
	}
	for _, c := range []struct {
		name  string
		files map[string][]byte
		key   string // that says where
		at    string // below the folder of the files
		harm  string // file of which a byte is changed
		byte  int
		sets  []string
		want  string
	}{
		{"idx", map[string][]byte{"x.idx": idx(3)}, "dataset.idx.train_images", "x.idx", "x.idx", 1000, nil,
			"1 changed: train [1]"},
		{"stl10", read(stl(t)), "dataset.stl10.path", ".", "unlabeled_X.bin", 3,
			[]string{"views.crop=28", "dataset.stl10.partial=true"}, "1 changed: train unlabeled_X.bin[0]"},
		{"stl10's labelled images", read(stl(t)), "dataset.stl10.path", ".", "train_y.bin", 2,
			[]string{"views.crop=28", "dataset.stl10.partial=true"},
			`1 changed: labelled train_X.bin[2], class "bird", was "car"`},
		{"pack", map[string][]byte{"set.pack": file}, "dataset.pack.path", "set.pack", "", 0, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			old, now := t.TempDir(), t.TempDir()
			write(t, old, c.files)
			set := func(dir string) string { return fmt.Sprintf("%s=%q", c.key, filepath.Join(dir, c.at)) }
			dir := broken(t, append([]string{set(old), "train.batch=8", "evaluate.knn=false"}, c.sets...)...)
			shorten(t, dir)
			if err := os.RemoveAll(old); err != nil {
				t.Fatal(err)
			}
			if c.harm != "" {
				write(t, now, c.files)
				bad := append([]byte{}, c.files[c.harm]...)
				if bad[c.byte] ^= 1; strings.HasSuffix(c.harm, "y.bin") {
					bad[c.byte] = 2
				}
				write(t, now, map[string][]byte{c.harm: bad})
				if status, _, errs := call("resume", dir, "--set", set(now)); status != 3 ||
					!strings.Contains(errs, c.want) {
					t.Errorf("a byte changed: status %d, want 3; want %q in %s", status, c.want, errs)
				}
			}
			write(t, now, c.files)
			if status, _, errs := call("resume", dir, "--set", set(now)); status != 0 {
				t.Errorf("moved: status %d: %s", status, errs)
			}
		})
	}
}

// environment.json has an entry for every process of a run, and a process of another instruction set says so and that
// bits may differ.
func TestAnotherMachineIsNamed(t *testing.T) {
	dir := broken(t)
	shorten(t, dir)
	at := filepath.Join(dir, "environment.json")
	text, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Step                  int
		Time, Kernels, Binary string
	}
	if err := json.Unmarshal(text, &all); err != nil || len(all) != 1 || all[0].Binary == "" || all[0].Time == "" {
		t.Fatalf("environment.json: %v, want a list of one process with its program's digest:\n%s", err, text)
	}
	other := strings.NewReplacer(fmt.Sprintf("%q",
		all[0].Kernels), `"abacus"`, fmt.Sprintf("%q", all[0].Binary), `"0123456789abcdef"`).Replace(string(text))
	if err := os.WriteFile(at, []byte(other), 0o666); err != nil {
		t.Fatal(err)
	}
	instructions, build := fmt.Sprintf("another instruction set (%s, was abacus)",
		all[0].Kernels), "another build of the program ("+all[0].Binary+", was 0123456789abcdef)"
	if status, _, errs := call("eval", dir); status != 0 || !strings.Contains(errs, instructions) ||
		!strings.Contains(errs, build) {
		t.Errorf("eval: status %d, want %q and %q in %s", status, instructions, build, errs)
	}
	if status, _, errs := call("resume", dir); status != 0 || !strings.Contains(errs, instructions) ||
		!strings.Contains(errs, build) {
		t.Errorf("resume: status %d, want %q and %q in %s", status, instructions, build, errs)
	}
	if text, err = os.ReadFile(at); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &all); err != nil || len(all) != 2 || all[0].Kernels != "abacus" ||
		all[1].Step == 0 {
		t.Errorf("environment.json after resuming: %v, want both processes:\n%s", err, text)
	}
	log, err := os.ReadFile(filepath.Join(dir, "log.txt"))
	if err != nil || !strings.Contains(string(log), instructions) {
		t.Errorf("log.txt: %v, want %q in it", err, instructions)
	}
}

// A run folder of an earlier version, which has no record of its data, goes on with a warning, and has the record from
// then on.
func TestResumeWithoutRecordOfData(t *testing.T) {
	dir := broken(t)
	shorten(t, dir)
	record, list := filepath.Join(dir, "data.json"), filepath.Join(dir, "data.images.tsv.gz")
	before, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{record, list} {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	const warning = "has no data.json: nothing tells whether the data are those that it began with"
	for _, verb := range []string{"eval", "resume"} {
		if status, _, errs := call(verb, dir); status != 0 || !strings.Contains(errs, warning) {
			t.Errorf("%s: status %d, want %q in %s", verb, status, warning, errs)
		}
	}
	if after, err := os.ReadFile(record); err != nil || string(after) != string(before) {
		t.Errorf("data.json after resuming: %v\n%s\nwant\n%s", err, after, before)
	}
	if status, _, errs := call("eval", dir); status != 0 || strings.Contains(errs, warning) {
		t.Errorf("eval after resuming: status %d: %s", status, errs)
	}
	if err := os.WriteFile(record, []byte(strings.Replace(string(before), `"images": "`, `"images": "0`, 1)),
		0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, []byte("no list"), 0o666); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := call("eval", dir); status != 3 || !strings.Contains(errs, list) {
		t.Errorf("a damaged list of images: status %d, want 3: %s", status, errs)
	}
}
