// Package command is the command line: a table of verbs, one a file, with nothing but flags and printing. A program
// with a catalog of its own calls Main with it and has the same verbs.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"selfsup/experiment"
	"selfsup/experiment/compare"
	"selfsup/graph/comm"
	"selfsup/internal/called"
	"selfsup/internal/callsite"
	"selfsup/recipes"
	"selfsup/recipes/overlay"
)

// Exit statuses.
const (
	done        = 0
	failed      = 1
	wrongUse    = 2
	badData     = 3
	diverged    = 4
	requeued    = 5   // SIGUSR1: saved for the scheduler
	hungUp      = 129 // SIGHUP, the terminal was closed: saved
	interrupted = 130 // Ctrl-C: saved
	terminated  = 143 // SIGTERM: saved
)

// app is what the verbs share.
type app struct {
	catalog recipes.Catalog
	out     *answer
	err     io.Writer // everything else

	threaded bool              // --threads says how many
	ranks    *experiment.Ranks // processes of the job; nil: this one is alone
	alone    comm.Comm         // of a job of one process
}

// Main runs the command line and returns the exit status.
func Main(c recipes.Catalog, args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		if r := recover(); r != nil { // of a catalog's own code, such as Validate
			fmt.Fprintf(stderr, "%s: %v\n", called.Name(), callsite.Panic(r))
			code = failed
		}
	}()
	a := &app{catalog: c, out: &answer{Writer: stdout}, err: stderr}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(stderr)
	err := root.Execute()
	if err != nil && a.speaks(err) {
		fmt.Fprintln(stderr, strings.TrimRight(err.Error(), "\n"))
	}
	a.answerError(args, err)
	a.part(err)
	return status(err)
}

// speaks reports whether this process prints an error: of those that all ranks know, one does.
func (a *app) speaks(err error) bool {
	var agreed *experiment.Agreed
	var stop *experiment.Stopped
	known := errors.As(err, &agreed) || errors.As(err, &stop)
	return a.ranks.Lead() || !known
}

// usage is a mistake in what was typed; nothing was started.
type usage struct{ error }

func (u usage) Unwrap() error { return u.error }

// status is the exit status that an error stands for.
func status(err error) int {
	var wrong usage
	var recipe overlay.Errors
	var misfit *experiment.RecipeError
	var data *experiment.DataError
	var nan *experiment.DivergedError
	var stop *experiment.Stopped
	var where *compare.WhereError
	switch {
	case err == nil:
		return done
	case errors.As(err, &wrong), errors.As(err, &recipe), errors.As(err, &misfit), errors.As(err, &where):
		return wrongUse
	case errors.As(err, &data):
		return badData
	case errors.As(err, &nan):
		return diverged
	case errors.Is(err, context.Canceled):
		return interrupted
	case errors.As(err, &stop):
		return map[experiment.Request]int{
			experiment.Interrupt: interrupted, experiment.Requeue: requeued, experiment.Terminate: terminated,
			experiment.Hangup: hungUp,
		}[stop.Reason]
	}
	return failed
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "experiment",
		Short: "Self-supervised learning experiments from TOML recipes",
		Long: `  experiment run recipes/quickstart.toml           train, evaluate, write a run folder
  experiment run quickstart.toml --set seed=2      the same with another seed
  experiment diff quickstart.toml vicreg.toml      what differs
  experiment list methods                          what a recipe can name

Self-supervised learning experiments from TOML recipes. The answer goes to standard output, progress and messages to
standard error.

Exit status: 0 done, 1 failed, 2 wrong use or recipe, 3 data missing or unreadable, 4 diverged, 5 saved at SIGUSR1,
129 saved at SIGHUP (the terminal was closed), 130 saved at Ctrl-C, 143 saved at SIGTERM. A signal before the training
has begun ends it at once with its status.`,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: called.Name()},
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownVerb,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetVersionTemplate("{{.Name}}: {{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage{fmt.Errorf("%s: %w (see %[1]s --help)", c.CommandPath(), err)}
	})
	var threads string
	root.PersistentFlags().StringVar(&threads, "threads", os.Getenv("EXPERIMENT_THREADS"),
		"processor cores to use; also EXPERIMENT_THREADS (default all; results do not depend on it)")
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		if err := oneProcess(c); err != nil {
			return err
		}
		if threads == "" {
			return nil
		}
		n, err := strconv.Atoi(threads)
		if err != nil || n < 1 || n > 1024 {
			return usage{fmt.Errorf("%s: --threads %s: want a number from 1 to 1024", called.Name(), threads)}
		}
		experiment.SetThreads(n)
		a.threaded = true
		return nil
	}
	a.add(root, runVerb, resumeVerb, evalVerb, runsVerb, exportVerb, embedVerb, neighboursVerb, decodeVerb,
		diffVerb, compareVerb, ablateVerb, tableVerb, reportVerb, uiVerb, selectVerb, claimsVerb, sweepVerb,
		showVerb, viewsVerb, benchVerb, dataVerb, listVerb)
	return root
}

// oneProcess refuses a command that several processes would all do, each as if it were alone.
func oneProcess(c *cobra.Command) error {
	job, err := comm.Noticed()
	switch {
	case err != nil:
		return usage{fmt.Errorf("%s: %w", c.CommandPath(), err)}
	case job.Launched && !slices.Contains([]string{"run", "resume", "bench"}, c.Name()):
		return usage{fmt.Errorf("%s: %s says that this is one of several processes, each of which would do the "+
			"whole; want one process, only run, resume and bench are shared", c.CommandPath(), job.By)}
	}
	return nil
}

// asCalled writes the examples of a help text with the command as it was typed.
func asCalled(help string) string {
	return strings.ReplaceAll(help, "  experiment ", "  "+called.Name()+" ")
}

// add puts verbs below a command.
func (a *app) add(to *cobra.Command, verbs ...func(*app) *cobra.Command) {
	to.Long = asCalled(to.Long)
	for _, verb := range verbs {
		c := verb(a)
		c.Long = asCalled(c.Long)
		if args := c.Args; args != nil { // a wrong number of arguments is wrong use
			c.Args = func(c *cobra.Command, words []string) error {
				err := args(c, words)
				var told usage
				if err == nil || errors.As(err, &told) {
					return err
				}
				return usage{fmt.Errorf("%s: %w; usage: %s", c.CommandPath(), err, c.UseLine())}
			}
		}
		to.AddCommand(c)
	}
}

// knownVerb refuses words that are no verb, and suggests the nearest.
func knownVerb(c *cobra.Command, words []string) error {
	if len(words) == 0 {
		return nil
	}
	c.SuggestionsMinimumDistance = 2
	hint := "see " + c.CommandPath() + " --help"
	if near := c.SuggestionsFor(words[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usage{fmt.Errorf("%s: unknown command %s, %s", c.CommandPath(), words[0], hint)}
}

// recipe loads a recipe as all verbs do.
func (a *app) recipe(file string, sets []string) (*recipes.Loaded, error) {
	return recipes.Load(file, sets, a.catalog)
}

// completeRecipes offers the shipped recipes beside the files of the folder.
func (a *app) completeRecipes(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return recipes.Names(), cobra.ShellCompDirectiveDefault
}

// completeSets offers the keys of the recipe that is being typed.
func (a *app) completeSets(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	file := "quickstart.toml"
	if len(args) > 0 {
		file = args[0]
	}
	r, err := a.recipe(file, nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var keys []string
	for _, l := range r.Result.Leaves {
		keys = append(keys, l.Key+"=")
	}
	return keys, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}
