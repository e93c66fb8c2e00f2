package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// sets are settings as arguments.
func sets(list ...string) (args []string) {
	for _, s := range list {
		args = append(args, "--set", s)
	}
	return args
}

// Of a run folder show prints the recipe, the state and the table that the run ended with; eval prints nothing about
// speed that it did not measure, and refuses settings that do not change what is measured.
func TestShowAndEvaluateRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	recipe := smallRecipe(t, "")
	status, table, errs := call(append([]string{"run", recipe, "--run-dir", dir}, sets("evaluate.knn.every=1 epoch",
		"evaluate.linear=true", "evaluate.linear.iterations=5")...)...)
	if status != 0 {
		t.Fatalf("status %d: %s", status, errs)
	}
	status, out, errs := call("show", dir)
	for _, want := range []string{
		"recipe      f: dataset.folder, backbone.convnet, method.simclr, optimizer.sgd, seed 1, fp32\n",
		"training    \"2 epochs\", batch 12, step 8 of 8\n", "state       done\n", table,
	} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("show: status %d %s; want %q in\n%s", status, errs, want, out)
		}
	}
	if status, out, _ := call("show", dir, "--origins"); status != 0 || !strings.Contains(out, "# --set") {
		t.Errorf("show --origins: status %d\n%s", status, out)
	}
	if status, _, errs := call("show", dir, "--set", "seed=2"); status != 2 ||
		!strings.Contains(errs, "--set and --dot are for recipes") {
		t.Errorf("show RUN --set: status %d %s", status, errs)
	}

	status, out, errs = call("eval", dir, "--set", "evaluate.knn.k=[1,3]")
	if status != 0 || !strings.Contains(out, "knn k=3 top1") || !strings.Contains(out, "\ncheckpoint of step 8, ") ||
		strings.Contains(out, "images/s") || strings.Contains(out, "waiting") {
		t.Errorf("eval: status %d %s\n%s", status, errs, out)
	}
	var asJSON map[string]any
	if _, out, _ = call("eval", dir, "--json"); json.Unmarshal([]byte(out), &asJSON) != nil || asJSON["steps"] != 8.0 ||
		asJSON["state"] != "done" {
		t.Errorf("eval --json prints %s", out)
	}
	for _, key := range []string{"seconds", "images_per_second", "data_wait", "loss"} {
		if v, has := asJSON[key]; has {
			t.Errorf("eval --json says %s = %v, which it did not measure", key, v)
		}
	}
	for _, set := range []string{"seed=5", "views.crop=16", "train.batch=4", "method.simclr.temperature=1",
		"name=evaluate.x"} {
		if status, out, errs := call("eval", dir, "--set", set); status != 2 || out != "" ||
			!strings.Contains(errs, "--set "+set+": only settings below evaluate change what is measured") {
			t.Errorf("eval --set %s: status %d, want 2: %s", set, status, errs)
		}
	}
}

