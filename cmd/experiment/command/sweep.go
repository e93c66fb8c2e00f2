package command

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"selfsup/experiment/report"
	"selfsup/experiment/sweep"
	"selfsup/internal/called"
	"selfsup/recipes"
)

// sweepVerb trains many recipes that one makes.
func sweepVerb(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "sweep",
		Short: "Train the many recipes that a recipe's [sweep] makes",
		Long: `  experiment sweep expand temperature.toml sweeps/temperature
  experiment sweep run sweeps/temperature --jobs 2
  experiment sweep status sweeps/temperature
  experiment sweep submit --slurm sweeps/temperature --jobs 8 | sh

A recipe with the table [sweep] is many recipes, its points. "expand" freezes them in a folder, "run" trains them or one
of them, "submit" prints what gives them to a scheduler, and "status" lists how far they are. Each point has a run
folder below DIR/runs, for "runs", "compare" and "report".

  base = "quickstart.toml"
  [sweep]
  seeds = 3                                             # each point with the seeds 1, 2 and 3
  draws = 4                                             # points that [sweep.random] draws, by seed = 1
  [sweep.grid]                                          # every combination
  method.simclr.temperature = [0.1, 0.2, 0.5]
  [sweep.random]
  optimizer.lars.rate = { from = 0.03, to = 1.0, log = true }
  views.blur = { choose = [0.0, 0.5] }
  [[sweep.list]]                                        # settings that change together
  train.batch = 128

Parts that are there are combined. Whole numbers are drawn between whole from and to.`,
		Args: knownVerb,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	a.add(c, sweepExpandVerb, sweepRunVerb, sweepStatusVerb, sweepSubmitVerb)
	return c
}

// sweepExpandVerb freezes a sweep.
func sweepExpandVerb(a *app) *cobra.Command {
	var sets []string
	c := &cobra.Command{
		Use:   "expand RECIPE DIR [--set key=value]...",
		Short: "Freeze the points of a sweep in a folder",
		Long: `  experiment sweep expand temperature.toml sweeps/temperature
  experiment sweep expand temperature.toml sweeps/short --set train.length="2 epochs"

Writes a recipe with everything spelled out for each point, 0000.toml and so on, and points.tsv, which says what is
varied. --set changes all points. Mistakes show here, before anything is trained. The same sweep may be expanded again;
another one wants another folder.`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeRecipes,
	}
	c.Flags().StringArrayVar(&sets, "set", nil, "change one setting of all points, as `key=value`; may be repeated")
	c.RegisterFlagCompletionFunc("set", a.completeSets)
	c.RunE = func(_ *cobra.Command, args []string) error {
		points, err := recipes.LoadSweep(args[0], sets, a.catalog)
		if err != nil {
			return err
		}
		s, err := sweep.Expand(points, args[1])
		if err != nil {
			return err
		}
		fmt.Fprintf(a.err, "%d points in %s; train them: %s\n", len(s.Points), args[1],
			called.Line("sweep", "run", args[1]))
		text, err := os.ReadFile(filepath.Join(s.Dir, "points.tsv"))
		if err != nil {
			return err
		}
		_, err = a.out.Write(text)
		return err
	}
	return c
}

