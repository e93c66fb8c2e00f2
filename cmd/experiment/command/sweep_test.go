package command

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"selfsup/experiment"
	"selfsup/experiment/sweep"
)

// tinySweep is twelve points that train for a second or two.
const tinySweep = `
base = "quickstart.toml"
name = "tiny"
[backbone.convnet]
widths = [4, 8]
[method.simclr]
projector = [8, 8]
[train]
batch = 16
length = "30 steps"
checkpoint = "3 steps"
log = "1 step"
[evaluate]
linear = false
[baselines]
untrained = false
pixels = false
[sweep]
seeds = 2
[sweep.grid]
method.simclr.temperature = [0.1, 0.2, 0.5]
views.flip = [0.0, 0.5]
`

// expanded is the folder of a sweep of a text.
func expanded(t *testing.T, text string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "tiny.toml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, "sweep")
	if status, _, errs := call(append([]string{"sweep", "expand", file, at}, args...)...); status != 0 {
		t.Fatalf("status %d: %s", status, errs)
	}
	return at
}

// A sweep that is killed again and again, the pool and its processes, ends with all results: a point that is done is
// not touched again, and each step of each point is there once.
func TestSweepSurvivesKills(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("it finds the processes of a pool in /proc")
	}
	dir := expanded(t, tinySweep)
	r := rand.New(rand.NewPCG(1, 2))
	finished := map[int]string{}
	for round := 0; ; round++ {
		p := command("sweep", "run", dir, "--jobs", "2")
		p.start(t)
		asked := round == 2 // to save and stop, as a scheduler does
		late := time.Duration(500+r.IntN(2500)) * time.Millisecond
		ended := make(chan struct{})
		go func() { p.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(late):
			if asked {
				p.Process.Signal(syscall.SIGUSR1)
			} else {
				killFamily(t, p.Process.Pid, round%2 == 0)
			}
			<-ended
		}
		if code := p.ProcessState.ExitCode(); asked && code != 5 && code != 0 {
			t.Errorf("SIGUSR1: status %d, want 5: %s", code, p.said())
		}
		checkFinished(t, dir, finished)
		if p.ProcessState.ExitCode() == 0 {
			t.Logf("%d rounds", round+1)
			break
		}
		if round == 40 {
			t.Fatalf("no end: %s", p.said())
		}
	}
	if len(finished) != 12 {
		t.Errorf("%d points are done, want 12", len(finished))
	}
	status, out, errs := call("sweep", "status", dir, "--json")
	var list []struct {
		Point  int
		Varies map[string]string
		Run    experiment.Past
	}
	if err := json.Unmarshal([]byte(out), &list); status != 0 || err != nil || len(list) != 12 {
		t.Fatalf("status %d, %v, %d points: %s", status, err, len(list), errs)
	}
	for i, p := range list {
		if p.Point != i || p.Run.State != "done" || len(p.Run.Evaluations) == 0 || len(p.Varies) != 3 {
			t.Errorf("point %d: %+v", i, p)
		}
		steps(t, p.Run.Run, 30)
	}
	// Nothing is left to do, for one pool or two, or for a task of an array.
	if status, _, errs := call("sweep", "run", dir, "--jobs", "2"); status != 0 || !strings.Contains(errs,
		"0 of them now") {
		t.Errorf("status %d: %s", status, errs)
	}
	t.Setenv("SLURM_ARRAY_TASK_ID", "7")
	if status, out, errs := call("sweep", "run", dir); status != 0 || !strings.Contains(errs, "is done (30 steps)") ||
		!strings.Contains(out, "knn") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	checkFinished(t, dir, finished)
}

