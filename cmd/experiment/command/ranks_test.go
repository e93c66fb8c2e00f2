package command

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"selfsup/experiment"
)

// onRanks is the command on n processes of Open MPI, yet to be started. Without mpirun the test is skipped.
func onRanks(t *testing.T, n int, mca []string, args ...string) *process {
	t.Helper()
	if _, err := exec.LookPath("mpirun.openmpi"); err != nil {
		t.Skip("mpirun.openmpi is not installed: runs on several processes are not tried")
	}
	all := append([]string{"--allow-run-as-root", "--oversubscribe", "--mca", "mpi_yield_when_idle", "1"}, mca...)
	all = append(append(all, "-np", fmt.Sprint(n), os.Args[0]), args...)
	p := &process{Cmd: exec.Command("mpirun.openmpi", all...)}
	p.Env = append(os.Environ(), "TEST_AS_COMMAND=1")
	p.Stderr = p
	return p
}

// overTCP has the ranks talk over the network of the machine itself, in place of shared memory.
var overTCP = []string{"--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", "lo"}

// lossesOf are those of every step of a run.
func lossesOf(t *testing.T, dir string) (list []float64) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, experiment.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var line struct{ Loss *float64 }
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Loss != nil {
			list = append(list, *line.Loss)
		}
	}
	return list
}

// A run on 2 and on 4 ranks, over shared memory and over TCP, has the loss of every step and the evaluation of a run of
// one process.
func TestRanksShareARun(t *testing.T) {
	root := t.TempDir()
	args := func(dir string) []string {
		all := []string{"--threads", "1", "run", "quickstart.toml", "--run-dir", filepath.Join(root, dir)}
		all = append(all, tiny...)
		for _, set := range []string{`train.length="8 steps"`, `train.log="1 step"`, "train.batch=16"} {
			all = append(all, "--set", set)
		}
		return all
	}
	if status, _, errs := call(args("one")...); status != done {
		t.Fatalf("status %d: %s", status, errs)
	}
	want := lossesOf(t, filepath.Join(root, "one"))
	for _, c := range []struct {
		name string
		n    int
		mca  []string
	}{{"two", 2, nil}, {"four over tcp", 4, overTCP}} {
		t.Run(c.name, func(t *testing.T) {
			p := onRanks(t, c.n, c.mca, args(c.name)...)
			out, err := p.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, p.said())
			}
			if n := strings.Count(string(out), "run folder:"); n != 1 {
				t.Errorf("%d ranks print the result, want one:\n%s", n, out)
			}
			got := lossesOf(t, filepath.Join(root, c.name))
			if len(got) != len(want) {
				t.Fatalf("%d losses, want %d", len(got), len(want))
			}
			for i, v := range got {
				tol := 1e-3
				if i < 5 {
					tol = 1e-5
				}
				if !(math.Abs(v/want[i]-1) <= tol) {
					t.Errorf("step %d: loss %v, of one process %v", i+1, v, want[i])
				}
			}
			if s, err := experiment.ReadStatus(filepath.Join(root, c.name)); err != nil || s.State != "done" ||
				s.Ranks != c.n {
				t.Errorf("run.json says %+v (%v), want done on %d ranks", s, err, c.n)
			}
		})
	}
}

// A rank that is killed ends the others, which say so, and run.json does; the run goes on on another number of ranks,
// and SIGUSR1 to mpirun saves and stops it.
func TestRankIsKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	args := append([]string{"--threads", "1", "run", "quickstart.toml", "--run-dir", dir}, tiny...)
	for _, set := range []string{`train.length="1000000 steps"`, "train.batch=12", `train.checkpoint="2 steps"`} {
		args = append(args, "--set", set)
	}
	saved := func() int {
		s, err := experiment.ReadStatus(dir)
		if err != nil || s.State != "running" {
			return 0
		}
		return s.Step
	}
	p := onRanks(t, 2, nil, args...)
	p.start(t)
	p.until(t, "checkpoint", func() bool { return saved() > 0 })
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", p.Process.Pid))
	pids := strings.Fields(string(children))
	if err != nil || len(pids) != 2 {
		t.Skipf("the processes of mpirun cannot be told here: %q, %v", children, err)
	}
	var victim int
	fmt.Sscan(pids[1], &victim)
	syscall.Kill(victim, syscall.SIGKILL)
	p.until(t, "word of the dead", func() bool {
		return strings.Contains(p.said(), "is gone, and the others cannot go on")
	})
	p.Wait()
	s, err := experiment.ReadStatus(dir)
	if err != nil || s.State != "failed" || !strings.Contains(s.Error, "of 2 is gone") {
		t.Errorf("run.json says %+v (%v), want failed, and which rank is gone", s, err)
	}
	before := s.Step
	p = onRanks(t, 3, nil, "--threads", "1", "resume", dir)
	p.start(t)
	p.until(t, "further checkpoint", func() bool { return saved() > before })
	p.Process.Signal(syscall.SIGUSR1)
	ended := make(chan struct{})
	go func() { p.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatalf("no end within a minute of SIGUSR1: %s", p.said())
	}
	if code := p.ProcessState.ExitCode(); code != requeued {
		t.Errorf("status %d, want %d: %s", code, requeued, p.said())
	}
	if s, err = experiment.ReadStatus(dir); err != nil || s.State != "interrupted" || s.Ranks != 3 {
		t.Errorf("run.json says %+v (%v), want interrupted on 3 ranks", s, err)
	}
}