// One command of a scheduler starts a run, goes on with it, and says that it is done; another recipe is refused with
// what differs.
func TestStartOrResume(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "deep", "mine")
	p := command(append(append([]string{"run", "quickstart.toml", "--run-dir", dir, "--resume"}, tiny...), "--set",
		`train.length="1000000 steps"`)...)
	p.start(t)
	p.until(t, "checkpoint", func() bool { return exists(filepath.Join(dir, "checkpoints", "previous")) })
	p.Process.Signal(os.Interrupt)
	p.ended(t, 130)
	shorten(t, dir)
	s, err := os.ReadFile(filepath.Join(dir, "recipe.resolved.toml"))
	if err != nil {
		t.Fatal(err)
	}
	length := regexp.MustCompile(`\nlength = ("[^"]*")`).FindStringSubmatch(string(s))[1]
	again := append(append([]string{"run", "quickstart.toml", "--run-dir", dir, "--resume"}, tiny...), "--set",
		"train.length="+length)
	status, table, errs := call(again...)
	if status != 0 || strings.Contains(errs, "is done") || !strings.Contains(table, "knn k=20 top1") {
		t.Fatalf("going on: status %d %s\n%s", status, errs, table)
	}
	status, out, errs := call(again...)
	if status != 0 || !strings.Contains(errs, dir+" is done (") || out != table {
		t.Errorf("once more: status %d %s\n%swant the same table\n%s", status, errs, out, table)
	}
	var end ending
	if status, out, _ := call(append(again, "--json")...); status != 0 || json.Unmarshal([]byte(out), &end) != nil ||
		end.State != "done" || end.Run != dir {
		t.Errorf("--json: status %d %s", status, out)
	}
	status, _, errs = call(append(again, "--set", "method.simclr.temperature=0.7", "--set", "seed=9")...)
	if status != 2 || !strings.Contains(errs, "holds the run of another recipe: seed is 1 there and 9 here, "+
		"method.simclr.temperature is 0.2 there and 0.7 here") {
		t.Errorf("another recipe: status %d %s", status, errs)
	}
	status, _, errs = call("run", "quickstart.toml", "--run-dir", dir)
	if status != 2 || !strings.Contains(errs, "holds a run already (done, step ") {
		t.Errorf("without --resume: status %d %s", status, errs)
	}

	status, _, errs = call(append([]string{"run", "quickstart.toml", "--runs", root, "--name", "seed1"}, tiny...)...)
	if status != 0 || !exists(filepath.Join(root, "seed1", "summary.json")) {
		t.Errorf("--name: status %d %s", status, errs)
	}
	others := pictures(t, 1, 0, "x")
	for _, c := range []struct{ args, want string }{
		{"--name ../x", "want a name that can be a folder's"},
		{"--name a --run-dir b", "want one of them"},
		{"--resume", "--resume goes with --run-dir or --name"},
		{"--run-dir " + others, "holds other files (x)"},
	} {
		if status, _,
			errs := call(append([]string{"run", "quickstart.toml"}, strings.Fields(c.args)...)...); status != 2 ||
			!strings.Contains(errs, c.want) {
			t.Errorf("run %s: status %d, want 2; want %q in %s", c.args, status, c.want, errs)
		}
	}
	bad := filepath.Join(root, "bad")
	if status, _, _ := call("run", "quickstart.toml", "--run-dir", bad, "--set",
		"dataset.folder.train=nowhere"); status != 3 || exists(bad) {
		t.Errorf("data that are not there: status %d, want 3; the folder is left: %v", status, exists(bad))
	}
}

// With --json every command that ends says so with one object, whatever its status.
func TestJSONAtEveryStatus(t *testing.T) {
	nan := sets(`optimizer="sgd"`, "optimizer.sgd.rate=1e30", "optimizer.sgd.warmup=0 steps")
	for _, c := range []struct {
		args   []string
		status int
		state  string
		run    bool
	}{
		{append([]string{"run", "quickstart.toml", "--json"}, tiny...), 0, "done", true},
		{append(append([]string{"run", "quickstart.toml", "--json"}, tiny...), nan...), 4, "diverged", true},
		{[]string{"run", "quickstart.toml", "--json", "--set", "train.batch=none"}, 2, "refused", false},
		{[]string{"run", "--json", "--sett", "x"}, 2, "refused", false},
		{[]string{"run", "quickstart.toml", "--json", "--set", "dataset.folder.train=nowhere"}, 3, "refused", false},
		{[]string{"eval", "nowhere", "--json"}, 3, "refused", false},
		{[]string{"resume", "nowhere", "--json"}, 3, "refused", false},
		{[]string{"bench", "quickstart.toml", "--json", "--steps", "0"}, 2, "refused", false},
		{[]string{"diff", "quickstart.toml", "nowhere.toml", "--json"}, 2, "refused", false},
		{[]string{"data", "info", "nowhere.toml", "--json"}, 2, "refused", false},
	} {
		if c.args[0] == "run" {
			c.args = append(c.args, "--runs", t.TempDir())
		}
		status, out, errs := call(c.args...)
		var end ending
		if err := json.Unmarshal([]byte(out), &end); err != nil || status != c.status || end.Status != c.status ||
			end.State != c.state || (end.Error == "") != (status == 0) {
			t.Errorf("%v: status %d, want %d; %s (%v), want the state %s; %s", c.args, status, c.status, out, err,
				c.state, errs)
		}
		if c.run != exists(filepath.Join(end.Run, "run.json")) {
			t.Errorf("%v: run folder %q, want one: %v", c.args, end.Run, c.run)
		}
	}
}

