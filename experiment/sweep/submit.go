package sweep

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"

	"selfsup/setting"
)

// Job is what a scheduler is told about a sweep.
type Job struct {
	*Sweep
	Program string // command on the machines that train
	Name    string // empty: the recipe's
	AtOnce  int    // points; 0: as many as there is room for
	Ranks   int    // processes of each point, joined by MPI; 1: no MPI
	CPUs    int    // of a process; 0: the scheduler's default
	Memory  string // of a process, in the scheduler's words; empty: its default
	GPUs    int    // of a process
	Time    string // most of a point's time from start to requeue, of Slurm; empty: the partition's
	Image   string // of a container, of Kubernetes
	Volume  string // claim of a persistent volume that is mounted at the sweep's folder, of Kubernetes
}

// arraySize is how many tasks an array of Slurm has where MaxArraySize is its default, 1001: the indices 0 to 1000.
const arraySize = 1001

// WriteSlurm writes a shell script that submits the sweep as arrays of jobs, each after the one before. A task is a
// point. Two minutes before the end of its time Slurm sends SIGUSR1: the run saves, ends with the status 5, and is put
// into the queue again, where it goes on.
func (j *Job) WriteSlurm(w io.Writer) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("#!/bin/sh")
	line("# The %d points of %s, for Slurm. Run this script where sbatch is.", len(j.Points), j.Dir)
	line("set -eu")
	line("mkdir -p %s", shell(filepath.Join(j.Dir, "slurm")))
	line("script() {\n\tcat <<'END_OF_SCRIPT'")
	line("#!/bin/bash")
	line("#SBATCH --job-name=%s", dnsName(j.name(), dnsLabel))
	line("#SBATCH --output=%s", filepath.Join(j.Dir, "slurm", "%A_%a.txt"))
	line("#SBATCH --open-mode=append")
	line("#SBATCH --ntasks=%d", j.Ranks)
	for _, o := range []struct {
		option string
		value  any
		given  bool
	}{
		{"cpus-per-task", j.CPUs, j.CPUs > 0}, {"mem", j.Memory, j.Memory != "" && j.Ranks == 1},
		{"gpus-per-task", j.GPUs, j.GPUs > 0}, {"time", j.Time, j.Time != ""},
	} {
		if o.given {
			line("#SBATCH --%s=%v", o.option, o.value)
		}
	}
	line("#SBATCH --signal=USR1@120")
	line("#SBATCH --requeue")
	line("point=$((SWEEP_FIRST + SLURM_ARRAY_TASK_ID))")
	if j.Ranks == 1 {
		line("srun %s sweep run %s --index $point", shell(j.Program), shell(j.Dir))
	} else {
		line("name=$(printf %%04d $point)")
		line("srun --mpi=pmix %s run %s/$name.toml --paths %s --run-dir %s/$name --resume", shell(j.Program),
			shell(j.Dir), shell(j.Paths), shell(filepath.Join(j.Dir, runsDir)))
	}
	line("status=$?")
	line("if [ $status = %d ]; then # saved at SIGUSR1", saved)
	line("\tscontrol requeue $SLURM_JOB_ID")
	line("fi")
	line("exit $status")
	line("END_OF_SCRIPT\n}")
	most := ""
	if j.AtOnce > 0 {
		most = fmt.Sprintf("%%%d", j.AtOnce)
	}
	for first := 0; first < len(j.Points); first += arraySize {
		after := ""
		if first > 0 {
			after = " --dependency=afterany:$job"
		}
		last := min(arraySize, len(j.Points)-first) - 1
		line("job=$(script | sbatch --parsable%s --array=0-%d%s --export=ALL,SWEEP_FIRST=%d)", after, last, most, first)
		line("job=${job%%%%;*}\necho \"$job: points %d to %d\"", first, first+last)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (j *Job) name() string {
	if j.Name != "" {
		return j.Name
	}
	return j.Sweep.Name
}

// Most letters of a label of DNS (RFC 1123), which names of Kubernetes are.
const dnsLabel = 63

var (
	dnsForm    = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)
	volumeForm = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	notDNS     = regexp.MustCompile(`[^a-z0-9]+`)
	memoryForm = regexp.MustCompile(`^[1-9][0-9]*(\.[0-9]+)?([KMGT]i?|k)?$`)
)

// dnsName makes a label of DNS of a name.
func dnsName(name string, most int) string {
	name = strings.Trim(notDNS.ReplaceAllString(strings.ToLower(name), "-"), "-")
	name = strings.Trim(name[:min(len(name), most)], "-")
	switch {
	case name == "":
		return "sweep"
	case name[0] <= '9' && len(name)+2 <= most: // a service of Kubernetes begins with a letter
		return "s-" + name
	case name[0] <= '9':
		return "s" + name[1:]
	}
	return name
}

// Validate checks what a scheduler would refuse.
func (j *Job) Validate() error {
	switch {
	case j.Ranks < 1:
		return setting.Bad("ranks", "%d: want at least 1", j.Ranks)
	case j.AtOnce < 0 || j.CPUs < 0 || j.GPUs < 0:
		return setting.Bad("jobs", "jobs %d, cpus %d, gpus %d: want numbers of 0 or more", j.AtOnce, j.CPUs, j.GPUs)
	case j.Memory != "" && !memoryForm.MatchString(j.Memory):
		return setting.Bad("memory", "%q: want such as 8G for Slurm, 8Gi for Kubernetes", j.Memory)
	case strings.ContainsAny(j.Dir+j.Program+j.Paths, "\n'"):
		return setting.Bad("dir", "%q, %q: want paths without quotes and line ends", j.Dir, j.Program)
	case strings.ContainsAny(j.Time+j.Memory, "\n "):
		return setting.Bad("time", "%q: want such as 12:00:00", j.Time)
	}
	return nil
}