// killFamily kills a pool, and its processes too or only sometimes: they go on then, and keep their points.
func killFamily(t *testing.T, pool int, all bool) {
	t.Helper()
	family := []int{pool}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(pool) && all {
			pid, _ := strconv.Atoi(strings.Split(stat, "/")[2])
			family = append(family, pid)
		}
	}
	for _, pid := range family {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// checkFinished takes down the points that are done, and fails where one that was done before is not as it was.
func checkFinished(t *testing.T, dir string, finished map[int]string) {
	t.Helper()
	s, err := sweep.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Points {
		status, err := experiment.ReadStatus(p.Run)
		if was := finished[p.Index]; was == "" && (err != nil || status.State != "done") {
			continue
		}
		now := ""
		for _, name := range []string{"run.json", "metrics.jsonl", "environment.json", "checkpoints/last"} {
			info, err := os.Stat(filepath.Join(p.Run, name))
			if err != nil {
				t.Errorf("point %d: %v", p.Index, err)
				continue
			}
			now += fmt.Sprintf("%s %d %v\n", name, info.Size(), info.ModTime())
		}
		if was := finished[p.Index]; was != "" && was != now {
			t.Errorf("point %d was done and is trained again:\n%s\n%s", p.Index, was, now)
		}
		finished[p.Index] = now
	}
}

// steps checks that a run's metrics have each step once.
func steps(t *testing.T, run string, want int) {
	t.Helper()
	f, err := os.Open(filepath.Join(run, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	step := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		var line struct {
			Step int
			Loss *float64
		}
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Errorf("%s: %v", run, err)
		}
		if line.Loss == nil {
			continue
		}
		if step++; line.Step != step {
			t.Errorf("%s: line %d of metrics is of step %d", run, step, line.Step)
		}
	}
	if step != want {
		t.Errorf("%s has %d steps, want %d", run, step, want)
	}
}

// Two pools share the points: no point is begun by both.
func TestTwoPools(t *testing.T) {
	dir := expanded(t, strings.NewReplacer("30 steps", "6 steps", "seeds = 2", "seeds = 1").Replace(tinySweep))
	pools := [2]*process{}
	for i := range pools {
		pools[i] = command("sweep", "run", dir, "--jobs", "1")
		pools[i].start(t)
	}
	begun := map[string]int{}
	for _, p := range pools {
		p.ended(t, 0, "all 6 points are done")
		for _, line := range strings.Split(p.said(), "\n") {
			if strings.Contains(line, " begins: ") {
				begun[line]++
			}
		}
	}
	if len(begun) != 6 {
		t.Errorf("%d points were begun, want 6", len(begun))
	}
	for line, n := range begun {
		if n != 1 {
			t.Errorf("%d times: %s", n, line)
		}
	}
}

// A point that fails does not keep the others from theirs, is listed, and tried again.
func TestSweepFailures(t *testing.T) {
	text := strings.Replace(strings.Replace(tinySweep, "30 steps", "3 steps", 1), "[sweep]\nseeds = 2\n[sweep.grid]\n"+
		"method.simclr.temperature = [0.1, 0.2, 0.5]\nviews.flip = [0.0, 0.5]\n", "[sweep.grid]\n"+
		"optimizer.lars.rate = [0.1, 1e30]\n[[sweep.list]]\nseed = 1\n[[sweep.list]]\ninit.from = \"nowhere\"\n", 1)
	dir := expanded(t, text)
	for range 2 {
		status, _, errs := call("sweep", "run", dir, "--index", "0")
		if status != 0 {
			t.Fatalf("status %d: %s", status, errs)
		}
		p := command("sweep", "run", dir, "--jobs", "2")
		p.start(t)
		p.ended(t, 1, "points failed", "point 2 failed (optimizer.lars.rate=0.1 init.from=\"nowhere\"",
			"no run folder", "sweep run "+dir)
		if strings.Contains(p.said(), "point 0 begins") {
			t.Errorf("point 0 was done: %s", p.said())
		}
	}
	status, out, errs := call("sweep", "status", dir)
	lines := strings.Split(out, "\n")
	if status != 0 || len(lines) != 6 || !strings.Contains(lines[1], "done") || !strings.Contains(lines[3], "failed") ||
		!strings.Contains(errs, "point 2: ") || !strings.Contains(errs, "4 points, ") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

// Words of the sweep verbs that are refused, and a sweep that is frozen.
func TestSweepWords(t *testing.T) {
	dir := expanded(t, tinySweep)
	file := filepath.Join(filepath.Dir(dir), "tiny.toml")
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"sweep", "expand", file, dir}, 0, "12 points in"},
		{[]string{"sweep", "expand", file, dir, "--set", "train.batch=32"}, 2, "holds another 0"},
		{[]string{"sweep", "expand", file, dir, "--set", "seed=3"}, 2, "are the same experiment"},
		{[]string{"sweep", "expand", file, filepath.Dir(dir)}, 2,
			"holds sweep, which is no part of a sweep of 12 points"},
		{[]string{"sweep", "expand", "quickstart.toml", dir + "2"}, 2, "there is no [sweep]"},
		{[]string{"run", file}, 2, "makes many recipes of this one; want: experiment sweep expand RECIPE DIR"},
		{[]string{"sweep", "run", file}, 3, "is no sweep's folder"},
		{[]string{"sweep", "run", dir, "--jobs", "0"}, 2, "want at least 1"},
		{[]string{"sweep", "run", dir, "--index", "12"}, 2, "--index 12: want 0 to 11"},
		{[]string{"sweep", "run", dir, "--index", "1", "--jobs", "2"}, 2, "want one of them"},
		{[]string{"sweep", "submit", dir}, 2, "want --slurm or --k8s"},
		{[]string{"sweep", "submit", "--slurm", dir, "--image", "x"}, 2, "--image is for the other scheduler"},
		{[]string{"sweep", "submit", "--k8s", dir}, 2, "--image: want the container's image"},
		{[]string{"sweep", "statsu", dir}, 2, "did you mean status?"},
	} {
		if status, out, errs := call(c.args...); status != c.status || !strings.Contains(errs, c.want) {
			t.Errorf("%s: status %d, want %d; want %q in %s%s", c.args, status, c.status, c.want, out, errs)
		}
	}
	t.Setenv("PBS_ARRAY_INDEX", "0")
	if status, _, errs := call("sweep", "run", dir); status != 2 || !strings.Contains(errs,
		"PBS_ARRAY_INDEX=0: want 1 to 12") {
		t.Errorf("status %d: %s", status, errs)
	}
}

// Relative paths of a frozen point start where those of its recipe did.
func TestSweepPaths(t *testing.T) {
	at := t.TempDir()
	file := filepath.Join(at, "s.toml")
	if err := os.WriteFile(file, []byte("base = \"quickstart.toml\"\n[dataset.folder]\ntrain = \"photos\"\n"+
		"[sweep]\nseeds = 1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := call("sweep", "expand", file, filepath.Join(at, "deep", "sweep")); status != 0 {
		t.Fatalf("status %d: %s", status, errs)
	}
	t.Chdir(t.TempDir())
	status, _, errs := call("sweep", "run", filepath.Join(at, "deep", "sweep"), "--index", "0")
	if status != 3 || !strings.Contains(errs, filepath.Join(at, "photos")) {
		t.Errorf("status %d, want 3; want %s in %s", status, filepath.Join(at, "photos"), errs)
	}
	status, _, errs = call("run", filepath.Join(at, "deep", "sweep", "0000.toml"), "--paths", at, "--dry-run")
	if status != 3 || !strings.Contains(errs, filepath.Join(at, "photos")) {
		t.Errorf("status %d, want 3; want %s in %s", status, filepath.Join(at, "photos"), errs)
	}
}