// A run that is done goes on to a longer training: what changed is recorded with its step, the recipe before is kept,
// and metrics go on.
func TestExtend(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	recipe := smallRecipe(t, `warmup = "0 steps"`)
	if status, _, errs := call(append([]string{"run", recipe, "--run-dir", dir},
		sets("train.log=1 step")...)...); status != 0 {
		t.Fatal(errs)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}
	before, summary := read("recipe.resolved.toml"), read("summary.json")
	status, _, errs := call("resume", dir)
	if status != 1 ||
		!strings.Contains(errs,
			"is done (8 steps); to go further: experiment resume "+dir+" --set 'train.length=4 epochs'") {
		t.Errorf("resume: status %d %s", status, errs)
	}
	for _, c := range []struct{ set, want string }{
		{"seed=2", "another value of seed is another run"},
		{"optimizer.sgd.rate=1", "train.length, device, tf32 and settings below evaluate may change"},
		{"train.batch=6", "another value of train.batch is another run"},
		{"train.length=7 steps", `"7 steps" is 7 steps, and the run has done 8: want at least that`},
		{"train.lenght=9 steps", "another value of train.lenght is another run"},
		{"evaluate.knn.kk=3", "unknown key"},
	} {
		if status, _, errs := call("resume", dir, "--set", c.set); status != 2 || !strings.Contains(errs, c.want) {
			t.Errorf("resume --set %s: status %d, want 2; want %q in %s", c.set, status, c.want, errs)
		}
	}
	if read("recipe.resolved.toml") != before || read("summary.json") != summary {
		t.Fatal("a refused change has changed the folder")
	}

	status, out, errs := call("resume", dir, "--set", "train.length=4 epochs", "--set", "evaluate.knn.k=[3]")
	if status != 0 || !strings.Contains(out, "knn k=3 top1") || !strings.Contains(out, "\n16 steps in ") {
		t.Fatalf("status %d: %s\n%s", status, errs, out)
	}
	const said = `changed at step 8: train.length = "4 epochs", was "2 epochs"; evaluate.knn.k = [3], was [20]`
	if !strings.Contains(errs, said) || !strings.Contains(read("log.txt"), said) {
		t.Errorf("want %q in\n%s", said, errs)
	}
	if read("recipe.resolved.step8.toml") != before || read("summary.step8.json") != summary {
		t.Error("the recipe and the summary before are not kept")
	}
	for name, want := range map[string]string{
		"recipe.resolved.toml": `length = "4 epochs"`, "recipe.origins.toml": `length = "4 epochs"  # --set`,
		"recipe.origins.step8.toml": `length = "2 epochs"  # `,
		"run.json":                  `"recipe": "recipe.resolved.step8.toml"`,
	} {
		if !strings.Contains(read(name), want) {
			t.Errorf("want %q in %s:\n%s", want, name, read(name))
		}
	}
	if status, out, _ := call("show", dir); status != 0 || !strings.Contains(out, "            "+said+"\n") ||
		!strings.Contains(out, "step 16 of 16") {
		t.Errorf("show does not say what changed:\n%s", out)
	}
	// The rate of step n is that of a training of the new length from step 8 on, and of the old one before.
	half := regexp.MustCompile(`"step":(\d+),.*"rate":([0-9.e-]+)`).FindAllStringSubmatch(read("metrics.jsonl"), -1)
	fresh := filepath.Join(t.TempDir(), "fresh")
	if status, _, errs := call(append([]string{"run", recipe, "--run-dir", fresh},
		sets("train.log=1 step", "train.length=4 epochs")...)...); status != 0 {
		t.Fatal(errs)
	}
	text, _ := os.ReadFile(filepath.Join(fresh, "metrics.jsonl"))
	whole := regexp.MustCompile(`"step":(\d+),.*"rate":([0-9.e-]+)`).FindAllStringSubmatch(string(text), -1)
	if len(half) != 16 || len(whole) != 16 {
		t.Fatalf("%d lines with a rate, and %d of a fresh run; want 16", len(half), len(whole))
	}
	for i := range half {
		if same := half[i][2] == whole[i][2]; half[i][1] != whole[i][1] || same != (i >= 8 || i == 0) {
			t.Errorf("line %d: step %s rate %s, of a fresh run of 4 epochs step %s rate %s", i, half[i][1], half[i][2],
				whole[i][1], whole[i][2])
		}
	}
	// Once more, and evaluations alone.
	if status, out, errs := call("resume", dir, "--set", "evaluate.knn.k=[5]"); status != 0 ||
		!strings.Contains(out, "knn k=5 top1") {
		t.Errorf("other evaluations: status %d %s", status, errs)
	}
	if status, _, errs := call("resume", dir, "--set", "train.length=17 steps"); status != 0 ||
		!exists(filepath.Join(dir, "recipe.resolved.step16-2.toml")) {
		t.Errorf("once more: status %d %s", status, errs)
	}
}
