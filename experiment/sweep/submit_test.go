package sweep

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// jobOf is a job of so many points, which are nowhere.
func jobOf(points int) *Job {
	s := &Sweep{Dir: "/data/sweep", about: about{Name: "Temperature, wide", Paths: "/home/me", Count: points}}
	for i := range points {
		s.Points = append(s.Points, Point{Index: i, Recipe: filepath.Join(s.Dir, label(i)+".toml"),
			Run: filepath.Join(s.Dir, runsDir, label(i))})
	}
	return &Job{Sweep: s, Program: "experiment", Ranks: 1, Image: "lab/experiment:1", Volume: "sweeps.lab", AtOnce: 4,
		CPUs: 2, Memory: "8Gi", GPUs: 1}
}

// rules are what is essential of the published schemas: which keys an object may have, which it must have, and what
// they hold. A key may hold an object with rules of its own, or a list of such.
type rules struct {
	keys map[string]any // *rules, []*rules of a list's elements, or a check func(any) string, which says what is wrong
	must []string
}

func (r *rules) check(at string, x any) (wrong []string) {
	o, ok := x.(map[string]any)
	if !ok {
		return []string{fmt.Sprintf("%s is a %T, want an object", at, x)}
	}
	for _, k := range r.must {
		if _, has := o[k]; !has {
			wrong = append(wrong, at+" lacks "+k)
		}
	}
	for k, v := range o {
		here := at + "." + k
		switch want := r.keys[k].(type) {
		case nil:
			wrong = append(wrong, here+" is no key of the schema")
		case *rules:
			wrong = append(wrong, want.check(here, v)...)
		case []*rules:
			list, ok := v.([]any)
			if !ok || len(list) == 0 {
				wrong = append(wrong, here+": want a list")
			}
			for i, e := range list {
				wrong = append(wrong, want[0].check(fmt.Sprintf("%s[%d]", here, i), e)...)
			}
		case func(any) string:
			if text := want(v); text != "" {
				wrong = append(wrong, fmt.Sprintf("%s = %v: %s", here, v, text))
			}
		}
	}
	return wrong
}

func form(pattern string, most int) func(any) string {
	re := regexp.MustCompile(pattern)
	return func(x any) string {
		if s, ok := x.(string); !ok || !re.MatchString(s) || len(s) > most {
			return fmt.Sprintf("want %s of at most %d letters", pattern, most)
		}
		return ""
	}
}

func oneOf(words ...string) func(any) string {
	return func(x any) string {
		if s, ok := x.(string); !ok || !slices.Contains(words, s) {
			return fmt.Sprintf("want one of %q", words)
		}
		return ""
	}
}

func integer(least, most int) func(any) string {
	return func(x any) string {
		if f, ok := x.(float64); !ok || f != float64(int(f)) || int(f) < least || int(f) > most {
			return fmt.Sprintf("want an integer from %d to %d", least, most)
		}
		return ""
	}
}

// exitCodes are 1 to 255 different numbers in order, none of them 0 with In.
func exitCodes(x any) string {
	list, _ := x.([]any)
	last := 0.0
	for _, e := range list {
		n, ok := e.(float64)
		if !ok || n <= last || n > 255 {
			return "want different exit codes in order"
		}
		last = n
	}
	if len(list) == 0 || len(list) > 255 {
		return "want 1 to 255 exit codes"
	}
	return ""
}

func words(x any) string {
	list, _ := x.([]any)
	for _, e := range list {
		if _, ok := e.(string); !ok {
			return "want strings"
		}
	}
	if len(list) == 0 {
		return "want strings"
	}
	return ""
}

const (
	dns1123 = `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	dns1035 = `^[a-z]([-a-z0-9]*[a-z0-9])?$`
	domain  = `^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	amount  = `^[0-9]+(\.[0-9]+)?([KMGTPE]i?|k|m)?$`
)

