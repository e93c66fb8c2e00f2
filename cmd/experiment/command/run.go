package command

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"selfsup/experiment"
	"selfsup/experiment/folder"
	"selfsup/internal/called"
)

// runVerb trains and evaluates a recipe.
func runVerb(a *app) *cobra.Command {
	var sets []string
	var root, dir, name, paths string
	var asJSON, dry, again bool
	c := &cobra.Command{
		Use:   "run RECIPE [--set key=value]...",
		Short: "Train and evaluate a recipe",
		Long: `  experiment run recipes/quickstart.toml
  experiment run quickstart.toml --set method.simclr.temperature=0.5 --set seed=2

Trains the recipe's encoder, evaluates it, and writes everything into a new folder below --runs. Ctrl-C finishes the
step, saves and says how to go on; a second one leaves at once, and so does the first before the training has begun.
SIGTERM, SIGUSR1 and a terminal that closes save and stop too. Messages that nobody reads are dropped: log.txt has
them.

For a scheduler one command starts the run, goes on with it, or says that it is done, with status 0:

  experiment run recipe.toml --run-dir runs/mine --resume`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRecipes,
	}
	c.Flags().StringArrayVar(&sets, "set", nil, "change one setting, as `key=value`; may be repeated")
	c.Flags().StringVar(&root, "runs", orDefault(os.Getenv("EXPERIMENT_RUNS"), "runs"),
		"folder that run folders are made in; also EXPERIMENT_RUNS")
	c.Flags().StringVar(&name, "name", "", "name of the run's folder below --runs (default the recipe's name "+
		"with date and time)")
	c.Flags().StringVar(&dir, "run-dir", "", "the run's `folder` itself, in place of --runs and --name")
	c.Flags().StringVar(&paths, "paths", "", "`folder` that relative paths in the recipe start from (default the "+
		"recipe's)")
	c.Flags().BoolVar(&again, "resume", false, "with --run-dir or --name: go on with the run that the folder "+
		"holds, if it holds one")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object as the last line of standard output, "+
		"whatever the status")
	c.Flags().BoolVar(&dry, "dry-run", false, "read the data and compile the step, print its size, and stop")
	c.RegisterFlagCompletionFunc("set", a.completeSets)
	c.RunE = func(_ *cobra.Command, args []string) error {
		switch {
		case dir != "" && name != "":
			return usage{fmt.Errorf("%s: --run-dir %s and --name %s: want one of them", c.CommandPath(), dir, name)}
		case name != "" && !folder.IsName(name):
			return usage{fmt.Errorf("%s: --name %q: want a name that can be a folder's; --run-dir takes a path",
				c.CommandPath(), name)}
		case name != "":
			dir = filepath.Join(root, name)
		case dir == "" && again:
			return usage{fmt.Errorf("%s: --resume goes with --run-dir or --name, which say what to go on with; "+
				"a run folder is gone on with by: %s", c.CommandPath(), called.Line("resume", "RUN"))}
		}
		r, err := a.recipe(args[0], sets)
		if err != nil {
			return err
		}
		r.BaseDir = paths
		if dry {
			return a.describe(r, false)
		}
		if err := a.join(); err != nil {
			return err
		}
		o, stop := a.options(root)
		defer stop()
		if dir != "" {
			return a.conclude(asJSON)(experiment.RunAt(dir, again, r, a.catalog, o))
		}
		return a.conclude(asJSON)(experiment.Run(r, o))
	}
	return c
}

// resumeVerb goes on with a run that was interrupted.
func resumeVerb(a *app) *cobra.Command {
	var sets []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "resume RUN [--set key=value]...",
		Short: "Go on with an interrupted run, or extend a finished one",
		Long: `  experiment resume runs/quickstart-20260102-150405-1a2b
  experiment resume runs/quickstart-20260102-150405-1a2b --set train.length="200 epochs"
  experiment resume runs/mine --set dataset.folder.train=/new/photos

Goes on from the last checkpoint of a run folder. The result is the same, bit for bit, as if the run had not been
interrupted. The data must be those that the run began with; --set says where they are, if they moved: an absolute
path, or one relative to the recipe.

--set train.length makes the training longer, also of a run that is done: it goes on from its last step, and learning
rate, momentum and other schedules are from there on as in a training of the new length. --set evaluate.knn.k=[1,20]
and its like change what is evaluated. run.json keeps what changed at which step, and the folder the recipe before.`,
		Args: cobra.ExactArgs(1),
	}
	c.Flags().StringArrayVar(&sets, "set", nil, "change train.length or a setting below evaluate, or say where "+
		"the data are now, as `key=value`; may be repeated")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object as the last line of standard output, "+
		"whatever the status")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if err := a.join(); err != nil {
			return err
		}
		o, stop := a.options("")
		defer stop()
		o.Sets = sets
		return a.conclude(asJSON)(experiment.Resume(args[0], a.catalog, o))
	}
	return c
}

// evalVerb evaluates the checkpoint of a run again.
func evalVerb(a *app) *cobra.Command {
	var sets, protocols []string
	var asJSON, best, merge bool
	var weights string
	c := &cobra.Command{
		Use:   "eval RUN... [--merge] [--protocol NAME]... [--set evaluate.knn.k=[5,20]]...",
		Short: "Evaluate the last checkpoint of a run",
		Long: `  experiment eval runs/quickstart-20260102-150405-1a2b --set evaluate.knn.k=[1,5,20,200]
  experiment eval runs/quickstart-20260102-150405-1a2b --protocol clustering --protocol retrieval
  experiment eval runs/simclr runs/vicreg --merge --protocol linear

Evaluates the encoder of a run's last checkpoint, or with --best of its best, by the protocols of its recipe, or by
those of --protocol alone; "experiment list evaluations" names them. --set changes settings of the protocols, and
--weights measures other weights than the recipe's average.weights. The run folder stays as it is.

With --merge it evaluates several runs on the data of the first: each alone, and their features side by side, those of
each run scaled to length 1, by protocols with labels.`,
		Args: cobra.MinimumNArgs(1),
	}
	c.Flags().StringArrayVar(&sets, "set", nil, "change one setting below evaluate, as `key=value`; may be repeated")
	c.Flags().BoolVar(&best, "best", false, "the best checkpoint instead of the last")
	c.Flags().StringVar(&weights, "weights", "", "`WEIGHTS` to evaluate: last, ema, or \"mean of 3\", of a run "+
		"that keeps them (default those of its recipe)")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object as the last line of standard output, "+
		"whatever the status")
	c.Flags().StringArrayVar(&protocols, "protocol", nil, "evaluate by the protocol of this `name` and no other, "+
		"whether the recipe has it or not; may be repeated")
	c.Flags().BoolVar(&merge, "merge", false, "evaluate several runs, each alone and their features together")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if merge != (len(args) > 1) {
			return usage{fmt.Errorf("%s: %d runs; want one, or several with --merge", c.CommandPath(), len(args))}
		}
		if merge {
			return a.conclude(asJSON)(experiment.EvaluateMerged(args, best, sets, a.catalog,
				experiment.Options{Messages: a.err, Protocols: protocols, Weights: weights}))
		}
		return a.conclude(asJSON)(experiment.Evaluate(args[0], best, sets, a.catalog,
			experiment.Options{Messages: a.err, Protocols: protocols, Weights: weights}))
	}
	return c
}

func orDefault(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
