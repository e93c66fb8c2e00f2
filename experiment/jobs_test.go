package experiment_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"selfsup/experiment"
	"selfsup/experiment/inspect"
	"selfsup/graph"
	"selfsup/graph/cpu/kern"
	"selfsup/methods"
	"selfsup/methods/contrastive"
	"selfsup/methods/distillation"
	"selfsup/recipes"
	"selfsup/setting"
)

// working is SimCLR with jobs.
type working struct {
	contrastive.SimCLR
	jobs []methods.Job
}

func (m *working) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	o := m.SimCLR.Build(s, enc, b)
	s.Update(s.State("seen", graph.Fill(0), 1), s.State("seen", graph.Fill(0), 1))
	o.Jobs = m.jobs
	return o
}

// worker is a catalog with the method working that has the jobs, and small recipes of it.
func worker(t *testing.T, jobs ...methods.Job) (recipes.Catalog, func(sets ...string) *recipes.Loaded) {
	c := recipes.Builtin()
	c.Methods["working"] = func() methods.Method { return &working{*contrastive.DefaultSimCLR(), jobs} }
	return c, func(sets ...string) *recipes.Loaded {
		t.Helper()
		sets = append([]string{`method="working"`, "method.working.projector=[32,16]"}, sets...)
		r, err := recipes.Load(writeRecipe(t, small), sets, c)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// note is what a job was given.
func note(name string, h methods.Host) string {
	at := h.Time()
	return fmt.Sprintf("%s %d/%d of %d: %.6f", name, at.Step, at.Steps, at.PerEpoch, h.Rand().Float64())
}

// Jobs are done before the first step and after their spans, with the time, random numbers of the seed, the job and
// the step alone, and the features that an evaluation takes; what a job writes is in the next checkpoint. A resumed
// run does none of them twice.
func TestJobs(t *testing.T) {
	var did []string
	var features []float32
	job := func(name string, every setting.Length, f func(h methods.Host) error) methods.Job {
		return methods.Job{Name: name, Every: every, Run: func(_ context.Context, h methods.Host) error {
			did = append(did, note(name, h))
			return f(h)
		}}
	}
	nothing := func(methods.Host) error { return nil }
	c, load := worker(t,
		job("often", setting.Steps(5), func(h methods.Host) error {
			h.Entry("seen").F32[0] += float32(h.Time().Step) + h.Rand().Float32()
			return nil
		}),
		job("once", setting.Length{}, nothing),
		job("last", setting.Percent(100), func(h methods.Host) (err error) {
			features, err = h.Embed(context.Background())
			return err
		}))
	whole, err := train(t, load(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	random := map[string]bool{}
	for _, d := range did {
		what, drawn, _ := strings.Cut(d, ": ")
		names, random[drawn] = append(names, what), true
	}
	want := []string{"often 0/23 of 46", "once 0/23 of 46", "last 0/23 of 46", "often 5/23 of 46", "often 10/23 of 46",
		"often 15/23 of 46", "often 20/23 of 46", "last 23/23 of 46"}
	if !slices.Equal(names, want) {
		t.Errorf("jobs were\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}
	if len(random) != len(did) {
		t.Errorf("jobs drew %d different numbers in %d runs, want another in each", len(random), len(did))
	}
	if got, want := bitsOf(features), bitsOf(embedded(t, whole.Run, c)); got != want {
		t.Errorf("Host.Embed gives features with digest %s, the frozen encoder %s", got, want)
	}

	at := slices.Clone(did)
	did = nil
	stop := make(chan experiment.Request, 1)
	stop <- experiment.Interrupt
	_, err = train(t, load(), stop)
	for stops := 1; ; stops++ {
		var stopped *experiment.Stopped
		if !errors.As(err, &stopped) {
			break
		}
		if stops < 8 { // steps 1 to 7: before, after and at the job's step
			stop <- experiment.Interrupt
		}
		_, err = experiment.Resume(stopped.Folder, c, experiment.Options{Messages: io.Discard, Stop: stop})
		whole = &experiment.Summary{Run: stopped.Folder}
	}
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(did, at) {
		t.Errorf("an interrupted run did\n%s\nwant\n%s", strings.Join(did, "\n"), strings.Join(at, "\n"))
	}
	checkLog(t, whole.Run)
}

func bitsOf(x []float32) string {
	h := fnv.New64a()
	binary.Write(h, binary.LittleEndian, x)
	return fmt.Sprintf("%d numbers %x", len(x), h.Sum64())
}

// embedded is the features of the training images that a run's encoder gives.
func embedded(t *testing.T, dir string, c recipes.Catalog) []float32 {
	t.Helper()
	to := filepath.Join(t.TempDir(), "features.npy")
	out, err := inspect.Embed(dir, "quickstart.toml", nil, inspect.EmbedOptions{To: to}, c,
		experiment.Options{Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, out.Rows*out.Dim)
	if err := binary.Read(bytes.NewReader(data[len(data)-4*len(x):]), binary.LittleEndian, x); err != nil {
		t.Fatal(err)
	}
	return x[:3000*out.Dim] // the training set comes first
}

// A job that fails, panics, or asks for a value that the Store does not have ends the run with its name.
func TestJobFails(t *testing.T) {
	for name, c := range map[string]struct {
		run  func(h methods.Host) error
		want string
	}{
		"fails": {func(methods.Host) error { return errors.New("no luck") },
			"[method.working] job fails after step 5: no luck"},
		"asks": {func(h methods.Host) error { h.Entry("sene"); return nil },
			"job asks after step 5: the store has no sene"},
		"panics": {func(methods.Host) error { panic("no hope") }, "after step 5: panic: no hope " +
			"(experiment/jobs_test.go:"},
		"dawdles": {func(methods.Host) error { return context.Canceled },
			"job dawdles after step 5: context canceled"},
		"succeeds": {func(methods.Host) error { return nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			run := func(_ context.Context, h methods.Host) error {
				if h.Time().Step == 0 {
					return nil
				}
				return c.run(h)
			}
			_, load := worker(t, methods.Job{Name: name, Every: setting.Steps(5), Run: run})
			root := t.TempDir()
			_, err := experiment.Run(load(`train.length="6 steps"`), experiment.Options{Root: root,
				Messages: io.Discard})
			dirs, _ := filepath.Glob(filepath.Join(root, "*"))
			state, failed := experiment.ReadStatus(dirs[0])
			if failed != nil {
				t.Fatal(failed)
			}
			if c.want == "" {
				if err != nil || state.State != "done" {
					t.Errorf("the error is %v, the state %q; want done", err, state.State)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || state.State != "failed" {
				t.Errorf("the error is %v, the state %q; want %q and failed", err, state.State, c.want)
			}
		})
	}
}

// A request while a job runs ends the job, and the resumed run does it, those after it and the evaluation that is due:
// with the same bits as a run that was not interrupted. A job that comes to its end all the same is not done again.
func TestRequestDuringJob(t *testing.T) {
	for name, heeds := range map[string]bool{"heeds its context": true, "does not": false} {
		t.Run(name, func(t *testing.T) {
			var did []string
			var ask chan experiment.Request // nil: nobody asks
			write := func(name string, h methods.Host) {
				did = append(did, note(name, h))
				h.Entry("seen").F32[0] = 2*h.Entry("seen").F32[0] + h.Rand().Float32()
			}
			c, load := worker(t,
				methods.Job{Name: "first", Every: setting.Steps(5), Run: func(_ context.Context, h methods.Host) error {
					write("first", h)
					return nil
				}},
				methods.Job{Name: "long", Every: setting.Steps(5), Run: func(ctx context.Context,
					h methods.Host) error {
					if h.Time().Step > 0 && ask != nil {
						ask <- experiment.Terminate
						ask = nil
						<-ctx.Done()
						if heeds {
							return ctx.Err()
						}
					}
					write("long", h)
					return nil
				}},
				methods.Job{Name: "next", Every: setting.Steps(5), Run: func(_ context.Context, h methods.Host) error {
					write("next", h)
					return nil
				}})
			sets := []string{`evaluate.knn.every="5 steps"`}
			whole, err := train(t, load(sets...), nil)
			if err != nil {
				t.Fatal(err)
			}
			want := slices.Clone(did)
			did, ask = nil, make(chan experiment.Request, 1)
			_, err = train(t, load(sets...), ask)
			var stopped *experiment.Stopped
			if !errors.As(err, &stopped) || stopped.Step != 5 || stopped.Reason != experiment.Terminate ||
				stopped.Early {
				t.Fatalf("the run ends with %v, want a stop by SIGTERM after step 5", err)
			}
			if s, err := experiment.ReadStatus(stopped.Folder); err != nil || s.State != "interrupted" || s.Step != 5 {
				t.Errorf("run.json says %+v (%v), want interrupted and step 5 saved", s, err)
			}
			sum, err := experiment.Resume(stopped.Folder, c, experiment.Options{Messages: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(did, want) {
				t.Errorf("jobs were\n%s\nwant\n%s", strings.Join(did, "\n"), strings.Join(want, "\n"))
			}
			if got, want := final(t, sum.Run), final(t, whole.Run); got != want {
				t.Errorf("the interrupted run ends with %s, the other with %s", got, want)
			}
			if a, b := evaluations(t, sum.Run), evaluations(t, whole.Run); a != b {
				t.Errorf("the interrupted run has the evaluations\n%s\nthe other\n%s", a, b)
			}
		})
	}
}

// evaluations are the lines of a run's metrics that hold one, without the times.
func evaluations(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	seconds := regexp.MustCompile(`"seconds":[^,]*,`)
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "knn") {
			lines = append(lines, seconds.ReplaceAllString(line, ""))
		}
	}
	return strings.Join(lines, "")
}

// A request while a job runs before the first step ends the run at once: nothing is trained and nothing saved.
func TestRequestBeforeFirstStep(t *testing.T) {
	leave := make(chan experiment.Request, 1)
	c, load := worker(t, methods.Job{Name: "long", Run: func(ctx context.Context, h methods.Host) error {
		if leave != nil {
			leave <- experiment.Interrupt
			leave = nil
			<-ctx.Done()
		}
		return context.Cause(ctx)
	}})
	_, err := experiment.Run(load(), experiment.Options{Root: t.TempDir(), Messages: io.Discard, Leave: leave})
	var stopped *experiment.Stopped
	if !errors.As(err, &stopped) || stopped.Step != 0 || !stopped.Early {
		t.Fatalf("the run ends with %v, want a stop before the first step", err)
	}
	sum, err := experiment.Resume(stopped.Folder, c, experiment.Options{Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	checkLog(t, sum.Run)
}

// clustered is a run of 23 steps of DeepCluster v2: seven epochs of three steps and two steps, the first of them
// without training.
var clustered = []string{`method="deepcluster_v2"`, "method.deepcluster_v2.projector=[32,16]",
	"method.deepcluster_v2.k=[10,20,10]",
	`subset="few_shot"`, "subset.few_shot.per_class=20"}

// A run of DeepCluster v2 that is stopped after every step, on one thread and on two in turn, ends with the same bits
// as one that is not.
func TestDeepClusterResumes(t *testing.T) {
	defer kern.SetThreads(kern.Threads())
	kern.SetThreads(2)
	whole, err := train(t, load(t, small, clustered...), nil)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan experiment.Request, 1)
	dir, stops := "", 0
	for {
		kern.SetThreads(1 + stops%2)
		if stops < 22 {
			stop <- experiment.Interrupt
		}
		if dir == "" {
			_, err = train(t, load(t, small, clustered...), stop)
		} else {
			_, err = experiment.Resume(dir, recipes.Builtin(), experiment.Options{Messages: io.Discard, Stop: stop})
		}
		var stopped *experiment.Stopped
		if !errors.As(err, &stopped) {
			break
		}
		if dir, stops = stopped.Folder, stops+1; stopped.Step != stops {
			t.Fatalf("stop %d is after step %d, want one after every step", stops, stopped.Step)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if stops != 22 {
		t.Errorf("the run was stopped %d times, want once after every step but the last", stops)
	}
	if got, want := final(t, dir), final(t, whole.Run); got != want {
		t.Errorf("the stopped run ends with %s, the other with %s", got, want)
	}
	checkLog(t, dir)
}

// interruptible is DeepCluster v2 whose job says in a file that it runs, and then takes for ever.
type interruptible struct {
	distillation.DeepClusterV2
	file string
}

func (m *interruptible) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	o := m.DeepClusterV2.Build(s, enc, b)
	run := o.Jobs[0].Run
	o.Jobs[0].Run = func(ctx context.Context, h methods.Host) error {
		if h.Time().Step < 9 {
			return run(ctx, h)
		}
		if err := os.WriteFile(m.file, nil, 0o666); err != nil {
			return err
		}
		select {}
	}
	return o
}

// A process of one thread that is killed inside of the job, between two checkpoints, leaves a folder that goes on to
// the same bits on two.
func TestKilledInsideJobResumes(t *testing.T) {
	if root := os.Getenv("TEST_JOB_ROOT"); root != "" { // the child
		kern.SetThreads(1)
		c := recipes.Builtin()
		c.Methods["deepcluster_v2"] = func() methods.Method {
			return &interruptible{*distillation.DefaultDeepClusterV2(), filepath.Join(root, "inside")}
		}
		r, err := recipes.Load(writeRecipe(t, small), clustered, c)
		if err != nil {
			t.Fatal(err)
		}
		_, err = experiment.Run(r, experiment.Options{Root: filepath.Join(root, "runs"), Messages: io.Discard})
		t.Fatal("ran to its end: ", err)
	}
	defer kern.SetThreads(kern.Threads())
	kern.SetThreads(2)
	whole, err := train(t, load(t, small, clustered...), nil)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestKilledInsideJobResumes$")
	child.Env = append(os.Environ(), "TEST_JOB_ROOT="+root)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for wait := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(filepath.Join(root, "inside")); err == nil {
			break
		}
		if time.Now().After(wait) {
			child.Process.Kill()
			t.Fatal("the job does not begin within a minute")
		}
	}
	child.Process.Signal(syscall.SIGKILL)
	child.Wait()
	dirs, _ := filepath.Glob(filepath.Join(root, "runs", "*"))
	if len(dirs) != 1 {
		t.Fatalf("run folders %v, want one", dirs)
	}
	sum, err := experiment.Resume(dirs[0], recipes.Builtin(), experiment.Options{Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := final(t, sum.Run), final(t, whole.Run); got != want {
		t.Errorf("the resumed run ends with %s, the other with %s", got, want)
	}
}