// sweepRunVerb trains points of a sweep.
func sweepRunVerb(a *app) *cobra.Command {
	var jobs, index int
	var asJSON bool
	c := &cobra.Command{
		Use:   "run DIR [--jobs N | --index I]",
		Short: "Train the points of a sweep that are not done, or one of them",
		Long: `  experiment sweep run sweeps/temperature --jobs 2
  experiment sweep run sweeps/temperature --index 3

Trains all points in processes of their own, --jobs at a time, which share the cores. A point that is done is not
trained again, one that was interrupted goes on, one that failed does not keep the others from theirs, is named at the
end and tried again by the same command. Ctrl-C, SIGTERM and SIGUSR1 save what is being trained and stop. Several
machines and commands may work on one folder at once: each point is one's alone. What a process said is in
DIR/messages.

--index trains one point in this process. Without --jobs and --index it is the one that a scheduler gives this task:
SLURM_ARRAY_TASK_ID and JOB_COMPLETION_INDEX (Kubernetes) count from 0 as points do; LSB_JOBINDEX (LSF) and
PBS_ARRAY_INDEX count from 1, so that the arrays name[1-12] and -J 1-12 are the points 0 to 11.`,
		Args: cobra.ExactArgs(1),
	}
	c.Flags().IntVar(&jobs, "jobs", 1, "processes at a time")
	c.Flags().IntVar(&index, "index", -1, "train this `point` alone, counted from 0")
	c.Flags().BoolVar(&asJSON, "json", false, "with --index: print one JSON object as the last line of standard "+
		"output, whatever the status")
	c.RunE = func(_ *cobra.Command, args []string) error {
		s, err := sweep.Open(args[0])
		if err != nil {
			return err
		}
		pool, one := c.Flags().Changed("jobs"), c.Flags().Changed("index")
		switch {
		case pool && one:
			return usage{fmt.Errorf("%s: --jobs and --index: want one of them", c.CommandPath())}
		case jobs < 1:
			return usage{fmt.Errorf("%s: --jobs %d: want at least 1", c.CommandPath(), jobs)}
		case one && (index < 0 || index >= len(s.Points)):
			return usage{fmt.Errorf("%s: --index %d: want 0 to %d", c.CommandPath(), index, len(s.Points)-1)}
		case !pool && !one:
			if index, one, err = sweep.Environment(len(s.Points)); err != nil {
				return usage{fmt.Errorf("%s: %w", c.CommandPath(), err)}
			}
		}
		o, stop := a.options("")
		defer stop()
		if one {
			return a.conclude(asJSON)(s.RunPoint(index, a.catalog, o))
		}
		program, err := os.Executable()
		if err != nil {
			return err
		}
		threads := max(1, runtime.GOMAXPROCS(0)/jobs)
		p := &sweep.Pool{Sweep: s, Jobs: jobs, Program: []string{program, "--threads", fmt.Sprint(threads)},
			Messages: a.err, Stop: o.Stop}
		return p.Run()
	}
	return c
}

// sweepStatusVerb lists the points of a sweep.
func sweepStatusVerb(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status DIR",
		Short: "List the points of a sweep: what they vary, how far they are, and their results",
		Long: `  experiment sweep status sweeps/temperature
  experiment compare sweeps/temperature/runs

"waiting" is a point that nobody has begun, "killed" one that says running and has no process. What the results are
worth over seeds is for "experiment compare".`,
		Args: cobra.ExactArgs(1),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON list of objects")
	c.RunE = func(_ *cobra.Command, args []string) error {
		s, err := sweep.Open(args[0])
		if err != nil {
			return err
		}
		states := s.States(time.Now())
		if asJSON {
			return json.NewEncoder(a.out).Encode(statesJSON(states))
		}
		t := report.Table{Header: []string{"point", "state", "steps", "result", "settings"}}
		counts := map[string]int{}
		for _, p := range states {
			counts[p.State]++
			t.Rows = append(t.Rows, []string{fmt.Sprint(p.Index), p.State, fmt.Sprintf("%d/%d", p.Step, p.Steps),
				p.Result(), p.Point.String()})
		}
		fmt.Fprint(a.out, t.String())
		for _, p := range states {
			if p.Error != "" {
				fmt.Fprintf(a.err, "point %d: %s\n", p.Index, p.Error)
			}
		}
		fmt.Fprintf(a.err, "%d points, %d done\n", len(states), counts["done"])
		return nil
	}
	return c
}

// statesJSON is the states of points for programs.
func statesJSON(states []sweep.State) []any {
	list := []any{}
	for _, p := range states {
		varies := map[string]string{}
		for _, v := range p.Varies {
			varies[v.Key] = v.Value
		}
		p.Past.Run = p.Point.Run
		list = append(list, struct {
			Point  int               `json:"point"`
			Recipe string            `json:"recipe"`
			Varies map[string]string `json:"varies"`
			Run    any               `json:"run"`
		}{p.Index, p.Recipe, varies, p.Past})
	}
	return list
}

