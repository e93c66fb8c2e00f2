package command

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What the data verbs say to right and wrong words.
func TestDataWords(t *testing.T) {
	dir := t.TempDir()
	photos, bad := pictures(t, 10, 0, "cat", "dog"), pictures(t, 10, 3, "cat", "dog")
	file := filepath.Join(dir, "photos.pack")
	table := filepath.Join(dir, "table.toml")
	for path, text := range map[string]string{
		table:                          "[data.table]\ntrain = \"rows.csv\"\ntarget = \"kind\"\n",
		filepath.Join(dir, "rows.csv"): "size,kind\n1,a\n2,b\n3,a\n4,b\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := func(s string) string {
		return strings.NewReplacer("@TABLE", table, "@BAD", bad, "@PHOTOS", photos, "@FILE", file, "@DIR",
			dir).Replace(s)
	}
	for _, c := range []struct {
		args      string
		status    int
		out, errs string
	}{
		{"data", 0, "experiment data pack photos/", ""},
		{"data pakc", 2, "", "experiment data: unknown command pakc, did you mean pack?"},
		{"data pack @PHOTOS", 2, "", "want -o FILE"},
		{"data pack", 2, "", "usage: experiment data pack RECIPE_OR_DIR"},
		{"data pack @PHOTOS -o @FILE --quality 0", 2, "", "want 1 to 100"},
		{"data pack @PHOTOS -o @FILE --quality 90 --raw", 2, "", "want one of the two"},
		{"data pack @PHOTOS -o @FILE --size -3", 2, "", "size = -3"},
		{"data pack @PHOTOS -o @FILE --set seed=1", 2, "", "--set changes a recipe"},
		{"data pack @DIR -o @FILE", 3, "", "no images in @DIR"},
		{"data pack @PHOTOS -o @DIR/nowhere/x.pack", 1, "", "nowhere"},
		{"data pack @PHOTOS -o @FILE --raw", 0, "@FILE: 16 training and 4 test images, 0 of them as image files", ""},
		{"data pack @FILE -o @FILE", 0, "16 training and 4 test images", ""},
		{"data pack @PHOTOS -o @FILE", 0, "20 of them as image files", ""},
		{"data info @FILE", 0, "cat        8     2", ""},
		{"data info @PHOTOS", 0, "dog        8     2", ""},
		{"data info quickstart.toml --json", 0, `"images":3000`, ""},
		{"data pack @TABLE -o @DIR/t.rows --raw", 2, "", "--raw are of images"},
		{"data pack @TABLE -o @DIR/t.rows --set data.table.test_fraction=0.0", 0, "4 training and 0 test rows", ""},
		{"data info @TABLE", 0, "source       table", ""},
		{"data verify @TABLE", 0, "4 samples read, 0 damaged", ""},
		{"data verify @FILE", 0, "20 samples read, 0 damaged", ""},
		{"data verify @BAD", 3, "left out: @BAD/dog/02.png: png", "6 of 20 samples do not decode"},
		{"data info @BAD", 0, "left out    6 images", ""},
		{"data pack @BAD -o @FILE", 3, "", "6 of 20 images are refused, max_skipped allows 0"},
		{"data verify quickstart.toml", 0, "4000 samples read, 0 damaged", ""},
		{"data verify @DIR/none.pack", 2, "", "no such file"},
		{"data bench quickstart.toml --workers -1", 2, "", "--workers -1: want 0"},
		{"data bench quickstart.toml --seconds 0", 2, "", "--seconds 0: want above 0"},
		{"data bench @FILE", 2, "", "@FILE"},
		{"run quickstart.toml --dry-run --set subset.few_shot.fraction=2.0", 2, "", "at most 1"},
		{"run quickstart.toml --dry-run --set subset.few_shot.per_class=1000", 2, "",
			`class "T-shirt/top" has 300 images`},
		{"run quickstart.toml --dry-run --set subset.few_shot.per_class=10", 2, "",
			"has 100 images; want at most that"},
		{"run quickstart.toml --dry-run --set sampler.repeated.times=3", 2, "", "does not divide the batch of 128"},
		{"run quickstart.toml --dry-run --set subset.few_shot.per_class=30", 0,
			"the method sees 300 training images, evaluations learn from 3000", ""},
		{"list samplers", 0, "  Shuffle goes through the whole set in another order", ""},
	} {
		status, out, errs := call(strings.Fields(at(c.args))...)
		if status != c.status || !strings.Contains(out, at(c.out)) || !strings.Contains(errs, at(c.errs)) {
			t.Errorf("experiment %s: status %d, want %d; want %q in\n%s\nand %q in\n%s", c.args, status, c.status,
				c.out, head(out), c.errs, errs)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A damaged pack ends verify and a run with status 3, and both name the file and the record.
func TestDamagedPack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "photos.pack")
	if status, _, errs := call("data", "pack", pictures(t, 20, 0, "cat", "dog"), "--raw", "-o", file); status != 0 {
		t.Fatal(errs)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damage := func(at int) {
		bad := bytes.Clone(b)
		bad[at] ^= 4
		if err := os.WriteFile(file, bad, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	damage(16 + 28*28/2)
	status, out, errs := call("data", "verify", file)
	if status != 3 || !strings.Contains(out, "damaged: train sample 0, ") || !strings.Contains(out, "the index says") ||
		!strings.Contains(errs, "1 of 40 samples are damaged") {
		t.Errorf("verify: status %d, want 3\n%s%s", status, out, errs)
	}
	status, out, _ = call("data", "verify", file, "--json")
	var v struct {
		Samples int
		Damaged []struct{ Sample int }
	}
	if err := json.Unmarshal([]byte(out), &v); err != nil || status != 3 || v.Samples != 40 || len(v.Damaged) != 1 ||
		v.Damaged[0].Sample != 0 {
		t.Errorf("verify --json: status %d, %v: %s", status, err, out)
	}
	on := []string{"--set", fmt.Sprintf("dataset.pack.path=%q", file), "--set", "train.batch=8", "--set",
		`train.length="4 steps"`}
	args := append(append([]string{"run", "quickstart.toml", "--runs", t.TempDir()}, tiny...), on...)
	if status, _, errs := call(args...); status != 3 || !strings.Contains(errs, file+": record 0 (training image 0)") {
		t.Errorf("run: status %d, want 3: %s", status, errs)
	}
	damage(len(b) - 100)
	for _, verb := range []string{"info", "verify"} {
		if status, _, errs := call("data", verb, file); status != 3 || !strings.Contains(errs, "the file is damaged") {
			t.Errorf("%s of a damaged index: status %d: %s", verb, status, errs)
		}
	}
	damage(0)
	if status, _, errs := call("data", "info", file); status != 3 || !strings.Contains(errs, "want a pack") {
		t.Errorf("info of a damaged magic: status %d: %s", status, errs)
	}
}

// data bench --json has the keys of the script that it is compared with.
func TestDataBench(t *testing.T) {
	status, out, errs := call("data", "bench", "emoji-simclr.toml", "--seconds", "0.2", "--workers", "1", "--set",
		"views.blur=0.5", "--json")
	var b map[string]any
	if err := json.Unmarshal([]byte(out), &b); err != nil || status != 0 {
		t.Fatalf("status %d %v: %s %s", status, err, out, errs)
	}
	for key, want := range map[string]any{"size": 32.0, "jpeg": false, "blur": true, "workers": 1.0, "views": 2.0,
		"dataset": "emoji_32"} {
		if b[key] != want {
			t.Errorf("%s is %v, want %v", key, b[key], want)
		}
	}
	if b["images_per_second"].(float64) < 10 || b["seconds"].(float64) < 0.2 || b["allocs_per_image"].(float64) > 2 ||
		math.Abs(b["images"].(float64)/b["seconds"].(float64)/b["images_per_second"].(float64)-1) > 1e-6 {
		t.Errorf("measured %v", b)
	}
}

// A pack that is killed while it is written, SIGKILL, leaves nothing under the final name; what was there before stays,
// and the next pack removes what was written. Ctrl-C leaves nothing at all.
func TestKilledPack(t *testing.T) {
	dir := t.TempDir()
	const n = 200_000
	x := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 3}, n)
	x = append(x, 0, 0, 0, 28, 0, 0, 0, 28)
	x = append(x, make([]byte, n*28*28)...)
	if err := os.WriteFile(filepath.Join(dir, "x.idx"), x, 0o666); err != nil {
		t.Fatal(err)
	}
	recipe := filepath.Join(dir, "r.toml")
	text := "base = \"quickstart.toml\"\n[dataset.idx]\ntrain_images = \"x.idx\"\n"
	if err := os.WriteFile(recipe, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	file, few := filepath.Join(dir, "set.pack"), pictures(t, 10, 0, "cat", "dog")
	for _, try := range []struct {
		before string
		signal os.Signal
	}{{"", os.Kill}, {"the one before", os.Kill}, {"the one before", os.Interrupt}} {
		before := try.before
		if before != "" {
			if err := os.WriteFile(file, []byte(before), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		c := exec.Command(os.Args[0], "data", "pack", recipe, "--quality", "90", "-o", file)
		c.Env = append(os.Environ(), "TEST_AS_COMMAND=1")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		writing := func() bool {
			found, _ := filepath.Glob(filepath.Join(dir, ".set.pack.*"))
			for _, f := range found {
				if info, err := os.Stat(f); err == nil && info.Size() >= 1<<20 {
					return true
				}
			}
			return false
		}
		for began := time.Now(); !writing(); time.Sleep(time.Millisecond) {
			if time.Since(began) > time.Minute {
				c.Process.Kill()
				t.Fatal("nothing is written within a minute")
			}
		}
		c.Process.Signal(try.signal)
		if err := c.Wait(); err == nil {
			t.Fatal("it ended before it was killed: the test needs more images")
		}
		got, err := os.ReadFile(file)
		if string(got) != before || (before == "") != os.IsNotExist(err) {
			t.Errorf("after the kill the file has %d bytes (%v), want what was there before: %q", len(got), err, before)
		}
		left, _ := filepath.Glob(filepath.Join(dir, ".set.pack.*"))
		if try.signal == os.Interrupt && (len(left) > 0 || c.ProcessState.ExitCode() != 130) {
			t.Errorf("Ctrl-C: status %d, left behind %v; want 130 and nothing", c.ProcessState.ExitCode(), left)
		}
		if try.signal != os.Kill {
			continue
		}
		if len(left) != 1 {
			t.Errorf("SIGKILL left behind %v, want the one temporary file", left)
		}
		if status, _, errs := call("data", "pack", few, "-o", file); status != 0 {
			t.Errorf("packing after the kill: status %d: %s", status, errs)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".set.pack.*")); len(left) > 0 {
			t.Errorf("packing after the kill left %v", left)
		}
		os.Remove(file)
	}
}