// podSpec is io.k8s.api.core.v1.PodTemplateSpec, as far as it is used.
func podSpec(restart ...string) *rules {
	resources := &rules{keys: map[string]any{"cpu": form(amount, 30), "memory": form(amount, 30),
		"nvidia.com/gpu": form(`^[0-9]+$`, 3)}}
	spec := &rules{must: []string{"containers", "restartPolicy"}, keys: map[string]any{
		"restartPolicy": oneOf(restart...), "terminationGracePeriodSeconds": integer(0, 1<<31-1),
		"containers": []*rules{{must: []string{"name", "image"}, keys: map[string]any{
			"name": form(dns1123, 63), "image": form(`^\S+$`, 255), "command": words,
			"resources": &rules{keys: map[string]any{"requests": resources, "limits": resources}},
			"volumeMounts": []*rules{{must: []string{"name", "mountPath"}, keys: map[string]any{
				"name": form(dns1123, 63), "mountPath": form(`^/[^:]*$`, 4096)}}},
		}}},
		"volumes": []*rules{{must: []string{"name"}, keys: map[string]any{"name": form(dns1123, 63),
			"persistentVolumeClaim": &rules{must: []string{"claimName"}, keys: map[string]any{
				"claimName": form(domain, 253)}}}}},
	}}
	return &rules{must: []string{"spec"}, keys: map[string]any{"spec": spec}}
}

// jobRules are of io.k8s.api.batch.v1.Job with completionMode Indexed: completions are needed then,
// backoffLimitPerIndex is allowed, and a podFailurePolicy wants restartPolicy Never. A pod's host name is the job's
// name and the index.
func jobRules(points int) *rules {
	policy := []*rules{{must: []string{"action"}, keys: map[string]any{
		"action": oneOf("FailJob", "FailIndex", "Ignore", "Count"),
		"onExitCodes": &rules{must: []string{"operator", "values"}, keys: map[string]any{
			"containerName": oneOf("experiment"), "operator": oneOf("In", "NotIn"), "values": exitCodes}},
		"onPodConditions": []*rules{{must: []string{"type"}, keys: map[string]any{
			"type": oneOf("DisruptionTarget"), "status": oneOf("True", "False", "Unknown")}}},
	}}}
	return &rules{must: []string{"apiVersion", "kind", "metadata", "spec"}, keys: map[string]any{
		"apiVersion": oneOf("batch/v1"), "kind": oneOf("Job"),
		"metadata": &rules{must: []string{"name"}, keys: map[string]any{
			"name": form(dns1123, 63-len(fmt.Sprintf("-%d", points-1)))}},
		"spec": &rules{must: []string{"template", "completions", "completionMode"}, keys: map[string]any{
			"completionMode": oneOf("Indexed"), "completions": integer(points, points),
			"parallelism": integer(1, 100000), "backoffLimitPerIndex": integer(0, 1<<31-1),
			"maxFailedIndexes": integer(0, points), "template": podSpec("Never"),
			"podFailurePolicy": &rules{must: []string{"rules"}, keys: map[string]any{"rules": policy}},
		}},
	}}
}

// mpiRules are of kubeflow.org/v2beta1 MPIJob, as its operator's validation has them: one launcher, at least one
// worker, each with containers, and a name with which NAME-worker-N is a host's.
func mpiRules(ranks int) *rules {
	replica := func(n int) *rules {
		return &rules{must: []string{"replicas", "restartPolicy", "template"}, keys: map[string]any{
			"replicas": integer(n, n), "restartPolicy": oneOf("Never", "OnFailure"), "template": podSpec("Never")}}
	}
	return &rules{must: []string{"apiVersion", "kind", "metadata", "spec"}, keys: map[string]any{
		"apiVersion": oneOf("kubeflow.org/v2beta1"), "kind": oneOf("MPIJob"),
		"metadata": &rules{must: []string{"name"}, keys: map[string]any{
			"name": form(dns1035, 63-len(fmt.Sprintf("-worker-%d", ranks-1)))}},
		"spec": &rules{must: []string{"slotsPerWorker", "mpiReplicaSpecs"}, keys: map[string]any{
			"slotsPerWorker": integer(1, 1024), "mpiImplementation": oneOf("OpenMPI", "Intel", "MPICH"),
			"sshAuthMountPath": form(`^/\S+$`, 4096),
			"runPolicy": &rules{keys: map[string]any{"cleanPodPolicy": oneOf("None", "Running", "All"),
				"backoffLimit": integer(0, 1<<31-1), "ttlSecondsAfterFinished": integer(0, 1<<31-1)}},
			"mpiReplicaSpecs": &rules{must: []string{"Launcher", "Worker"}, keys: map[string]any{
				"Launcher": replica(1), "Worker": replica(ranks)}},
		}},
	}}
}