// sweepSubmitVerb prints what gives a sweep to a scheduler.
func sweepSubmitVerb(a *app) *cobra.Command {
	var slurm, kubernetes bool
	var j sweep.Job
	c := &cobra.Command{
		Use:   "submit --slurm|--k8s DIR",
		Short: "Print what submits a sweep to Slurm or Kubernetes",
		Long: `  experiment sweep submit --slurm sweeps/temperature --jobs 8 --time 12:00:00 | sh
  experiment sweep submit --k8s sweeps/temperature --jobs 8 --image lab/experiment --volume sweeps | kubectl apply -f -

Prints, and submits nothing. --slurm: a shell script with an array of jobs, a task a point; more than 1001 points, which
is the most of an array by default, are several arrays, each after the one before. Two minutes before its time is over a
run saves and is put into the queue again, where it goes on. --k8s: an Indexed Job, as JSON. With --ranks each point is
trained by several processes that MPI joins: by srun --mpi=pmix, or by an MPIJob of Kubeflow for each point.`,
		Args: cobra.ExactArgs(1),
	}
	c.Flags().BoolVar(&slurm, "slurm", false, "a shell script that calls sbatch")
	c.Flags().BoolVar(&kubernetes, "k8s", false, "a manifest for kubectl")
	c.Flags().StringVar(&j.Program, "program", "", "the `command` on the machines that train (default this program; "+
		"in a container, experiment)")
	c.Flags().StringVar(&j.Name, "name", "", "name of the job (default the recipe's)")
	c.Flags().IntVar(&j.AtOnce, "jobs", 0, "most points at a time (default as many as there is room for)")
	c.Flags().IntVar(&j.Ranks, "ranks", 1, "processes of each point, joined by MPI")
	c.Flags().IntVar(&j.CPUs, "cpus", 0, "cores of a process")
	c.Flags().IntVar(&j.GPUs, "gpus", 0, "GPUs of a process")
	c.Flags().StringVar(&j.Memory, "memory", "", "memory of a process, such as 8G (Slurm) or 8Gi (Kubernetes)")
	c.Flags().StringVar(&j.Time, "time", "", "with --slurm: time of a task, after which it goes on in another")
	c.Flags().StringVar(&j.Image, "image", "", "with --k8s: the container's image")
	c.Flags().StringVar(&j.Volume, "volume", "", "with --k8s: the `claim` of the persistent volume that is mounted at "+
		"DIR")
	c.RunE = func(_ *cobra.Command, args []string) (err error) {
		if slurm == kubernetes {
			return usage{fmt.Errorf("%s: want --slurm or --k8s", c.CommandPath())}
		}
		for _, f := range []struct {
			name string
			of   *bool
		}{{"time", &slurm}, {"image", &kubernetes}, {"volume", &kubernetes}} {
			if c.Flags().Changed(f.name) && !*f.of {
				return usage{fmt.Errorf("%s: --%s is for the other scheduler", c.CommandPath(), f.name)}
			}
		}
		if j.Sweep, err = sweep.Open(args[0]); err != nil {
			return err
		}
		if j.Program == "" {
			if j.Program, err = ownProgram(kubernetes); err != nil {
				return usage{fmt.Errorf("%s: %w", c.CommandPath(), err)}
			}
		}
		write := j.WriteSlurm
		if kubernetes {
			write = j.WriteKubernetes
		}
		var text strings.Builder
		if err = j.Validate(); err == nil {
			err = write(&text)
		}
		if err != nil {
			return usage{fmt.Errorf("%s: --%w", c.CommandPath(), err)}
		}
		_, err = io.WriteString(a.out, text.String())
		return err
	}
	return c
}

// ownProgram is the command that other machines call this program by.
func ownProgram(inContainer bool) (string, error) {
	if inContainer {
		return "experiment", nil
	}
	path, err := os.Executable()
	if err == nil && strings.HasPrefix(called.Name(), "go run ") {
		err = fmt.Errorf("a program that \"go run\" has built is gone when it ends: go build -o experiment "+
			"%s, or --program", strings.TrimPrefix(called.Name(), "go run "))
	}
	return path, err
}
