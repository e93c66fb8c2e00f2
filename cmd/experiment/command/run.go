package command

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"selfsup/experiment"
	"selfsup/experiment/report"
	"selfsup/recipes"
)

// runVerb trains and evaluates a recipe.
func runVerb(a *app) *cobra.Command {
	var sets []string
	var root string
	var asJSON, dry bool
	c := &cobra.Command{
		Use:   "run RECIPE [--set key=value]...",
		Short: "Train and evaluate a recipe",
		Long: `  experiment run recipes/quickstart.toml
  experiment run quickstart.toml --set method.simclr.temperature=0.5 --set seed=2

Trains the recipe's encoder, evaluates it, and writes everything into a new folder below --runs. Ctrl-C finishes the step, saves and says
how to go on; a second one leaves at once. SIGUSR1 saves and stops with status 5.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRecipes,
	}
	c.Flags().StringArrayVar(&sets, "set", nil, "change one setting, as `key=value`; may be repeated")
	c.Flags().StringVar(&root, "runs", orDefault(os.Getenv("EXPERIMENT_RUNS"), "runs"), "folder that run folders are made in; also EXPERIMENT_RUNS")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object as the last line of standard output")
	c.Flags().BoolVar(&dry, "dry-run", false, "read the data and compile the step, print its size, and stop")
	c.RegisterFlagCompletionFunc("set", a.completeSets)
	c.RunE = func(_ *cobra.Command, args []string) error {
		r, err := a.recipe(args[0], sets)
		if err != nil {
			return err
		}
		if dry {
			return a.describe(r, false)
		}
		o, stop := a.options(root)
		defer stop()
		return a.conclude(asJSON)(experiment.Run(r, o))
	}
	return c
}

// resumeVerb goes on with a run that was interrupted.
func resumeVerb(a *app) *cobra.Command {
	var sets []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "resume RUN [--set dataset.NAME.path=PATH]...",
		Short: "Go on with an interrupted run",
		Long: `  experiment resume runs/quickstart-20260102-150405-1a2b

Goes on from the last checkpoint of a run folder. The result is the same, bit for bit, as if the run had not been interrupted. The data must
be those that the run began with; --set says where they are, if they moved: an absolute path, or one relative to the recipe.`,
		Args: cobra.ExactArgs(1),
	}
	c.Flags().StringArrayVar(&sets, "set", nil, "where the data are now, as `key=value`, such as dataset.folder.train=/new/photos; may be repeated")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object as the last line of standard output")
	c.RunE = func(_ *cobra.Command, args []string) error {
		o, stop := a.options("")
		defer stop()
		o.Sets = sets
		return a.conclude(asJSON)(experiment.Resume(args[0], a.catalog, o))
	}
	return c
}

// evalVerb evaluates the checkpoint of a run again.
func evalVerb(a *app) *cobra.Command {
	var sets []string
	var asJSON, best bool
	c := &cobra.Command{
		Use:   "eval RUN [--set evaluate.knn.k=[5,20]]...",
		Short: "Evaluate the last checkpoint of a run",
		Long: `  experiment eval runs/quickstart-20260102-150405-1a2b --set evaluate.knn.k=[1,5,20,200]

Evaluates the encoder of a run's last checkpoint, or with --best of its best, by the protocols of its recipe. --set changes settings of the protocols. The run folder
stays as it is.`,
		Args: cobra.ExactArgs(1),
	}
	c.Flags().StringArrayVar(&sets, "set", nil, "change one setting below evaluate, as `key=value`; may be repeated")
	c.Flags().BoolVar(&best, "best", false, "the best checkpoint instead of the last")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object as the last line of standard output")
	c.RunE = func(_ *cobra.Command, args []string) error {
		return a.conclude(asJSON)(experiment.Evaluate(args[0], best, sets, a.catalog, experiment.Options{Messages: a.err}))
	}
	return c
}

func orDefault(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// options turns the machine into what a run needs: messages to standard error, signals to requests.
func (a *app) options(root string) (o experiment.Options, stop func()) {
	requests := make(chan experiment.Request, 1)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, append([]os.Signal{os.Interrupt, syscall.SIGTERM}, saveSignals...)...)
	finished := make(chan struct{})
	go func() {
		asked := false
		for {
			select {
			case s := <-signals:
				q := requestOf(s)
				if asked && q == experiment.Interrupt {
					fmt.Fprintln(a.err, "\nleft at once; the last checkpoint counts")
					os.Exit(interrupted)
				}
				asked = true
				select {
				case requests <- q:
				default:
				}
			case <-finished:
				return
			}
		}
	}()
	return experiment.Options{Root: root, Messages: a.err, Stop: requests}, func() {
		signal.Stop(signals)
		close(finished)
	}
}

func requestOf(s os.Signal) experiment.Request {
	switch s {
	case os.Interrupt:
		return experiment.Interrupt
	case syscall.SIGTERM:
		return experiment.Terminate
	}
	return experiment.Requeue
}

// conclude prints a finished run, and passes an error on.
func (a *app) conclude(asJSON bool) func(*experiment.Summary, error) error {
	return func(s *experiment.Summary, err error) error {
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(a.out).Encode(s)
		}
		fmt.Fprint(a.out, s.Table())
		return nil
	}
}

// showVerb describes what a recipe would run.
func showVerb(a *app) *cobra.Command {
	var sets []string
	var dot, origins bool
	c := &cobra.Command{
		Use:   "show RECIPE [--set key=value]...",
		Short: "The resolved recipe, its parameters, operations and memory plan",
		Long: `  experiment show quickstart.toml
  experiment show quickstart.toml --origins
  experiment show quickstart.toml --dot | dot -Tsvg -o graph.svg

Prints the recipe with every value spelled out and the training step that it compiles to: parameters, operations, FLOPs and memory.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRecipes,
	}
	c.Flags().StringArrayVar(&sets, "set", nil, "change one setting, as `key=value`; may be repeated")
	c.Flags().BoolVar(&dot, "dot", false, "print the graph in Graphviz's language instead")
	c.Flags().BoolVar(&origins, "origins", false, "only the recipe, with the origin of every value")
	c.RegisterFlagCompletionFunc("set", a.completeSets)
	c.RunE = func(_ *cobra.Command, args []string) error {
		r, err := a.recipe(args[0], sets)
		if err != nil {
			return err
		}
		if origins {
			return r.WriteOrigins(a.out)
		}
		if !dot {
			fmt.Fprintln(a.out, r.Resolved)
		}
		return a.describe(r, dot)
	}
	return c
}

// describe compiles a recipe's training step and prints what it is made of.
func (a *app) describe(r *recipes.Loaded, dot bool) error {
	s, err := experiment.Prepare(r)
	if err != nil {
		return err
	}
	if dot {
		return report.Dot(a.out, s.Train.IR)
	}
	return s.Describe(a.out)
}