// shell puts a word into quotes where a shell needs them.
func shell(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@") == "" {
		return word
	}
	return "'" + word + "'"
}

// object is a part of a manifest.
type object = map[string]any

// WriteKubernetes writes a manifest, as JSON, which kubectl takes as it takes YAML: an Indexed Job, whose pods are the
// points; with several ranks an MPIJob of Kubeflow (v2beta1) for each point.
func (j *Job) WriteKubernetes(w io.Writer) error {
	if err := j.checkKubernetes(); err != nil {
		return err
	}
	manifest := j.indexed()
	if j.Ranks > 1 {
		var items []any
		for _, p := range j.Points {
			items = append(items, j.mpi(p))
		}
		manifest = object{"apiVersion": "v1", "kind": "List", "items": items}
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(manifest)
}

func (j *Job) checkKubernetes() error {
	switch {
	case j.Image == "":
		return setting.Bad("image", "want the container's image, which has the program %s", j.Program)
	case !volumeForm.MatchString(j.Volume) || len(j.Volume) > 253:
		return setting.Bad("volume", "%q: want the claim of a persistent volume, which has the sweep's folder %s",
			j.Volume, j.Dir)
	case j.Name != "" && (!dnsForm.MatchString(j.Name) || len(j.Name) > j.longest()):
		return setting.Bad("name", "%q: want at most %d of a to z, 0 to 9 and -, a letter first and no - last",
			j.Name, j.longest())
	}
	return nil
}

// longest is how long a job's name may be: pods are named by it and by their index, those of an MPIJob by the point and
// "worker" besides.
func (j *Job) longest() int {
	index := len(fmt.Sprintf("-%d", len(j.Points)-1))
	if j.Ranks > 1 {
		index = len("-0000-launcher-") + 5 // letters that the controller adds
	}
	return dnsLabel - index
}

// container runs a command beside the sweep's folder.
func (j *Job) container(name string, command []string) object {
	c := object{
		"name": name, "image": j.Image,
		"volumeMounts": []any{object{"name": "sweep", "mountPath": j.Dir}},
	}
	if command != nil {
		c["command"] = command
	}
	needs := object{}
	if j.CPUs > 0 {
		needs["cpu"] = fmt.Sprint(j.CPUs)
	}
	if j.Memory != "" {
		needs["memory"] = j.Memory
	}
	limits := object{}
	if j.Memory != "" {
		limits["memory"] = j.Memory
	}
	if j.GPUs > 0 {
		limits["nvidia.com/gpu"] = fmt.Sprint(j.GPUs)
	}
	if len(needs)+len(limits) > 0 {
		c["resources"] = object{"requests": needs, "limits": limits}
	}
	return c
}

// saving is how long, in seconds, a pod has to save when it is asked to end.
const saving = 120

// pod is a pod with one container.
func (j *Job) pod(container object) object {
	return object{"spec": object{
		"restartPolicy": "Never", "terminationGracePeriodSeconds": saving,
		"containers": []any{container},
		"volumes": []any{
			object{"name": "sweep", "persistentVolumeClaim": object{"claimName": j.Volume}},
		},
	}}
}

// tries is how often a point is begun again after a failure.
const tries = 3

// indexed is a Job whose index is the point. A pod that was asked to end and saved is no failure; a recipe that is
// wrong, data that are missing and a run that diverged are not tried again.
func (j *Job) indexed() object {
	const name = "experiment"
	spec := object{
		"completionMode": "Indexed", "completions": len(j.Points), "parallelism": len(j.Points),
		"backoffLimitPerIndex": tries,
		"podFailurePolicy": object{"rules": []any{
			object{"action": "Ignore", "onExitCodes": object{"containerName": name, "operator": "In",
				"values": []int{saved, 128 + 15}}},
			object{"action": "Ignore", "onPodConditions": []any{object{"type": "DisruptionTarget"}}},
			object{"action": "FailIndex", "onExitCodes": object{"containerName": name, "operator": "In",
				"values": []int{2, 3, 4}}},
		}},
		"template": j.pod(j.container(name, []string{j.Program, "sweep", "run", j.Dir})),
	}
	if j.AtOnce > 0 {
		spec["parallelism"] = min(j.AtOnce, len(j.Points))
	}
	return object{"apiVersion": "batch/v1", "kind": "Job",
		"metadata": object{"name": dnsName(j.name(), j.longest())}, "spec": spec}
}

// mpi is a job of Kubeflow's operator that trains one point in several processes, one a pod. The workers' command is
// the image's or the operator's, which waits for the launcher.
func (j *Job) mpi(p Point) object {
	command := append([]string{"mpirun", "-n", fmt.Sprint(j.Ranks), j.Program}, j.Command(p)...)
	launcher := j.pod(object{"name": "launcher", "image": j.Image, "command": command,
		"volumeMounts": []any{object{"name": "sweep", "mountPath": j.Dir}}})
	return object{
		"apiVersion": "kubeflow.org/v2beta1", "kind": "MPIJob",
		"metadata": object{"name": dnsName(j.name(), j.longest()) + "-" + label(p.Index)},
		"spec": object{
			"slotsPerWorker": 1, "mpiImplementation": "OpenMPI", "sshAuthMountPath": "/root/.ssh",
			"runPolicy": object{"cleanPodPolicy": "Running", "backoffLimit": tries},
			"mpiReplicaSpecs": object{
				"Launcher": object{"replicas": 1, "restartPolicy": "OnFailure", "template": launcher},
				"Worker": object{"replicas": j.Ranks, "restartPolicy": "Never",
					"template": j.pod(j.container("worker", nil))},
			},
		},
	}
}