func manifest(t *testing.T, j *Job) map[string]any {
	t.Helper()
	var b bytes.Buffer
	if err := j.WriteKubernetes(&b); err != nil {
		t.Fatal(err)
	}
	var o map[string]any
	if err := json.Unmarshal(b.Bytes(), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// The manifests keep the rules of the published schemas, whatever the recipe is called and however many points it has.
func TestManifests(t *testing.T) {
	for _, points := range []int{1, 12, 10000} {
		for _, name := range []string{"Temperature, wide", strings.Repeat("long name ", 20), "3d", "...", "é"} {
			j := jobOf(points)
			j.Sweep.Name = name
			for _, w := range jobRules(points).check("job", manifest(t, j)) {
				t.Errorf("%d points of %q: %s", points, name, w)
			}
			if points > 12 {
				continue
			}
			j.Ranks = 4
			o := manifest(t, j)
			if o["kind"] != "List" || o["apiVersion"] != "v1" || len(o["items"].([]any)) != points {
				t.Fatalf("%d points with 4 ranks are %v", points, o)
			}
			for _, job := range o["items"].([]any) {
				for _, w := range mpiRules(4).check("mpijob", job) {
					t.Errorf("%d points of %q: %s", points, name, w)
				}
			}
		}
	}
	job := manifest(t, jobOf(12))["spec"].(map[string]any)
	pod := job["template"].(map[string]any)["spec"].(map[string]any)
	command := pod["containers"].([]any)[0].(map[string]any)["command"]
	if got := fmt.Sprint(job["parallelism"], command); got != "4 [experiment sweep run /data/sweep]" {
		t.Errorf("parallelism and command are %s", got)
	}
	bad := manifest(t, jobOf(3)) // the rules can be broken
	delete(bad["spec"].(map[string]any), "completions")
	bad["spec"].(map[string]any)["completionmode"] = "Indexed"
	bad["metadata"].(map[string]any)["name"] = "Upper"
	if wrong := jobRules(3).check("job", bad); len(wrong) != 3 {
		t.Errorf("a broken job breaks %q", wrong)
	}
}

// An MPI job's launcher starts the point's run in all its processes.
func TestMPICommand(t *testing.T) {
	j := jobOf(2)
	j.Ranks = 4
	at := manifest(t, j)["items"].([]any)[1].(map[string]any)
	for _, k := range []string{"spec", "mpiReplicaSpecs", "Launcher", "template", "spec"} {
		at = at[k].(map[string]any)
	}
	got := fmt.Sprint(at["containers"].([]any)[0].(map[string]any)["command"])
	if want := "[mpirun -n 4 experiment run /data/sweep/0001.toml --paths /home/me --run-dir /data/sweep/runs/0001 " +
		"--resume]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What a scheduler would refuse is refused with what would be right.
func TestJobMistakes(t *testing.T) {
	for want, change := range map[string]func(*Job){
		"ranks: 0: want at least 1":        func(j *Job) { j.Ranks = 0 },
		"memory: \"lots\": want such as":   func(j *Job) { j.Memory = "lots" },
		"image: want the container's":      func(j *Job) { j.Image = "" },
		"volume: \"a b\"":                  func(j *Job) { j.Volume = "a b" },
		"name: \"No\": want at most 60 of": func(j *Job) { j.Name = "No" },
		"time: \"1 hour\": want such as":   func(j *Job) { j.Time = "1 hour" },
		"want paths without quotes":        func(j *Job) { j.Dir = "/it's" },
		"jobs -1, cpus 2":                  func(j *Job) { j.AtOnce = -1 },
	} {
		j := jobOf(12)
		change(j)
		err := j.Validate()
		if err == nil {
			err = j.WriteKubernetes(new(bytes.Buffer))
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// Arrays of Slurm have at most 1001 tasks, which count from 0, and the script is one that a shell takes.
func TestSlurmArrays(t *testing.T) {
	for _, c := range []struct {
		points int
		want   []string
	}{
		{12, []string{"--array=0-11%4 --export=ALL,SWEEP_FIRST=0"}},
		{1001, []string{"--array=0-1000%4 --export=ALL,SWEEP_FIRST=0"}},
		{2500, []string{"--array=0-1000%4 --export=ALL,SWEEP_FIRST=0",
			"--dependency=afterany:$job --array=0-1000%4 --export=ALL,SWEEP_FIRST=1001",
			"--dependency=afterany:$job --array=0-497%4 --export=ALL,SWEEP_FIRST=2002"}},
	} {
		for _, ranks := range []int{1, 2} {
			j := jobOf(c.points)
			j.Ranks, j.Time, j.Memory = ranks, "2:00:00", "8G"
			var b bytes.Buffer
			if err := j.WriteSlurm(&b); err != nil {
				t.Fatal(err)
			}
			text := b.String()
			if n := strings.Count(text, "| sbatch"); n != len(c.want) {
				t.Errorf("%d points are %d arrays, want %d", c.points, n, len(c.want))
			}
			run := "srun experiment sweep run /data/sweep --index $point"
			if ranks > 1 {
				run = "srun --mpi=pmix experiment run /data/sweep/$name.toml --paths /home/me --run-dir " +
					"/data/sweep/runs/$name --resume"
			}
			for _, want := range append(c.want, run, fmt.Sprintf("#SBATCH --ntasks=%d\n", ranks),
				"#SBATCH --time=2:00:00\n",
				"#SBATCH --signal=USR1@120\n", "#SBATCH --requeue\n", "#SBATCH --job-name=temperature-wide\n") {
				if !strings.Contains(text, want) {
					t.Errorf("%d points: want %q in\n%s", c.points, want, text)
				}
			}
			if out, err := exec.Command("sh", "-n", "-c", text).CombinedOutput(); err != nil {
				t.Errorf("sh -n: %v %s", err, out)
			}
		}
	}
}

// A task of an array finds its point: Slurm and Kubernetes count from 0, LSF and PBS from 1.
func TestIndex(t *testing.T) {
	for _, c := range []struct {
		env, want string
	}{
		{"", "none"},
		{"SLURM_ARRAY_TASK_ID=0", "0"}, {"SLURM_ARRAY_TASK_ID=11", "11"},
		{"JOB_COMPLETION_INDEX=0", "0"}, {"JOB_COMPLETION_INDEX=11", "11"},
		{"LSB_JOBINDEX=1", "0"}, {"LSB_JOBINDEX=12", "11"}, {"LSB_JOBINDEX=0", "none"}, // no array
		{"PBS_ARRAY_INDEX=1", "0"}, {"PBS_ARRAY_INDEX=12", "11"},
		{"SLURM_ARRAY_TASK_ID=12", "SLURM_ARRAY_TASK_ID=12: want 0 to 11, the tasks of 12 points"},
		{"PBS_ARRAY_INDEX=0", "PBS_ARRAY_INDEX=0: want 1 to 12, the tasks of 12 points"},
		{"LSB_JOBINDEX=13", "LSB_JOBINDEX=13: want 1 to 12"},
		{"JOB_COMPLETION_INDEX=x", "JOB_COMPLETION_INDEX=x: want 0 to 11"},
		{"SLURM_ARRAY_TASK_ID=3 PBS_ARRAY_INDEX=4", "3"},
		{"SLURM_ARRAY_TASK_ID=3 PBS_ARRAY_INDEX=3", "want one scheduler, or --index"},
	} {
		env := map[string]string{}
		for _, pair := range strings.Fields(c.env) {
			name, value, _ := strings.Cut(pair, "=")
			env[name] = value
		}
		n, ok, err := IndexFrom(func(name string) (string, bool) { v, ok := env[name]; return v, ok }, 12)
		got := fmt.Sprint(n)
		if !ok {
			got = "none"
		}
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%q: got %s, want %s", c.env, got, c.want)
		}
	}
}