// A rank with another binary, recipe, instruction set or data than the others is refused by all at the start, and
// nothing is left.
func TestRanksAreAlike(t *testing.T) {
	if _, err := exec.LookPath("mpirun.openmpi"); err != nil {
		t.Skip("mpirun.openmpi is not installed: runs on several processes are not tried")
	}
	dir := t.TempDir()
	program, err := os.ReadFile(os.Args[0])
	other := filepath.Join(dir, "other")
	if err == nil {
		err = os.WriteFile(other, append(program, 0), 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	recipe := map[string]string{}
	for _, name := range []string{"here", "there"} {
		at := filepath.Join(dir, name)
		recipe[name] = filepath.Join(at, "rows.toml")
		rows := "x,y,class\n"
		for i := range 40 {
			rows += fmt.Sprintf("%d,%d,%c\n", i*i%7, i%5+i/30*len(name), 'a'+i%3)
		}
		text := `name = "rows"
[dataset.table]
train = "rows.csv"
target = "class"
[backbone.mlp]
[method.scarf]
[optimizer.adamw]
[train]
batch = 8
length = "2 steps"
`
		if err := errors.Join(os.Mkdir(at, 0o700), os.WriteFile(recipe[name], []byte(text), 0o600),
			os.WriteFile(filepath.Join(at, "rows.csv"), []byte(rows), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	runs := filepath.Join(dir, "runs")
	args := append([]string{"--threads", "1", "run", "quickstart.toml", "--runs", runs}, tiny...)
	rows := func(name string) []string { return []string{os.Args[0], "run", recipe[name], "--runs", runs} }
	for _, c := range []struct {
		name, want   string
		first, other []string
	}{
		{"binary", "rank 1 has another build of the program than rank 0: ",
			append([]string{os.Args[0]}, args...), append([]string{other}, args...)},
		{"recipe", "rank 1 has another recipe than rank 0: ", append([]string{os.Args[0]}, args...),
			append(append([]string{os.Args[0]}, args...), "--set", "seed=7")},
		{"instruction set", "rank 1 has another instruction set than rank 0: generic there, ",
			append([]string{os.Args[0]}, args...), append([]string{"env", "SELFSUP_CPU=generic", os.Args[0]}, args...)},
		{"data", "rank 1 has another data (digest) than rank 0: ", rows("here"), rows("there")},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &process{Cmd: exec.Command("mpirun.openmpi", slices.Concat([]string{"--allow-run-as-root",
				"--oversubscribe", "--mca", "mpi_yield_when_idle", "1", "-np", "1"}, c.first,
				[]string{":", "-np", "1"}, c.other)...)}
			p.Env = append(os.Environ(), "TEST_AS_COMMAND=1")
			p.Stderr = p
			if err := p.Run(); err == nil || !strings.Contains(p.said(), c.want) {
				t.Errorf("%v: %s\nwant %q", err, p.said(), c.want)
			}
			if left, _ := os.ReadDir(runs); len(left) > 0 {
				t.Errorf("%s has %v, want nothing", runs, left)
			}
		})
	}
}

// What ranks cannot do is said in a sentence.
func TestRanksAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		env  []string
		want string
	}{
		{"batch", []string{"run", "quickstart.toml", "--runs", t.TempDir(), "--set", "train.batch=13"}, nil,
			"train.batch=13: 13 is the batch of all ranks together and does not divide by 2 ranks; want a " +
				"multiple of 2"},
		{"eval", []string{"eval", t.TempDir()}, nil, "says that this is one of several processes, each of which " +
			"would do the whole; want one process, only run, resume and bench are shared"},
		{"no library", []string{"run", "quickstart.toml", "--runs", t.TempDir()},
			[]string{"SELFSUP_MPI=/nowhere/libmpi.so"}, "no library of MPI could be opened, of /nowhere/libmpi.so"},
		{"other library", []string{"run", "quickstart.toml", "--runs", t.TempDir()}, []string{"SELFSUP_MPI=libc.so.6"},
			"libc.so.6 is no library of MPI"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := onRanks(t, 2, nil, c.args...)
			p.Env = append(p.Env, c.env...)
			if err := p.Run(); err == nil || !strings.Contains(p.said(), c.want) {
				t.Errorf("%v: %s\nwant %q", err, p.said(), c.want)
			}
		})
	}
	p := command("run", "quickstart.toml", "--runs", t.TempDir())
	p.Env = append(p.Env, "SLURM_NTASKS=4", "SLURM_PROCID=2", "SLURM_STEP_ID=0")
	if err := p.Run(); err == nil || p.ProcessState.ExitCode() != wrongUse ||
		!strings.Contains(p.said(), "use srun --mpi=pmix") {
		t.Errorf("srun without MPI: %v: %s", err, p.said())
	}
}
